// A chart of curves over steps or over time. All charts with the same axis share the zoom and the position of the cursor.

const views = { step: { from: null, to: null, at: null }, time: { from: null, to: null, at: null } };
const charts = new Set();
const PAD = { left: 52, right: 10, top: 8, bottom: 22 };
const HEIGHT = 190;
let redrawing = 0;

function redrawAll() {
  if (redrawing) return;
  redrawing = requestAnimationFrame(() => {
    redrawing = 0;
    for (const chart of charts) if (chart.element.isConnected) chart.draw();
  });
}

const resizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const width = Math.round(contentRect.width);
    if (target.chart && width > 0 && width !== target.chart.width) {
      target.chart.width = width;
      target.chart.draw();
    }
  }
});

// At most 5 points for each bucket of the width: its first, lowest, highest and last one, so that no peak is lost, and
// one without a value, where the curve breaks.
function reduced(points, from, to, buckets) {
  let start = 0;
  let end = points.length;
  while (start < end && points[start].x < from) start++;
  while (end > start && points[end - 1].x > to) end--;
  start = Math.max(0, start - 1);
  end = Math.min(points.length, end + 1);
  if (end - start <= 4 * buckets) return points.slice(start, end);
  const found = [];
  const size = (end - start) / buckets;
  for (let bucket = 0; bucket < buckets; bucket++) {
    found.push(...extremes(points, start + Math.floor(bucket * size), start + Math.floor((bucket + 1) * size) - 1));
  }
  return found;
}

function extremes(points, first, last) {
  const kept = new Set();
  let lowest = null;
  let highest = null;
  let gap = null;
  let [low, high] = [Infinity, -Infinity];
  for (let index = first; index <= last; index++) {
    const point = points[index];
    if (point.y === null) {
      gap = index;
      continue;
    }
    if (lowest === null || point.y < points[lowest].y) lowest = index;
    if (highest === null || point.y > points[highest].y) highest = index;
    low = Math.min(low, point.low);
    high = Math.max(high, point.high);
  }
  for (const index of [first, lowest, highest, gap, last]) if (index !== null) kept.add(index);
  return [...kept].sort((a, b) => a - b).map((index) => (points[index].y === null ? points[index] : { ...points[index], low, high }));
}

// The parts of a curve without breaks.
function unbroken(points) {
  const parts = [[]];
  for (const point of points) {
    if (point.y !== null) parts[parts.length - 1].push(point);
    else if (parts[parts.length - 1].length) parts.push([]);
  }
  return parts.filter((part) => part.length);
}

// Round values of an axis between two bounds, about `count` of them.
function ticksOf(from, to, count, integers) {
  const rough = (to - from) / Math.max(1, count);
  if (!(rough > 0)) return [from];
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  if (integers) step = Math.max(1, Math.round(step));
  const found = [];
  for (let value = Math.ceil(from / step - 1e-9); value * step <= to + step * 1e-9; value++) found.push(value * step);
  return found;
}

const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];

function timeTicks(from, to, count) {
  const rough = (to - from) / Math.max(1, count);
  const step = TIME_STEPS.find((one) => one >= rough) || 604800 * Math.ceil(rough / 604800);
  const shift = 60 * new Date(1000 * from).getTimezoneOffset();
  const found = [];
  for (let at = Math.ceil((from - shift) / step) * step + shift; at <= to; at += step) found.push(at);
  return found.map((at) => ({
    at,
    text: step >= 86400 ? dateOf(at).slice(5) : step >= 60 ? clockOf(at).slice(0, 5) : clockOf(at),
  }));
}

// The index of the point that is nearest to x.
function nearest(points, x) {
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle].x < x) low = middle + 1;
    else high = middle;
  }
  return low > 0 && x - points[low - 1].x <= points[low].x - x ? low - 1 : low;
}

class Chart {
  constructor(element) {
    this.element = element;
    this.width = 0;
    this.drag = null;
    element.chart = this;
    charts.add(this);
    resizes.observe(element);
  }

