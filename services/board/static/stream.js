// Walls as the board sends them: by server-sent events, and by asking while the stream is broken.

const STREAM = "/api/v1/stream";
const WALL = "/api/v1/wall";

const QUIET_MS = 6_000; // the stream speaks at least every 5 s
const POLL_EVERY_MS = 2_000;
const POLL_TIMEOUT_MS = 5_000;
const RETRY_FIRST_MS = 1_000;
const RETRY_MOST_MS = 15_000;

/**
 * Follows the board for as long as the page lives.
 *
 * @param onWall Called with each wall; a throw counts as not heard.
 * @returns `silenceMs()` since the last wall, and `polling()`: whether it came by asking.
 */
export function follow(onWall) {
  let heardAt = performance.now();
  let streamHeardAt = heardAt;
  let polledAt = heardAt;
  let byAsking = false;
  let source = null;
  let retryMs = RETRY_FIRST_MS;
  let reopenAt = Infinity;

  function heard(text, asking) {
    onWall(JSON.parse(text));
    heardAt = performance.now();
    byAsking = asking;
  }

  function open() {
    reopenAt = Infinity;
    streamHeardAt = performance.now();
    source = new EventSource(STREAM);
    source.addEventListener("wall", (event) => {
      try {
        heard(event.data, false);
        streamHeardAt = heardAt;
        retryMs = RETRY_FIRST_MS;
      } catch (error) {
        console.warn("wall not understood", error);
      }
    });
    // EventSource gives up for good on some answers (503, 404), and retries others at a fixed pace:
    // one way for all, with growing pauses, is ours.
    source.addEventListener("error", reopenLater);
  }

  function reopenLater() {
    source?.close();
    source = null;
    reopenAt = performance.now() + retryMs * (0.75 + Math.random() / 2);
    retryMs = Math.min(retryMs * 2, RETRY_MOST_MS);
  }

  async function poll() {
    polledAt = performance.now();
    const before = streamHeardAt;
    try {
      const answer = await fetch(WALL, { cache: "no-store", signal: AbortSignal.timeout(POLL_TIMEOUT_MS) });
      if (!answer.ok) return;
      const text = await answer.text();
      // What the stream said meanwhile is newer.
      if (streamHeardAt === before || source === null) heard(text, true);
    } catch {
      // The silence grows, and the page says so.
    }
  }

  function watch() {
    const now = performance.now();
    if (source !== null && now - streamHeardAt > QUIET_MS) reopenLater(); // a half-open connection
    if (source === null && now >= reopenAt) open();
    const broken = source === null || now - heardAt > POLL_EVERY_MS + QUIET_MS / 2 || byAsking;
    if (broken && now - polledAt >= POLL_EVERY_MS) poll();
  }

  open();
  setInterval(watch, 500);
  return { silenceMs: () => performance.now() - heardAt, polling: () => byAsking };
}
