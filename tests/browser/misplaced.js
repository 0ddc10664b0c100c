// Says what sticks out of its tile or of the screen, what lies on something else, and what is cut.
// The body of a function: the test runs it in the page.
const box = (e) => e.getBoundingClientRect();
const shown = (e) => box(e).width > 0 && box(e).height > 0 && !e.closest('.unseen, svg');
const inside = (a, b) =>
  a.left >= b.left - 1 && a.right <= b.right + 1 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
const apart = (a, b) =>
  a.right <= b.left + 1 || b.right <= a.left + 1 || a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
const called = (e) => `${e.tagName} ${e.id || e.className} "${e.textContent.slice(0, 30)}"`;
const found = [];
const pageHeight = document.documentElement.scrollHeight;
for (const tile of document.querySelectorAll('.tile, header')) {
  if (!inside(box(tile), {left: 0, top: -scrollY, right: innerWidth, bottom: pageHeight - scrollY}))
    found.push(`off screen: ${called(tile)}`);
  for (const part of [...tile.querySelectorAll('*')].filter(shown))
    if (!inside(box(part), box(tile))) found.push(`sticks out: ${called(part)}`);
}
const leaves = [...document.querySelectorAll(
  'header > *, h2, dt, dd, .plot, figcaption, #queues .name, .open, .bar, .held, .spark, #queues-more, ' +
  '.states-bar, #states li, .left, .promise, .mark, .where, #deadlines-rest',
)].filter(shown);
leaves.forEach((one, i) => leaves.slice(i + 1).forEach((other) => {
  if (!apart(box(one), box(other))) found.push(`overlap: ${called(one)} / ${called(other)}`);
}));
const whole = document.querySelectorAll(
  '#backlog-total .note, .number, dt, .verdict, .open, .held, h2, #word, #queues-more, figcaption span, .left, .mark',
);
for (const e of whole) if (e.scrollWidth > e.clientWidth + 1) found.push(`cut: ${called(e)}`);
return found;
