// What is wrong with the page as it is shown: a list of sentences. Whoever reads it with eyes,
// with a keyboard or with a reader of screens finds the same.
const wrong = [];
const shown = (element) =>
  element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
const called = (element) => {
  const id = element.id ? `#${element.id}` : "";
  const inside = element.closest("li[id], section[id], [id]");
  return `<${element.localName}${id}>${id || !inside ? "" : ` in #${inside.id}`}`;
};
// What only a reader of screens is told has a single pixel, or none.
const isForReaders = (element) => {
  for (let it = element; it && it !== document.body; it = it.parentElement) {
    const box = it.getBoundingClientRect();
    if (getComputedStyle(it).position === "absolute" && box.width <= 2 && box.height <= 2) return true;
  }
  return false;
};
// The part of a box that those around it do not cut away.
const left = (box, owner) => {
  let { top, bottom, left, right } = box;
  for (let it = owner; it && it !== document.body; it = it.parentElement) {
    if (getComputedStyle(it).overflow === "visible") continue;
    const around = it.getBoundingClientRect();
    top = Math.max(top, around.top);
    bottom = Math.min(bottom, around.bottom);
    left = Math.max(left, around.left);
    right = Math.min(right, around.right);
  }
  return { top, bottom, left, right };
};
const all = [...document.body.querySelectorAll("*")];
const texts = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode;
  const owner = text.parentElement;
  if (!text.data.trim() || owner.closest("script, style, svg, template")) continue;
  if (!shown(owner) || isForReaders(owner)) continue;
  const range = document.createRange();
  range.selectNodeContents(text);
  const boxes = [...range.getClientRects()].map((box) => left(box, owner))
    .filter((box) => box.right > box.left + 1 && box.bottom > box.top + 1);
  if (!boxes.length) continue;
  texts.push({ text, owner, boxes });
}

// Nothing is beyond the edge, cut, or upon something else.
const root = document.documentElement;
if (root.scrollWidth > root.clientWidth) {
  wrong.push(`it scrolls sideways: ${root.scrollWidth} px in ${root.clientWidth}`);
}
for (const element of all) {
  const style = getComputedStyle(element);
  const hides = style.overflowX !== "visible" && style.overflowX !== "auto" && style.overflowX !== "scroll";
  if (!hides || !shown(element) || isForReaders(element)) continue;
  // A square has a name, which is shown where somebody asks for it.
  const isSquare = element.closest('[data-layout="squares"] > [title]');
  const isTold = isSquare || (style.textOverflow === "ellipsis" && element.closest("[title]"));
  if (element.scrollWidth > element.clientWidth + 1 && element.textContent.trim() && !isTold) {
    wrong.push(`${called(element)} is cut: "${element.textContent.trim().slice(0, 60)}"`);
  }
}
const overlaps = (boxes, what) => {
  boxes.sort((one, other) => one.box.top - other.box.top);
  for (let at = 0; at < boxes.length; at += 1) {
    const one = boxes[at];
    for (let next = at + 1; next < boxes.length; next += 1) {
      const other = boxes[next];
      if (other.box.top >= one.box.bottom - 2) break;
      const across =
        Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
      if (across > 2 && one.of !== other.of) wrong.push(`${what(one.of)} lies on ${what(other.of)}`);
    }
  }
};
overlaps(
  texts.flatMap((it) => it.boxes.map((box) => ({ box, of: it.text }))),
  (text) => `"${text.data.trim().slice(0, 40)}" of ${called(text.parentElement)}`,
);
for (const list of document.querySelectorAll("ol, ul")) {
  const items = [...list.children].filter(shown);
  overlaps(items.map((of) => ({ box: of.getBoundingClientRect(), of })), called);
}

// Every text stands out from what is behind it.
const painter = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
  .getContext("2d", { willReadFrequently: true });
const colours = new Map();
const colour = (text) => {
  if (!colours.has(text)) {
    painter.clearRect(0, 0, 1, 1);
    painter.fillStyle = text;
    painter.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = painter.getImageData(0, 0, 1, 1).data;
    colours.set(text, [red, green, blue, alpha / 255]);
  }
  return colours.get(text);
};
const over = (top, bottom) =>
  [0, 1, 2].map((at) => top[at] * top[3] + bottom[at] * (1 - top[3])).concat(1);
