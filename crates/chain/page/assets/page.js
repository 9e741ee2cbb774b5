// Follows the server: what it sends takes the place of what it sent before, and of nothing else.
"use strict";

const byId = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

// ---- the elements ----

// Attributes that this script sets: what the server sends does not take them away.
const OURS = new Set(["tabindex", "data-out", "data-named"]);

// The one place where text becomes HTML: all of it was rendered, and escaped, by the server.
function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

// Makes an element like a fresh one. What does not differ stays as it is, and with it focus,
// selection, and what moves.
function renew(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!OURS.has(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) === value) continue;
    old.setAttribute(name, value);
    if (name === "points") slide(old);
  }
  // The children of a list are sent by themselves.
  if (old.hasAttribute("data-list")) return;
  const children = [...fresh.childNodes];
  children.forEach((child, at) => {
    const was = old.childNodes[at];
    if (!was) old.append(child);
    else if (was.nodeName !== child.nodeName) was.replaceWith(child);
    else if (child.nodeType === Node.ELEMENT_NODE) renew(was, child);
    else if (was.data !== child.data) was.data = child.data;
  });
  while (old.childNodes.length > children.length) old.lastChild.remove();
}

// A line has one more number at its right end.
function slide(line) {
  if (!calm.matches) line.animate([{ transform: "translateX(1px)" }, { transform: "none" }], 950);
}

// Brings the children of a list into this order, and moves only those that are not in it.
function arrange(list, ids, made) {
  const wanted = new Set(ids);
  for (const child of [...list.children]) if (!wanted.has(child.id)) child.remove();
  let next = list.firstElementChild;
  for (const id of ids) {
    const child = byId(id) ?? made.get(id);
    if (child && child === next) next = next.nextElementSibling;
    else if (child) list.insertBefore(child, next);
  }
}

function change({ set = [], lists = {} }) {
  const focus = document.activeElement;
  const build = byId("build").content;
  const made = new Map();
  for (const [id, html] of set) {
    const old = byId(id);
    if (old) renew(old, parsed(html));
    else made.set(id, parsed(html));
  }
  // The server is another one, which this script may not fit.
  if (byId("build").content !== build) return location.reload();
  for (const [id, ids] of Object.entries(lists)) arrange(byId(id), ids, made);
  if (focus.isConnected && focus !== document.activeElement) focus.focus({ preventScroll: true });
  filter();
  say();
  if (!nodes.querySelector("[tabindex]")) enter(nodes.firstElementChild);
}

// ---- the stream ----

const SILENCE = 2500; // Milliseconds without a word after which the page is stale,
const DEAD = 6000; // and those after which the stream is opened anew.
const AGAIN = 500;

let version = document.querySelector("meta[name=version]").content;
let source = null;
let timer = 0;
let heard = performance.now();
let opened = heard;

function open() {
  close();
  opened = performance.now();
  source = new EventSource(`/live?from=${encodeURIComponent(version)}`);
  source.addEventListener("change", (event) => {
    change(JSON.parse(event.data));
    version = event.lastEventId;
    hear();
  });
  source.addEventListener("beat", (event) => {
    byId("asof").textContent = event.data;
    hear();
  });
  source.addEventListener("error", () => {
    close();
    timer = setTimeout(open, AGAIN);
  });
}

function close() {
  clearTimeout(timer);
  source?.close();
  source = null;
}

function hear() {
  heard = performance.now();
  mark("live");
}

function mark(state) {
  if (document.documentElement.dataset.live === state) return;
  document.documentElement.dataset.live = state;
  byId("stale").hidden = state !== "stale";
}

setInterval(() => {
  if (document.hidden) return;
  const now = performance.now();
  if (now - heard > SILENCE) mark("stale");
  if (now - Math.max(heard, opened) > DEAD) open();
}, 250);

// A hidden page holds no connection: a browser has six to a server, for all its tabs.
function look() {
  if (document.hidden) return close();
  heard = performance.now();
  open();
}
document.addEventListener("visibilitychange", look);

// ---- what is said aloud ----

// Seconds that run are no news to somebody who listens.
const news = () => byId("sentence").textContent.replace(/\d+ ?(ms|s|min|h|d)\b/g, "");
let said = news();

function say() {
  if (said === news()) return;
  said = news();
  byId("said").textContent = byId("sentence").textContent;
}

// ---- finding a node ----

const NAMED = 120; // The most squares found that are shown with their names.
const nodes = byId("nodes");
const input = byId("filter");

function filter() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (child) => {
    const state = child.querySelector(".state").textContent;
    const text = `${child.dataset.name} ${child.dataset.state} ${state}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
  const all = nodes.children.length;
  let found = all;
  for (const child of [...nodes.children, ...byId("worst").children]) {
    const out = words.length > 0 && !fits(child);
    child.toggleAttribute("data-out", out);
    if (out && child.parentElement === nodes) found -= 1;
  }
  nodes.toggleAttribute("data-named", words.length > 0 && found <= NAMED);
  tell(words.length > 0 ? `${found} of ${all} nodes` : "");
}

input.addEventListener("input", filter);
input.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  input.value = "";
  filter();
});

// ---- the squares ----

// The square that is pointed at, or has the focus, says its name and state in words.
let pointed = null;

function tell(found) {
  const words = pointed?.isConnected && nodes.dataset.layout === "squares" ? pointed.title : "";
  byId("found").textContent = [found, words].filter(Boolean).join(": ");
}

function point(event) {
  pointed = event.target.closest("#nodes > li");
  filter();
}
nodes.addEventListener("pointerover", point);
nodes.addEventListener("focusin", point);

// One of them is in the order of tabs; the arrows go from one to the next.
nodes.addEventListener("keydown", (event) => {
  const shown = [...nodes.children].filter((child) => !child.hasAttribute("data-out"));
  const at = shown.indexOf(document.activeElement);
  const width = Math.max(1, shown.findIndex((child) => child.offsetTop > shown[0].offsetTop));
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + width, ArrowUp: at - width, Home: 0, End: shown.length - 1 }[event.key];
  if (at < 0 || !shown[to]) return;
  event.preventDefault();
  enter(shown[to]);
  shown[to].focus();
});

// Tiles say all that they have, and are not in it.
function enter(square) {
  nodes.querySelector("[tabindex]")?.removeAttribute("tabindex");
  if (nodes.dataset.layout === "squares") square?.setAttribute("tabindex", "0");
}

enter(nodes.firstElementChild);
filter();
look();