  // plot: {id, title, unit, axis: "step" | "time", zero, integers, series: [{name, points, band, steps}], format, notes}
  show(plot) {
    if (this.plot === plot) return;
    this.plot = plot;
    this.xs = [...new Set(plot.series.flatMap((one) => one.points.map((point) => point.x)))].sort((a, b) => a - b);
    if (!this.width) this.width = Math.round(this.element.getBoundingClientRect().width) || 360;
    this.draw();
  }

  get view() {
    return views[this.plot.axis];
  }

  get bounds() {
    const first = this.xs[0];
    const last = this.xs[this.xs.length - 1];
    const from = this.view.from === null ? first : this.view.from;
    const to = this.view.to === null ? last : this.view.to;
    return to > from ? [from, to] : [from - 0.5, from + 0.5];
  }

  xOf(value) {
    const [from, to] = this.bounds;
    return PAD.left + ((value - from) / (to - from)) * (this.width - PAD.left - PAD.right);
  }

  valueAt(x) {
    const [from, to] = this.bounds;
    const share = (x - PAD.left) / (this.width - PAD.left - PAD.right);
    return from + Math.min(1, Math.max(0, share)) * (to - from);
  }

  // The x of the cursor: where it is, else that of the newest point in view.
  get cursor() {
    const [from, to] = this.bounds;
    const wanted = this.view.at === null ? to : Math.min(to, Math.max(from, this.view.at));
    return this.xs[nearest(this.xs.map((x) => ({ x })), wanted)];
  }

  draw() {
    if (!this.plot) return;
    update(this.element, this.xs.length ? this.nodes() : [this.caption(null),
      h("span", { key: "legend" }), h("p", { key: "none", class: "plot empty" }, this.plot.empty), this.remarks(), h("span", { key: "values" })]);
  }

  caption(cursor) {
    const { title, unit } = this.plot;
    const where = cursor === null ? "" : this.plot.axis === "time" ? local(cursor, clusterNow()) : `step ${whole(cursor)}`;
    return h("figcaption", { key: "caption" },
      h("span", { class: "plot-title" }, title, unit ? h("span", { class: "unit" }, unit) : null),
      h("span", { class: "plot-at" }, where));
  }

  nodes() {
    const cursor = this.cursor;
    const [from, to] = this.bounds;
    const drawn = this.plot.series.map((one) => reduced(one.points, from, to, Math.max(20, Math.floor(this.width / 2))));
    const [low, high] = this.range(drawn, from, to);
    const yOf = (value) => HEIGHT - PAD.bottom - ((value - low) / (high - low)) * (HEIGHT - PAD.top - PAD.bottom);
    const at = this.xs.indexOf(cursor);
    const zoomed = this.view.from !== null;
    return [
      this.caption(cursor),
      this.legend(cursor),
      h("div", { class: "plot", key: "plot" },
        h("svg", { class: "curves", width: this.width, height: HEIGHT, viewBox: `0 0 ${this.width} ${HEIGHT}`, role: "img",
          "aria-label": this.summary(), "data-points": this.plot.series.reduce((all, one) => all + one.points.length, 0) },
          this.axes(from, to, low, high, yOf),
          this.plot.series.map((one, index) => this.line(one, drawn[index], index, yOf)),
          this.marks(cursor, yOf)),
        h("div", { class: "cursor", key: "cursor", tabindex: "0", role: "slider", "aria-label": `${this.plot.title}: read values`,
          "aria-valuemin": 0, "aria-valuemax": this.xs.length - 1, "aria-valuenow": at, "aria-valuetext": this.reading(cursor),
          "aria-describedby": "chart-keys", onkeydown: (event) => this.onKey(event), onpointerdown: (event) => this.onDown(event),
          onpointermove: (event) => this.onMove(event), onpointerup: (event) => this.onUp(event),
          onpointercancel: () => this.endDrag(), onpointerleave: () => this.onLeave(), ondblclick: () => this.zoom(null, null) }),
        h("button", { key: "all", type: "button", class: "show-all", hidden: !zoomed, "aria-label": `Show all of ${this.plot.title}`,
          onclick: () => this.showAll() }, "Show all")),
      this.remarks(),
      this.values(),
    ];
  }

