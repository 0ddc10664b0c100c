// Figures as people read them. Unknown (null) is an en dash, never a zero.

export const UNKNOWN = "–";

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const clockTime = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const preciseTime = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit", minute: "2-digit", second: "2-digit",
});

/** A finite number, or null for whatever else came. */
export function known(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** Milliseconds since the epoch, or null where no instant came. */
export function instant(value) {
  return typeof value === "string" ? known(Date.parse(value)) : null;
}

/** `12,431`; from a million on `1.23 M`, so that a number never outgrows its tile. */
export function count(value) {
  const number = known(value);
  if (number === null) return UNKNOWN;
  return Math.abs(number) < 1e6 ? whole.format(number) : `${(number / 1e6).toFixed(2)} M`;
}

/** `▲ 7`, `▼ 3`; null when there is no change to speak of, or none is known. */
export function change(value) {
  const number = known(value);
  if (number === null || number === 0) return null;
  return `${number > 0 ? "▲" : "▼"} ${count(Math.abs(number))}`;
}

const padded = (number) => String(number).padStart(2, "0");

/** Elapsed time, begun units left out: `45 s`, `3 min`, `2 h 05`, `3 d 04 h`, `120 d`. */
export function elapsed(seconds) {
  if (known(seconds) === null) return UNKNOWN;
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${padded(minutes % 60)}`;
  const days = Math.floor(hours / 24);
  return days < 100 ? `${days} d ${padded(hours % 24)} h` : `${whole.format(days)} d`;
}

/** Time left, to the second: `4:05`, `1:02:09`; from ten hours on as `briefly`. */
export function countdown(seconds) {
  if (known(seconds) === null) return UNKNOWN;
  const s = Math.max(0, Math.floor(seconds));
  if (s >= 36_000) return briefly(s);
  const hours = Math.floor(s / 3600);
  const minutes = Math.floor((s % 3600) / 60);
  return `${hours > 0 ? `${hours}:${padded(minutes)}` : minutes}:${padded(s % 60)}`;
}

/** As `elapsed`, from a day on in whole days: where there is little room. */
export function briefly(seconds) {
  const days = Math.floor((known(seconds) ?? 0) / 86_400);
  return days > 0 ? `${count(days)} d` : elapsed(seconds);
}

/** A measured duration, to the nearest second below a minute and the nearest minute above. */
export function duration(seconds) {
  if (known(seconds) === null) return UNKNOWN;
  const unit = seconds < 59.5 ? 1 : 60;
  return elapsed(Math.round(seconds / unit) * unit);
}

/** A ratio as percent, cut and not rounded: 100 % is said only when it is so. */
export function percent(ratio, digits = 0) {
  if (known(ratio) === null) return UNKNOWN;
  const scale = 10 ** digits;
  // The small step keeps 0.29 * 100 = 28.999999999999996 at 29.
  return `${(Math.floor(ratio * 100 * scale + 1e-9) / scale).toFixed(digits)} %`;
}

/** Local time of day, `14:05`. */
export function timeOfDay(ms) {
  return clockTime.format(ms);
}

/** Local time of day with seconds, `14:05:09`. */
export function exactTime(ms) {
  return preciseTime.format(ms);
}

/** `wrap_up` as `wrap-up`, `first_response` as `first response`. */
export function plainWords(name) {
  return name === "wrap_up" ? "wrap-up" : String(name).replaceAll("_", " ");
}
