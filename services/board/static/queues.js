// Backlog by queue: the longest eight, and in one sentence how many more there are.

import { make, resize, say } from "./dom.js";
import { briefly, count, instant, known } from "./format.js";
import { drawTrend } from "./trend.js";

const SHOWN = 8;

/** What a queue is called; its name is whatever a helpdesk's users typed. */
export function queueName(queue) {
  if (queue === null || queue === undefined) return "no queue";
  return String(queue).trim() || "unnamed queue";
}

/** Most open tickets first; queues whose backlog is unknown come last. */
function sorted(queues) {
  return [...queues].sort((one, other) => (known(other.open) ?? -1) - (known(one.open) ?? -1));
}

function buildRow() {
  const row = make("li", "queue");
  const bar = make("span", "bar");
  bar.append(make("span", "fill"));
  const spark = make("span", "spark");
  row.append(make("bdi", "name"), make("span", "open"), bar, make("span", "held"), spark);
  return row;
}

function heldWords(queue, now) {
  const waiting = known(queue.waiting);
  if (waiting === null) return "waiting unknown";
  if (waiting === 0) return "none waiting";
  const since = instant(queue.longest_since);
  return `${count(waiting)} waiting${since === null ? "" : `, ${briefly((now - since) / 1000)}`}`;
}

function showRow(row, queue, most, now) {
  const [name, open, bar, held, spark] = row.children;
  const words = queueName(queue.queue);
  say(name, words);
  name.title = words;
  say(open, known(queue.open) === null ? "– unknown" : count(queue.open));
  const share = most > 0 ? (known(queue.open) ?? 0) / most : 0;
  bar.firstElementChild.style.width = `${(share * 100).toFixed(2)}%`;
  say(held, heldWords(queue, now));
  row.classList.toggle("idle", queue.waiting === 0);
  drawTrend(spark, queue.trend);
}

function restWords(rest) {
  if (rest.length === 0) return "";
  const open = rest.reduce((sum, queue) => (known(queue.open) === null ? null : sum + queue.open), 0);
  const queues = `and ${count(rest.length)} more ${rest.length === 1 ? "queue" : "queues"}`;
  // A sum over an unknown part would be too small without saying so.
  return known(open) === null ? queues : `${queues} with ${count(open)} open`;
}

/** Shows the queues of a wall in `list`, and what did not fit in `more`. */
export function showQueues(list, more, queues, now) {
  if (!Array.isArray(queues)) {
    resize(list, 0, buildRow);
    say(more, "queues unknown");
    return;
  }
  const ranked = sorted(queues.filter((queue) => queue !== null && typeof queue === "object"));
  const shown = ranked.slice(0, SHOWN);
  const most = Math.max(0, ...shown.map((queue) => known(queue.open) ?? 0));
  resize(list, shown.length, buildRow).forEach((row, index) => showRow(row, shown[index], most, now));
  say(more, queues.length === 0 ? "no open tickets in any queue" : restWords(ranked.slice(SHOWN)));
}
