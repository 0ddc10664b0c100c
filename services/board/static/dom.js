// The few DOM calls that the wall needs. Data only ever becomes text, never markup.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** Sets the text; an unchanged text touches nothing, so screen readers and layout stay quiet. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

export function draw(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** Makes `parent` hold exactly `count` children, adding with `build`, taking away from the end. */
export function resize(parent, count, build) {
  while (parent.children.length > count) parent.lastElementChild.remove();
  while (parent.children.length < count) parent.append(build());
  return [...parent.children];
}

/** A number with its units in small: `2 h 05` keeps its digits large. */
export function sayNumber(element, text) {
  if (element.textContent === text) return;
  const parts = text.match(/[\d.,–]+|[^\d.,–]+/g) ?? [];
  element.replaceChildren(...parts.map((part) => (/[\d–]/.test(part) ? part : make("small", "", part))));
}