  remarks() {
    return h("p", { key: "remarks", class: "remarks quiet" }, this.plot.notes.join(" "));
  }

  // The button vanishes, so the focus goes back to the chart.
  showAll() {
    this.element.querySelector(".cursor").focus();
    this.zoom(null, null);
  }

  range(drawn, from, to) {
    let [low, high] = [Infinity, -Infinity];
    for (const points of drawn) {
      for (const point of points) {
        if (point.y === null || point.x < from || point.x > to) continue;
        low = Math.min(low, point.low);
        high = Math.max(high, point.high);
      }
    }
    if (low > high) [low, high] = [0, 1];
    if (this.plot.zero) low = Math.min(0, low);
    if (low === high) [low, high] = this.plot.zero && low === 0 ? [0, 1] : [low - (Math.abs(low) || 1) / 10, high + (Math.abs(high) || 1) / 10];
    const space = (high - low) * 0.06;
    return [this.plot.zero && low === 0 ? 0 : low - space, high + space];
  }

  axes(from, to, low, high, yOf) {
    const bottom = HEIGHT - PAD.bottom;
    const right = this.width - PAD.right;
    const count = Math.max(2, Math.floor(this.width / 90));
    const across = this.plot.axis === "time"
      ? timeTicks(from, to, count)
      : ticksOf(from, to, count, true).map((at) => ({ at, text: measured(at) }));
    return [
      ticksOf(low, high, 4, this.plot.integers).map((value) => h("g", { key: `y${value}`, class: "tick" },
        h("line", { x1: PAD.left, x2: right, y1: yOf(value).toFixed(1), y2: yOf(value).toFixed(1) }),
        h("text", { x: PAD.left - 6, y: (yOf(value) + 3.5).toFixed(1), "text-anchor": "end" }, this.plot.format(value)))),
      h("line", { class: "axis", x1: PAD.left, x2: right, y1: bottom, y2: bottom }),
      across.map(({ at, text }) => h("text", { key: `x${at}`, class: "tick-text", x: this.xOf(at).toFixed(1), y: HEIGHT - 6,
        "text-anchor": this.xOf(at) > right - 16 ? "end" : "middle" }, text)),
    ];
  }

  line(one, points, index, yOf) {
    const position = (point, y) => `${this.xOf(point.x).toFixed(1)},${yOf(y).toFixed(1)}`;
    const hue = `hue-${index % 6}`;
    const parts = unbroken(points).map((run, number) => {
      const top = run.map((point) => position(point, point.high));
      const low = run.map((point) => position(point, point.low)).reverse();
      const path = run.map((point, at) => {
        if (at === 0) return `M${position(point, point.y)}`;
        return one.steps ? `H${this.xOf(point.x).toFixed(1)}V${yOf(point.y).toFixed(1)}` : `L${position(point, point.y)}`;
      });
      return [
        one.band ? h("path", { key: `band ${number}`, class: `band ${hue}`, d: `M${top.join("L")}L${low.join("L")}Z` }) : null,
        h("path", { key: `line ${number}`, class: `line ${hue}`, d: path.join("") }),
        points.length <= this.width / 14 || run.length === 1
          ? run.map((point) => h("circle", { key: `dot ${point.x}`, class: `dot ${hue}`, r: 1.8,
            cx: this.xOf(point.x).toFixed(1), cy: yOf(point.y).toFixed(1) })) : null,
      ];
    });
    return h("svg", { key: `line ${one.name}`, x: 0, y: 0, width: this.width, height: HEIGHT },
      h("svg", { x: PAD.left, y: 0, width: Math.max(1, this.width - PAD.left - PAD.right), height: HEIGHT,
        viewBox: `${PAD.left} 0 ${Math.max(1, this.width - PAD.left - PAD.right)} ${HEIGHT}` }, parts));
  }

