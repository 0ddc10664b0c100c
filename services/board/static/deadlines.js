// The promises that break next, each with a countdown to its deadline, after those that broke a moment ago.

import { make, resize, say } from "./dom.js";
import { count, countdown, elapsed, instant, known, plainWords, timeOfDay } from "./format.js";
import { queueName } from "./queues.js";

function buildRow() {
  const row = make("li", "deadline");
  const [above, below, where] = [make("div"), make("div"), make("a", "where")];
  where.append(make("bdi"), make("span"));
  above.append(make("span", "left"), make("span", "promise"));
  below.append(make("span", "mark"), where);
  row.append(above, below);
  return row;
}

/** The helpdesk's own id: the last part of a ticket's key. */
function ticketId(key) {
  const part = String(key).split("/").at(-1);
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function showRow(row, deadline, now) {
  const due = instant(deadline.due_at) ?? now;
  const holds = instant(deadline.holds_until) ?? due;
  const overdue = deadline.state === "overdue" || now > holds;
  const [[left, promise], [mark, where]] = [...row.children].map((line) => [...line.children]);
  say(left, overdue ? `+${countdown(Math.floor((now - due) / 1000))}` : countdown(Math.ceil((due - now) / 1000)));
  // A deadline at closing time is passed only when the next opening is.
  const grace = !overdue && now > due ? `, until ${timeOfDay(holds)}` : "";
  say(promise, `${plainWords(deadline.clock)}${grace}`);
  say(mark, overdue ? "OVERDUE" : "AT RISK");
  mark.dataset.word = overdue ? "ACT" : "WATCH";
  say(where.firstElementChild, queueName(deadline.queue));
  say(where.lastElementChild, ticketId(deadline.ticket));
  where.title = `${queueName(deadline.queue)}: why ${deadline.ticket} stands where it does`;
  const explain = String(deadline.explain ?? "");
  if (explain.startsWith("/api/v1/tickets/")) where.setAttribute("href", explain);
  else where.removeAttribute("href");
}

function calmWords(next, now) {
  const at = instant(next?.at);
  if (at === null) return "No promise is running.";
  const promise = `${plainWords(next.clock)}, ${queueName(next.queue)}`;
  return `Nothing is about to breach. Next deadline in ${elapsed((at - now) / 1000)}: ${promise}.`;
}

function restWords(wall, rows, now) {
  if (rows.length === 0) return calmWords(wall.deadlines.next, now);
  const shown = rows.filter((row) => row.state === "at_risk").length;
  const more = (known(wall.sla?.at_risk) ?? 0) - shown;
  return more > 0 ? `and ${count(more)} more at risk` : "";
}

/** Shows the deadlines of a wall in `list`, and in `rest` what else there is to say. */
export function showDeadlines(list, rest, wall, now) {
  const told = wall.deadlines?.tickets;
  if (!Array.isArray(told)) {
    resize(list, 0, buildRow);
    say(rest, "deadlines unknown");
    return;
  }
  const rows = told.filter((row) => row !== null && typeof row === "object");
  resize(list, rows.length, buildRow).forEach((row, index) => showRow(row, rows[index], now));
  say(rest, restWords(wall, rows, now));
}
