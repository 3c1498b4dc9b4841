// Elements as plain values, and updates of the document that keep focus, scroll positions and what the reader typed.

const SVG = "http://www.w3.org/2000/svg";
const PROPERTIES = new Set(["value", "checked", "disabled"]);
const ticking = new Map();

// An element. `key` finds it again among its siblings; `tick` is a function that gives its text every second; `mount`
// is called with the element, whose children then belong to the caller; an element with the same `memo` is not updated.
function h(tag, attributes, ...children) {
  const flat = children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false);
  return { tag, attributes: attributes || {}, children: flat };
}

function keyOf(node, index) {
  if (typeof node !== "object") return `#text ${index}`;
  return `${node.tag} ${node.attributes.key === undefined ? index : "=" + node.attributes.key}`;
}

// Makes the children of an element those given, with as few changes as possible.
function update(parent, nodes) {
  const focused = document.activeElement;
  reconcile(parent, nodes.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false));
  if (focused && focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

function reconcile(parent, nodes) {
  const before = parent.shown || new Map();
  const after = new Map();
  nodes.forEach((node, index) => {
    let key = keyOf(node, index);
    while (after.has(key)) key += "'";
    const known = before.get(key);
    before.delete(key);
    const element = known ? known.element : created(node, parent);
    if (typeof node !== "object") {
      if (element.data !== String(node)) element.data = String(node);
    } else {
      fill(element, known ? known.node : null, node);
    }
    after.set(key, { element, node });
  });
  for (const { element } of before.values()) element.remove();
  if (!parent.shown) parent.replaceChildren();
  let place = parent.firstChild;
  for (const { element } of after.values()) {
    if (element === place) place = place.nextSibling;
    else parent.insertBefore(element, place);
  }
  parent.shown = after;
}

function created(node, parent) {
  if (typeof node !== "object") return document.createTextNode(String(node));
  const inSvg = node.tag === "svg" || (parent.namespaceURI === SVG && parent.tagName !== "foreignObject");
  return inSvg ? document.createElementNS(SVG, node.tag) : document.createElement(node.tag);
}

function fill(element, before, node) {
  const { attributes } = node;
  if (before && attributes.memo !== undefined && before.attributes.memo === attributes.memo) return;
  const old = before ? before.attributes : {};
  for (const name of Object.keys(old)) if (!(name in attributes)) assign(element, name, null);
  for (const [name, value] of Object.entries(attributes)) if (old[name] !== value) assign(element, name, value);
  if (attributes.mount) attributes.mount(element);
  else if (attributes.tick) tickOne(element, attributes.tick);
  else reconcile(element, node.children);
}

function assign(element, name, value) {
  if (name === "key" || name === "memo" || name === "mount") return;
  if (name === "tick") {
    if (value) ticking.set(element, value);
    else ticking.delete(element);
  } else if (name.startsWith("on")) element[name] = value;
  else if (name === "href" && !String(value).startsWith("#")) throw new Error("only links within the page");
  else if (name === "style") throw new Error("the policy of the page allows no style attributes");
  else if (PROPERTIES.has(name)) element[name] = value === null ? "" : value;
  else if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

function tickOne(element, text) {
  const now = text();
  if (now !== null && element.textContent !== now) element.textContent = now;
}

function tickAll() {
  for (const [element, text] of ticking) {
    if (element.isConnected) tickOne(element, text);
    else ticking.delete(element);
  }
}

// --- parts that several sections use

function section(id, title, ...content) {
  return h("section", { id, key: id, "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title`, tabindex: "-1" }, title), content);
}

function fact(name, ...value) {
  return h("div", { key: name, class: "fact" }, h("dt", null, name), h("dd", null, value));
}

function facts(...all) {
  return h("dl", { class: "facts" }, all);
}

function mono(text, shown = text) {
  return h("span", { class: "mono", title: shown === text ? null : plain(text) }, plain(shown));
}

function address(text) {
  return text ? mono(text, shortened(text)) : "unknown";
}

function timeOf(time) {
  if (!isNumber(time)) return h("span", { class: "quiet" }, "time unknown");
  const iso = new Date(1000 * time).toISOString().replace(".000", "");
  return h("time", { datetime: iso, title: utc(time) }, local(time, clusterNow()));
}

function agoOf(time) {
  if (!isNumber(time)) return h("span", { class: "quiet" }, "time unknown");
  const iso = new Date(1000 * time).toISOString().replace(".000", "");
  return h("time", { datetime: iso, title: utc(time), tick: () => ago(time, clusterNow()) });
}

function stateChip(state) {
  return h("span", { class: `chip ${stateClass(state)}` }, stateName(state));
}

// A share as a bar. It is decoration: the numbers stand beside it.
function bar(part, all, tone = "") {
  const share = all > 0 ? Math.min(1, Math.max(0, Number(part) / Number(all))) : 0;
  return h(
    "svg",
    { class: `bar ${tone}`, viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" },
    h("rect", { class: "bar-all", width: 100, height: 4 }),
    h("rect", { class: "bar-part", width: (100 * share).toFixed(2), height: 4 }),
  );
}

// A table. Columns: {title, class, row: whether it is the header of its row, cell: function of an item, sort: its key}.
// `order` is [index of the sorted column, 1 or -1], and `sortBy` is called with the next one.
function table({ caption, columns, items, key, order, sortBy, empty, rowClass }) {
  const heads = columns.map((column, index) => {
    const sorted = order && order[0] === index ? order[1] : 0;
    const state = !column.sort || !sortBy ? null : sorted > 0 ? "ascending" : sorted < 0 ? "descending" : "none";
    const title = state
      ? h("button", { type: "button", class: "sort", onclick: () => sortBy([index, sorted > 0 ? -1 : 1]) },
          column.title, h("span", { class: "arrow", "aria-hidden": "true" }, sorted > 0 ? "↑" : sorted < 0 ? "↓" : ""))
      : column.title;
    return h("th", { scope: "col", class: column.class, "aria-sort": state }, title);
  });
  let shown = items;
  if (order && columns[order[0]] && columns[order[0]].sort) {
    const value = columns[order[0]].sort;
    shown = [...items].sort((a, b) => order[1] * compared(value(a), value(b)));
  }
  const rows = shown.map((item, index) =>
    h("tr", { key: key ? key(item) : index, class: rowClass ? rowClass(item) : null }, columns.map((column) =>
      column.row ? h("th", { scope: "row", class: column.class }, column.cell(item))
        : h("td", { class: column.class }, column.cell(item)))));
  if (!rows.length) rows.push(h("tr", { key: "empty" }, h("td", { class: "quiet", colspan: columns.length }, empty || "None.")));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", null, h("caption", null, caption), h("thead", null, h("tr", null, heads)), h("tbody", null, rows)));
}

function compared(a, b) {
  if (a === null || a === undefined) return b === null || b === undefined ? 0 : 1;
  if (b === null || b === undefined) return -1;
  if (typeof a === "string" && typeof b === "string") return a.localeCompare(b, "en", { numeric: true });
  return a < b ? -1 : a > b ? 1 : 0;
}
