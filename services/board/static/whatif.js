// What another policy would have made of the same events: what the board compares, and which tickets differ.

import { byId, make, say } from "./dom.js";
import { count, elapsed, instant, known, percent, plainWords, UNKNOWN } from "./format.js";
import { queueName } from "./queues.js";

const ASK_EVERY_MS = 10_000;
const ASK_AGAIN_MS = 1_500;
const PAGE = 25;
const WINDOWS = ["24h", "7d", "28d", "all"];
const FIGURES = [
  ["attainment", "Attainment"], ["breached", "Breached"], ["met", "Met"], ["at_risk", "At risk now"],
  ["overdue", "Overdue now"],
];
/** Of which figures more is better; of the others, less. */
const MORE_IS_BETTER = new Set(["attainment", "met"]);
const WHEN = { running: "until", paused: "since" };

const asked = new URLSearchParams(location.search);
const namespace = asked.get("namespace") || "whatif";
const window_ = asked.get("window") || "28d";

const moment = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
});

function time(text) {
  const at = instant(text);
  return at === null ? UNKNOWN : moment.format(at);
}

/** The address of this page with some words changed; null takes one away. */
function address(changes, path = "/whatif") {
  const words = new URLSearchParams(asked);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) words.delete(name);
    else words.set(name, value);
  }
  return `${path}?${words}`;
}

// Figures.

function written(name, value) {
  return name === "attainment" ? percent(value, 1) : count(value);
}

/** A ratio in tenths of a percent, cut as `percent` shows it, so that the difference is that of what is shown. */
function shownTenths(ratio) {
  return Math.floor(ratio * 1000 + 1e-9);
}

/** `2.7 points worse`, `142 more`: words, and whether that is good. */
function moved(name, one, other) {
  if (known(one) === null || known(other) === null || one === other) return null;
  const up = other > one;
  const good = up === MORE_IS_BETTER.has(name);
  const kind = good ? "better" : "worse";
  if (name !== "attainment") return { words: `${count(Math.abs(other - one))} ${up ? "more" : "fewer"}`, kind };
  const tenths = Math.abs(shownTenths(other) - shownTenths(one));
  return { words: `${tenths === 0 ? "under 0.1" : (tenths / 10).toFixed(1)} points ${kind}`, kind };
}

function cell(name, label, both) {
  const [one, other] = [both.policy[name], both.against[name]];
  const made = make("td");
  made.dataset.label = label;
  const shown = make("span");
  const same = one === other;
  const text = same ? written(name, one) : `${written(name, one)} → ${written(name, other)}`;
  shown.append(make("span", same ? "pair same" : "pair", text));
  const change = moved(name, one, other);
  if (change !== null) shown.append(make("span", `moved ${change.kind}`, change.words));
  made.append(shown);
  if (!known(one) && !known(other)) made.classList.add("quiet");
  return made;
}

function row(kind, head, both) {
  const made = make("tr", kind);
  made.append(head, ...FIGURES.map(([name, label]) => cell(name, label, both)));
  return made;
}

function heading(content) {
  const made = make("th");
  made.scope = "row";
  made.append(content);
  return made;
}

function queueLink(queue) {
  const link = make("a", "", queueName(queue));
  link.href = address({ queue: queue ?? "" });
  return link;
}

function body(title, figures) {
  const made = make("tbody");
  made.append(row("whole", heading(title), figures));
  const queues = figures.queues.length === 1 && asked.has("queue") ? [] : figures.queues; // they would say it twice
  for (const each of queues) made.append(row("queue-row", heading(queueLink(each.queue)), each));
  return made;
}

function showFigures(told) {
  const table = byId("figures");
  for (const old of [...table.tBodies]) old.remove();
  table.append(
    body("In all", told.in_all),
    ...told.clocks.map((clock) => body(sentenceCase(plainWords(clock.clock)), clock)),
  );
  table.hidden = told.clocks.length === 0;
  const span = `${time(told.from)} to ${time(told.to)}`;
  say(byId("caption"), `${span}: ${told.policy.namespace} (live) → ${told.against.namespace}.`);
}

