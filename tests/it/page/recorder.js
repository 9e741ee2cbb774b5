// Notes what the page says of each thing when it is another than before: window.record.
(() => {
  const record = (window.record = []);
  const known = new Map();
  const note = (what, id, state, text) => {
    const key = `${what} ${id}`;
    if (known.get(key) === state) return;
    known.set(key, state);
    record.push({ t: Date.now(), what, id, state, text });
  };
  const words = (element) => (element ? element.textContent.replace(/\s+/g, " ").trim() : "");
  const look = () => {
    note("live", "", document.documentElement.dataset.live, "");
    const sentence = document.querySelector("#sentence");
    if (sentence) note("sentence", "", words(sentence), words(sentence));
    for (const box of document.querySelectorAll("#chain > li")) {
      note("box", box.id, box.dataset.level, words(box));
    }
    const shown = new Set();
    for (const node of document.querySelectorAll("#nodes > li[data-name]")) {
      shown.add(node.dataset.name);
      note("node", node.dataset.name, node.dataset.state, words(node));
    }
    for (const key of known.keys()) {
      const [what, id] = key.split(" ");
      if (what === "node" && !shown.has(id)) note("node", id, "gone", "");
    }
    for (const event of document.querySelectorAll("#events > li[data-kind]")) {
      note("event", event.id, event.dataset.kind, words(event));
    }
  };
  new MutationObserver(look).observe(document, {
    subtree: true, childList: true, attributes: true, characterData: true,
  });
  document.addEventListener("DOMContentLoaded", look);
})();
