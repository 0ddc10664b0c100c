// The wall: shows what the board sends, and once a second what time alone has changed.

import { showDeadlines } from "./deadlines.js";
import { byId, say } from "./dom.js";
import { judge } from "./freshness.js";
import { count, instant, timeOfDay } from "./format.js";
import { showQueues } from "./queues.js";
import { follow } from "./stream.js";
import { showAgents, showBacklog, showResponse, showSla, showWaiting } from "./tiles.js";
import { showTrend } from "./trend.js";

const TICK_MS = 1_000;

let wall = null;
let heardAt = 0;

/** The board's clock: a screen's own may be wrong, and waits would be wrong with it. */
function now() {
  const at = instant(wall?.at);
  return at === null ? Date.now() : at + (performance.now() - heardAt);
}

function showFigures(told) {
  showResponse(told.first_response);
  showSla(told.sla);
  showBacklog(told.backlog);
  showTrend(byId("backlog-trend"), told.backlog?.trend);
  showAgents(told.agents);
}

function tick() {
  const at = now();
  const verdict = judge(wall, feed.silenceMs(), at, feed.polling());
  document.body.dataset.state = verdict.state;
  document.body.classList.toggle("untrusted", !verdict.trusted);
  say(byId("word"), verdict.word);
  say(byId("sentence"), verdict.sentence);
  say(byId("age"), verdict.age);
  say(byId("clock"), timeOfDay(at));
  const waiting = `${count(wall?.waiting?.count)} waiting · deskpulse`;
  document.title = verdict.trusted ? waiting : `${verdict.word} · ${waiting}`;
  if (wall === null) return;
  showWaiting(wall, at);
  showDeadlines(byId("deadlines"), byId("deadlines-rest"), wall, at);
  // No queue is listed while the backlog itself is unknown: that is not "none open".
  const queues = wall.backlog?.total === null ? null : wall.backlog?.queues;
  showQueues(byId("queues"), byId("queues-more"), queues, at);
}

const feed = follow((told) => {
  showFigures(told);
  wall = told;
  heardAt = performance.now();
  queueMicrotask(tick); // after the feed has noted that it was heard
});
tick();
setInterval(tick, TICK_MS);