const behind = (element) => {
  const layers = [];
  for (let it = element; it; it = it.parentElement) {
    const layer = colour(getComputedStyle(it).backgroundColor);
    if (layer[3] > 0) layers.push(layer);
    if (layer[3] === 1) break;
  }
  const paper = matchMedia("(prefers-color-scheme: dark)").matches &&
    getComputedStyle(root).colorScheme.includes("dark") ? [18, 18, 18, 1] : [255, 255, 255, 1];
  return layers.reverse().reduce((below, layer) => over(layer, below), paper);
};
const light = (rgb) => {
  const parts = rgb.slice(0, 3).map((part) => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
};
const faint = new Set();
for (const { text, owner } of texts) {
  const style = getComputedStyle(owner);
  let opacity = 1;
  for (let it = owner; it; it = it.parentElement) opacity *= Number(getComputedStyle(it).opacity);
  const ground = behind(owner);
  const [red, green, blue, alpha] = colour(style.color);
  const ink = over([red, green, blue, alpha * opacity], ground);
  const [high, low] = [light(ink), light(ground)].sort((one, other) => other - one);
  const ratio = (high + 0.05) / (low + 0.05);
  const size = parseFloat(style.fontSize);
  const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  const what = `${owner.localName}.${owner.className} (${style.color})`;
  if (ratio < (isLarge ? 3 : 4.5) - 0.005 && !faint.has(what)) {
    faint.add(what);
    wrong.push(`"${text.data.trim().slice(0, 40)}" of ${called(owner)} ${what} is faint: ${ratio.toFixed(2)}`);
  }
}

// It has a structure that can be heard, and a keyboard can move in it.
if (!document.title.trim()) wrong.push("it has no title");
if (!root.lang) wrong.push("its language is not said");
if (document.querySelectorAll("h1").length !== 1) wrong.push("it has not one h1");
if (!document.querySelector("main")) wrong.push("it has no main part");
if (!document.querySelector('[aria-live], [role="status"], [role="alert"]')) {
  wrong.push("no change is told to a reader of screens");
}
let level = 0;
for (const heading of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
  if (!shown(heading)) continue;
  const own = Number(heading.localName[1]);
  if (own > level + 1) wrong.push(`${called(heading)} comes after h${level}`);
  level = own;
}
for (const list of document.querySelectorAll("ol, ul")) {
  for (const item of list.children) {
    if (item.localName !== "li") wrong.push(`${called(item)} is no item of its list`);
  }
}
for (const item of document.querySelectorAll("li")) {
  if (!item.parentElement.matches("ol, ul")) wrong.push(`${called(item)} is in no list`);
}
const ids = new Set();
for (const { id } of document.querySelectorAll("[id]")) {
  if (ids.has(id)) wrong.push(`two elements are called ${id}`);
  ids.add(id);
}
for (const drawing of document.querySelectorAll("svg, img")) {
  const isSilent = drawing.getAttribute("aria-hidden") === "true" || drawing.getAttribute("alt") === "";
  const isNamed = drawing.getAttribute("aria-label") || drawing.getAttribute("alt") || drawing.querySelector("title");
  if (!isSilent && !isNamed) wrong.push(`${called(drawing)} has no name`);
}
const named = (element) =>
  (element.getAttribute("aria-label") ||
    (element.getAttribute("aria-labelledby") || "").split(" ").map((id) => document.getElementById(id)?.textContent || "").join("") ||
    [...(element.labels || [])].map((label) => label.textContent).join("") ||
    (element.matches("input, select, textarea") ? "" : element.textContent) ||
    element.title || "").trim();
for (const element of document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")) {
  if (!shown(element)) continue;
  if (!named(element)) wrong.push(`${called(element)} has no name`);
  const before = getComputedStyle(element);
  const [shadow, border] = [before.boxShadow, before.borderColor];
  element.focus({ focusVisible: true, preventScroll: true });
  const now = getComputedStyle(element);
  const isOutlined = now.outlineStyle !== "none" && parseFloat(now.outlineWidth) > 0;
  if (document.activeElement === element && !isOutlined && now.boxShadow === shadow && now.borderColor === border) {
    wrong.push(`one cannot see that ${called(element)} has the focus`);
  }
  element.blur();
}

// A colour is never the only sign.
for (const item of document.querySelectorAll("[data-state], [data-level], [data-agrees], [data-kind]")) {
  if (!shown(item)) continue;
  if (!/[\p{L}]{2}/u.test(`${item.textContent} ${item.getAttribute("aria-label") || ""}`)) {
    wrong.push(`${called(item)} says nothing in words`);
  }
}
for (const item of document.querySelectorAll("#nodes > li[data-state]")) {
  if (!/\p{L}{2}/u.test(item.querySelector(".state")?.textContent || "")) {
    wrong.push(`${called(item)} does not say its state`);
  }
}
return [...new Set(wrong)].slice(0, 40);