  marks(cursor, yOf) {
    const x = this.xOf(cursor).toFixed(1);
    const selected = this.drag && this.drag.moved
      ? h("rect", { key: "selected", class: "selected", x: Math.min(this.drag.from, this.drag.to), y: PAD.top,
          width: Math.abs(this.drag.to - this.drag.from), height: HEIGHT - PAD.top - PAD.bottom })
      : null;
    const dots = this.view.at === null ? null : this.plot.series.map((one, index) => {
      const point = this.at(one, cursor);
      return point && h("circle", { key: `mark ${index}`, class: `mark hue-${index % 6}`, cx: x, cy: yOf(point.y).toFixed(1), r: 3.5 });
    });
    const line = this.view.at === null ? null
      : h("line", { key: "crosshair", class: "crosshair", x1: x, x2: x, y1: PAD.top, y2: HEIGHT - PAD.bottom });
    return [selected, line, dots];
  }

  // The point of a series at the cursor: exactly there, or, of a value that lasts until the next one, the one before.
  at(one, x) {
    if (!one.points.length) return null;
    let index = nearest(one.points, x);
    while (index + 1 < one.points.length && one.points[index + 1].x === one.points[index].x) index++;
    const point = one.points[index];
    const found = point.x === x || !one.steps ? point : point.x < x ? point : one.points[index - 1];
    return found && (found.x === x || one.steps) && found.y !== null ? found : null;
  }

  legend(cursor) {
    return h("ul", { class: "legend", key: "legend" }, this.plot.series.map((one, index) => {
      const point = this.at(one, cursor);
      return h("li", { key: one.name },
        h("svg", { class: "swatch", width: 18, height: 10, "aria-hidden": "true" },
          one.band ? h("rect", { class: `band hue-${index % 6}`, width: 18, height: 10 }) : null,
          h("path", { class: `line hue-${index % 6}`, d: "M0,5H18" })),
        h("span", { class: "name" }, plain(one.name)),
        h("span", { class: "value" }, point ? this.plot.format(point.y) : "–"),
        point && one.band && point.low !== point.high
          ? h("span", { class: "quiet" }, `${this.plot.format(point.low)} to ${this.plot.format(point.high)}`) : null,
        point && point.witnesses ? h("span", { class: "quiet" }, counted(point.witnesses, "witness", "witnesses")) : null);
    }));
  }

  reading(cursor) {
    const where = this.plot.axis === "time" ? local(cursor, clusterNow()) : `step ${cursor}`;
    const values = this.plot.series.map((one) => {
      const point = this.at(one, cursor);
      if (!point) return null;
      const spread = one.band && point.low !== point.high
        ? `, ${this.plot.format(point.low)} to ${this.plot.format(point.high)}` : "";
      return `${plain(one.name)} ${this.plot.format(point.y)}${spread}`;
    });
    return [where, ...values.filter(Boolean)].join("; ");
  }

  summary() {
    const parts = this.plot.series.map((one) => {
      const last = one.points[one.points.length - 1];
      return last ? `${plain(one.name)}: ${counted(one.points.length, "value")}, last ${this.plot.format(last.y)}` : null;
    });
    return `${this.plot.title}${this.plot.unit ? ` (${this.plot.unit})` : ""} over ${this.plot.axis === "time" ? "time" : "steps"}. `
      + `${parts.filter(Boolean).join("; ")}. ${this.plot.notes.join(" ")}`.trim();
  }

  // The values as a table, made when it is opened: at most 400 rows, the others thinned out evenly.
  values() {
    return h("details", { key: "values", class: "values", ontoggle: (event) => {
      if (this.open !== event.target.open) {
        this.open = event.target.open;
        this.draw();
      }
    } },
      h("summary", null, "Values", h("span", { class: "unseen" }, ` of ${this.plot.title} as a table`)),
      this.open ? this.valueTable() : null);
  }

