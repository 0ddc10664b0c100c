// How far the figures can be trusted, in one word and one sentence.

import { elapsed, exactTime, instant } from "./format.js";

/** Two missed heartbeats of the stream (one every 5 s). */
export const SILENCE_MS = 10_000;

const WORDS = {
  live: "LIVE", quiet: "QUIET", catching_up: "CATCHING UP", stale: "STALE", unknown: "UNKNOWN",
};
const UNTRUSTED = new Set(["stale", "unknown", "connecting", "lost"]);

/** The board's sentence without the word that stands before it anyway. */
function withoutWord(sentence, word) {
  const prefix = `${word}: `;
  if (!sentence.toUpperCase().startsWith(prefix)) return sentence;
  const rest = sentence.slice(prefix.length);
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}

/** What to say when the board itself has not been heard of for too long. */
function lost(wall, silenceMs) {
  const silence = elapsed(silenceMs / 1000);
  if (wall === null) {
    return { state: "lost", word: "NO DATA", sentence: `The board has not answered for ${silence}.` };
  }
  const readAt = instant(wall.freshness?.read_at) ?? instant(wall.at);
  const asOf = readAt === null ? "" : ` Figures are those of ${exactTime(readAt)}.`;
  return { state: "lost", word: "STALE", sentence: `No connection to the board for ${silence}.${asOf}` };
}

/**
 * Judges the figures on show.
 *
 * @param wall The newest wall, or null before the first.
 * @param silenceMs Time since the board was last heard of.
 * @param now The board's clock, in ms.
 * @param polling Whether figures come by asking instead of by the stream.
 */
export function judge(wall, silenceMs, now, polling) {
  if (silenceMs > SILENCE_MS) return { ...lost(wall, silenceMs), age: "", trusted: false };
  if (wall === null) {
    const sentence = "Asking the board for its first figures.";
    return { state: "connecting", word: "CONNECTING", sentence, age: "", trusted: false };
  }
  const told = wall.freshness?.state;
  const state = Object.hasOwn(WORDS, told) ? told : "unknown";
  const sentence = String(wall.freshness?.sentence ?? "How old the figures are is unknown.");
  const readAt = instant(wall.freshness?.read_at);
  const age = readAt === null ? "" : `read ${elapsed((now - readAt) / 1000)} ago`;
  return {
    state,
    word: WORDS[state],
    sentence: withoutWord(sentence, WORDS[state]),
    age: [age, polling ? "stream broken, asking instead" : ""].filter(Boolean).join(", "),
    trusted: !UNTRUSTED.has(state),
  };
}