function sentenceCase(words) {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

// Tickets.

function side(name, outcome) {
  const made = make("p", "side");
  made.append(make("span", "of", `${name}: `));
  if (outcome === null) made.append("no such clock");
  else if (outcome.policy === null) made.append("nothing promised");
  else {
    const words = [outcome.state, WHEN[outcome.state], outcome.at === null ? null : time(outcome.at)];
    made.append(make("b", "", words.filter(Boolean).join(" ")));
    made.append(make("span", "of", `, ${outcome.policy} promises ${elapsed(outcome.target_seconds)}`));
  }
  return made;
}

function verdict(ticket) {
  const both = [ticket.policy, ticket.against].every((outcome) => outcome?.state === "breached");
  if (both) return make("span", "moved", "breached under both, here counted of one only: another queue or time");
  const gained = ticket.breached_under === "against";
  return make("span", `moved ${gained ? "worse" : "better"}`, gained ? "newly breached" : "no longer breached");
}

function ticketRow(ticket, told) {
  const made = make("li");
  const link = make("a", "", ticket.ticket);
  // The key holds escaped slashes, which an address has to escape once more; the board has done so.
  link.href = ticket.explain;
  link.title = "Why it is so under the live policy (JSON)";
  const first = make("p");
  first.append(link);
  const which = make("p", "which", plainWords(ticket.clock));
  which.append(verdict(ticket));
  made.append(first, which, side(told.policy.namespace, ticket.policy), side(told.against.namespace, ticket.against));
  return made;
}

let next = null;
let shown = 0;

function showTickets(told) {
  byId("tickets").append(...told.tickets.map((ticket) => ticketRow(ticket, told)));
  shown += told.tickets.length;
  next = told.next;
  byId("more").hidden = next === null;
  const rest = next === null ? "" : ", and there may be more";
  const since = told.listed_from === null ? "" : ` Those before ${time(told.listed_from)} are not listed any more.`;
  const some = `${count(shown)} breached under one policy and not under the other${rest}, the newest first.`;
  const none = next === null ? "No ticket is breached under one policy alone." : "None so far.";
  say(byId("tickets-note"), (shown === 0 ? none : some) + since);
}

async function showMore() {
  byId("more").disabled = true;
  try {
    const answer = await fetch(address({ limit: PAGE, cursor: next }, "/api/v1/whatif"));
    const told = await answer.json();
    if (answer.ok) showTickets(told);
    else say(byId("tickets-note"), told.detail);
  } catch {
    say(byId("tickets-note"), "The board does not answer. Try again.");
  }
  byId("more").disabled = false;
}

// What can be believed.

function tell(state, word, sentence, trusted = true) {
  document.body.dataset.state = state;
  document.body.classList.toggle("untrusted", !trusted);
  say(byId("word"), word);
  say(byId("sentence"), sentence);
}

function showTrust(told) {
  const { comparable, sentence } = told.against;
  const stale = [told.policy, told.against].filter((each) => ["stale", "unknown"].includes(each.freshness.state));
  const behind = stale.map((each) => `${each.namespace}: ${each.freshness.sentence}`).join(" ");
  if (stale.length > 0) {
    tell("stale", "STALE", behind, false);
    return;
  }
  const [word, ...rest] = sentence.split(": ");
  tell(comparable ? "live" : "not_yet", word.toUpperCase(), rest.join(": "));
}

let begun = false;

/** Asks once; the tickets come with the first answer only, since they are long. */
async function ask() {
  try {
    const answer = await fetch(address({ limit: begun ? 0 : PAGE, cursor: null }, "/api/v1/whatif"));
    const told = await answer.json();
    if (!answer.ok) {
      const away = answer.status === 503;
      const detail = String(told.detail ?? "The board gives no reason.");
      tell(away ? "connecting" : "lost", away ? "WAIT" : "NO ANSWER", sentenceCase(detail), away);
      return away ? ASK_AGAIN_MS : ASK_EVERY_MS;
    }
    showTrust(told);
    showFigures(told);
    if (!begun) showTickets(told);
    begun = true;
  } catch {
    tell("lost", "NO DATA", "The board does not answer.", false);
  }
  return ASK_EVERY_MS;
}

async function keepAsking() {
  const pause = document.hidden ? ASK_EVERY_MS : await ask();
  setTimeout(keepAsking, pause);
}

function showChoices() {
  document.title = `What if ${namespace} · deskpulse`;
  say(byId("title"), `What if: ${namespace}`);
  const down = make("a", "", "Which tickets differ");
  down.href = "#differing";
  byId("about").append(" ", down);
  byId("windows").append(
    ...WINDOWS.map((name) => {
      const link = make("a", "", name === "all" ? "all that is kept" : `last ${name.replace("h", " hours").replace("d", " days")}`);
      link.href = address({ window: name });
      if (name === window_) link.setAttribute("aria-current", "true");
      return link;
    }),
  );
  if (!asked.has("queue")) return;
  const all = make("a", "", "show all queues");
  all.href = address({ queue: null });
  byId("only").append(`Only ${asked.getAll("queue").map((name) => queueName(name || null)).join(", ")}: `, all);
}

showChoices();
byId("more").addEventListener("click", showMore);
keepAsking();
