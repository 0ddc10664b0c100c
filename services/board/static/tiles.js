// The tiles: each figure with what it is, a note, and where somebody may have to act, a word.

import { byId, make, resize, say, sayNumber } from "./dom.js";
import { UNKNOWN, change, count, duration, elapsed, instant, known, percent, plainWords, timeOfDay }
  from "./format.js";
import { queueName } from "./queues.js";

// Above 85 % queues grow fast, above 90 % people wear out: docs/kpis.md, Utilisation.
const UTILISATION_WATCH = 0.85;
const UTILISATION_ACT = 0.9;

const STATES = ["busy", "wrap_up", "available", "meeting", "training", "break", "away"];

const listed = (value) => (Array.isArray(value) ? value : []);

/** Shows one figure. An unknown number has a dash, and its note says so instead. */
function show(id, number, note, verdict = null) {
  const figure = byId(id);
  const unknown = number === UNKNOWN;
  sayNumber(figure.querySelector(".number"), number);
  say(figure.querySelector(".note"), unknown ? (note.unknown ?? "unknown") : (note.known ?? ""));
  figure.classList.toggle("unknown", unknown);
  const word = unknown ? null : verdict;
  const place = figure.querySelector(".verdict");
  if (place) {
    say(place, word ?? "");
    place.dataset.word = word ?? "";
  }
}

/** The queue where somebody has waited since `since`, with that time of day. */
function whereAndSince(queues, since) {
  const there = listed(queues).find((queue) => instant(queue.longest_since) === since);
  const clock = `since ${timeOfDay(since)}`;
  return there === undefined ? clock : `${clock} in ${queueName(there.queue)}`;
}

export function showWaiting(wall, now) {
  const waiting = known(wall.waiting?.count);
  const since = instant(wall.waiting?.longest_since);
  const queues = listed(wall.backlog?.queues).filter((queue) => known(queue.waiting) > 0).length;
  const spread = waiting > 0 && queues > 0 ? `in ${count(queues)} ${queues === 1 ? "queue" : "queues"}` : "";
  show("waiting-count", count(waiting), { known: spread });
  show("longest-wait", since === null ? UNKNOWN : elapsed((now - since) / 1000), {
    known: since === null ? "" : whereAndSince(wall.backlog?.queues, since),
    unknown: waiting === 0 ? "nobody waits" : "unknown",
  });
}

export function showResponse(response) {
  const none = known(response?.count) === 0 ? "no data yet" : "unknown";
  const window = response?.window ? `in the last ${String(response.window).replace(/^(\d+)/, "$1 ")}` : "";
  show("response-median", duration(response?.median_s), { known: "half came sooner", unknown: none });
  show("response-p90", duration(response?.p90_s), { known: "9 in 10 came sooner", unknown: none });
  show("response-count", count(response?.count), { known: window });
}

/** Which promises are meant, one a line: `2 first response`, `1 resolution`. */
function byClock(clocks, figure) {
  const some = listed(clocks)
    .filter((clock) => known(clock[figure]) > 0)
    .sort((one, other) => other[figure] - one[figure]);
  return some.slice(0, 2).map((clock) => `${count(clock[figure])} ${plainWords(clock.clock)}`).join("\n");
}

export function showSla(sla) {
  const none = sla?.met_24h === 0 && sla.breached_24h === 0;
  show("sla-overdue", count(sla?.overdue), { known: byClock(sla?.clocks, "overdue") },
    sla?.overdue > 0 ? "ACT" : "OK");
  show("sla-at-risk", count(sla?.at_risk), { known: byClock(sla?.clocks, "at_risk") },
    sla?.at_risk > 0 ? "WATCH" : "OK");
  show("sla-breached", count(sla?.breached_24h), { known: "in 24 h" });
  show("sla-attainment", percent(sla?.attainment_24h, 1), {
    known: "in 24 h", unknown: none ? "no data yet" : "unknown",
  });
}

export function showBacklog(backlog) {
  const moved = known(backlog?.change_1h);
  const words = moved === null ? "change unknown" : `${change(moved) ?? "no change"} in the last hour`;
  show("backlog-total", count(backlog?.total), { known: words });
}

function utilisationWord(ratio) {
  if (ratio > UTILISATION_ACT) return "ACT";
  return ratio > UTILISATION_WATCH ? "WATCH" : "OK";
}

export function showAgents(agents) {
  const occupancy = known(agents?.occupancy_1h);
  const available = known(agents?.states?.available);
  show("agents-signed-in", count(agents?.signed_in), {
    known: available === null ? "" : `${count(available)} available now`,
  });
  show("agents-utilisation", percent(agents?.utilisation_1h), {
    known: occupancy === null ? "in the last hour" : `occupancy ${percent(occupancy)}, last hour`,
  }, utilisationWord(agents?.utilisation_1h));
  showStates(agents?.states ?? null);
}

function buildState() {
  const item = make("li");
  item.append(make("span", "swatch"), make("b"), make("span", "state"));
  return item;
}

function showStates(states) {
  const names = states === null ? [] : [
    ...STATES.filter((name) => Object.hasOwn(states, name)),
    ...Object.keys(states).filter((name) => !STATES.includes(name)),
  ];
  const segments = resize(byId("states-bar"), names.length, () => make("span"));
  const items = resize(byId("states"), names.length, buildState);
  names.forEach((name, index) => {
    const colour = STATES.includes(name) ? name : "other";
    const number = known(states[name]);
    segments[index].dataset.state = colour;
    segments[index].style.flexGrow = String(number ?? 0);
    const [swatch, figure, word] = items[index].children;
    swatch.dataset.state = colour;
    say(figure, count(number));
    say(word, number === null ? `${plainWords(name)}, unknown` : plainWords(name));
    items[index].classList.toggle("none", number === 0);
  });
}
