// A series as SVG: an area with its line, and a dot on the newest value. Unknown values leave a gap.

import { draw, say } from "./dom.js";
import { count, instant, known } from "./format.js";

const WIDTH = 1000;
const HEIGHT = 100;

/** Runs of neighbouring known values, as [x, y] in the unit square, y upwards. */
export function runs(values, low, high) {
  const span = high - low || 1;
  const found = [];
  let run = null;
  values.forEach((value, index) => {
    if (known(value) === null) {
      run = null;
      return;
    }
    if (run === null) found.push((run = []));
    const x = values.length > 1 ? index / (values.length - 1) : 1;
    run.push([x, high === low ? 0.5 : (value - low) / span]);
  });
  return found;
}

function svgFor(holder) {
  const present = holder.querySelector("svg");
  if (present) return present;
  const svg = draw("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false",
  });
  // The dot is a line of no length: its round cap stays round however the picture is stretched.
  svg.append(...["area", "line", "dot"].map((part) => draw("path", { class: part, d: "" })));
  holder.append(svg);
  return svg;
}

/** Draws `values` into `holder`; returns the lowest and highest known value, or null. */
export function drawTrend(holder, values) {
  const series = Array.isArray(values) ? values : [];
  const present = series.filter((value) => known(value) !== null);
  const [area, line, dot] = svgFor(holder).children;
  if (present.length === 0) {
    for (const path of [area, line, dot]) path.setAttribute("d", "");
    return null;
  }
  const [low, high] = [Math.min(...present), Math.max(...present)];
  const at = ([x, y]) => `${(x * WIDTH).toFixed(1)} ${((1 - y) * HEIGHT).toFixed(1)}`;
  const lines = runs(series, low, high);
  line.setAttribute("d", lines.map((run) => `M${run.map(at).join("L")}`).join(""));
  area.setAttribute("d", lines.map((run) => {
    const [from, to] = [at([run[0][0], 0]), at([run.at(-1)[0], 0])];
    return `M${from}L${run.map(at).join("L")}L${to}Z`;
  }).join(""));
  const newest = known(series.at(-1)) === null ? null : at(lines.at(-1).at(-1));
  dot.setAttribute("d", newest === null ? "" : `M${newest}h0.01`);
  return { low, high };
}

/** The backlog of the last day, with its range and its time axis in words. */
export function showTrend(figure, trend) {
  const range = drawTrend(figure.querySelector(".plot"), trend?.values);
  const [from, words, to] = figure.querySelector("figcaption").children;
  if (range === null) {
    say(from, "");
    say(words, "no trend yet");
    say(to, "");
    return;
  }
  const covered_h = Math.round(((trend.values.length - 1) * (known(trend.step_s) ?? 0)) / 3600);
  say(from, instant(trend.from) !== null && covered_h > 0 ? `${covered_h} h ago` : "");
  say(words, `low ${count(range.low)}, high ${count(range.high)}`);
  say(to, "now");
}