  valueTable() {
    const every = Math.ceil(this.xs.length / 400);
    const items = this.xs.filter((_, index) => (this.xs.length - 1 - index) % every === 0).reverse();
    const columns = [{ title: this.plot.axis === "time" ? "Time" : "Step", row: true, cell: (x) => (this.plot.axis === "time" ? timeOf(x) : whole(x)) }];
    for (const one of this.plot.series) {
      const cell = (read) => (x) => {
        const point = this.at(one, x);
        return point ? h("span", { title: read(point) }, this.plot.format(read(point))) : "–";
      };
      columns.push({ title: plain(one.name), class: "number", cell: cell((point) => point.y) });
      if (one.band) {
        columns.push({ title: "low", class: "number", cell: cell((point) => point.low) });
        columns.push({ title: "high", class: "number", cell: cell((point) => point.high) });
        columns.push({ title: "witnesses", class: "number", cell: cell((point) => point.witnesses) });
      }
    }
    const caption = `${this.plot.title}${every > 1 ? `, every ${every}th of ${whole(this.xs.length)} values` : ""}`;
    return table({ caption, columns, items, key: (x) => x });
  }

  // --- the pointer and the keyboard

  zoom(from, to) {
    Object.assign(this.view, { from, to });
    redrawAll();
  }

  moveTo(index) {
    const x = this.xs[Math.min(this.xs.length - 1, Math.max(0, index))];
    const { view } = this;
    view.at = x;
    if (view.from !== null && (x < view.from || x > view.to)) {
      const shift = x < view.from ? x - view.from : x - view.to;
      Object.assign(view, { from: view.from + shift, to: view.to + shift });
    }
    redrawAll();
  }

  zoomBy(factor) {
    const [from, to] = this.bounds;
    const all = [this.xs[0], this.xs[this.xs.length - 1]];
    const width = (to - from) * factor;
    if (width >= all[1] - all[0]) this.zoom(null, null);
    else if (width > (all[1] - all[0]) / this.xs.length) {
      const start = Math.max(all[0], Math.min(all[1] - width, this.cursor - width / 2));
      this.zoom(start, start + width);
    }
  }

  onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.xs.indexOf(this.cursor);
    const far = Math.max(1, Math.round(this.xs.length / 10));
    const actions = {
      ArrowLeft: () => this.moveTo(at - 1),
      ArrowDown: () => this.moveTo(at - 1),
      ArrowRight: () => this.moveTo(at + 1),
      ArrowUp: () => this.moveTo(at + 1),
      PageDown: () => this.moveTo(at - far),
      PageUp: () => this.moveTo(at + far),
      Home: () => this.moveTo(0),
      End: () => this.moveTo(this.xs.length - 1),
      "+": () => this.zoomBy(0.5),
      "=": () => this.zoomBy(0.5),
      "-": () => this.zoomBy(2),
      0: () => this.zoom(null, null),
      Escape: () => {
        this.view.at = null;
        this.zoom(null, null);
      },
    };
    if (actions[event.key]) {
      event.preventDefault();
      actions[event.key]();
    }
  }

  place(event) {
    return event.clientX - this.element.querySelector("svg.curves").getBoundingClientRect().left;
  }

  onDown(event) {
    if (event.button !== 0 || event.pointerType === "touch") return;
    event.target.setPointerCapture(event.pointerId);
    this.drag = { from: this.place(event), to: this.place(event), moved: false };
  }

  onMove(event) {
    const x = this.place(event);
    this.view.at = this.valueAt(x);
    if (this.drag) {
      this.drag.to = Math.min(this.width - PAD.right, Math.max(PAD.left, x));
      this.drag.moved = Math.abs(this.drag.to - this.drag.from) > 5;
    }
    redrawAll();
  }

  onUp(event) {
    this.onMove(event);
    const { drag } = this;
    this.drag = null;
    if (drag && drag.moved) this.zoom(...[this.valueAt(drag.from), this.valueAt(drag.to)].sort((a, b) => a - b));
  }

  onLeave() {
    if (this.drag || document.activeElement === this.element.querySelector(".cursor")) return;
    this.view.at = null;
    redrawAll();
  }

  endDrag() {
    this.drag = null;
    redrawAll();
  }
}

function chartOf(plot) {
  return h("figure", { key: plot.id, id: `plot-${plot.id}`, class: "chart", mount: (element) => (element.chart || new Chart(element)).show(plot) });
}
