// The states of a run over time, and its epochs.

function timelineSection(run) {
  if (!run.spans && !run.epochs) {
    return section("timeline", "Timeline", missing(run.problems.spans || run.problems.history, "The history of the run has not been read yet."));
  }
  return section("timeline", "Timeline",
    run.spans && run.spans.length ? h("div", { class: "timeline", key: "timeline", mount: (element) => mountTimeline(element, run.spans) }) : null,
    run.spans && run.spans.length ? stateLegend(run.spans) : null,
    pausesOf(run.spans || []),
    run.epochs ? epochTable(run) : missing(run.problems.epochs, "The epochs are not known."));
}

function mountTimeline(element, spans) {
  element.spans = spans;
  if (!element.watched) {
    element.watched = new ResizeObserver(() => drawTimeline(element));
    element.watched.observe(element);
  }
  drawTimeline(element);
}

const BAND = { top: 4, height: 26, bottom: 54 };

function drawTimeline(element) {
  const width = Math.max(200, Math.round(element.clientWidth));
  const { spans } = element;
  const from = spans[0].since;
  const last = spans[spans.length - 1];
  const to = Math.max(from + 1, last.until === null ? clusterNow() : last.until);
  const xOf = (time) => (width * (time - from)) / (to - from);
  // Spans that are narrower than half a pixel are left out of the drawing, unless nothing else is there.
  const blocks = [];
  let drawn = -1;
  spans.forEach((span, index) => {
    const end = xOf(span.until === null ? to : span.until);
    const start = xOf(span.since);
    if (end < drawn + 0.5 && index < spans.length - 1) return;
    const until = span.until === null ? "now" : clockOf(span.until);
    blocks.push(h("rect", { key: `${span.since} ${index}`, class: `span ${stateClass(span.state)}`, x: start.toFixed(2), y: BAND.top,
      width: Math.max(0.8, end - start).toFixed(2), height: BAND.height },
      h("title", null, `${stateName(span.state)}, ${dateOf(span.since)} ${clockOf(span.since)} to ${until} (${duration((span.until === null ? to : span.until) - span.since)})`)));
    drawn = end;
  });
  const ticks = timeTicks(from, to, Math.max(2, Math.floor(width / 110)));
  const label = `States of the run from ${utc(from)}: ${[...new Set(spans.map((one) => stateName(one.state)))].join(", ")}. `
    + `${counted(spans.length, "period")}, now ${stateName(last.state)}.`;
  update(element, [h("svg", { width, height: BAND.bottom, viewBox: `0 0 ${width} ${BAND.bottom}`, role: "img", "aria-label": label, "data-spans": spans.length },
    h("defs", null, h("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      h("rect", { class: "hatch-ground", width: 6, height: 6 }), h("line", { class: "hatch-line", x1: 0, y1: 0, x2: 0, y2: 6 }))),
    blocks,
    ticks.map(({ at, text }) => h("g", { key: at, class: "tick" },
      h("line", { x1: xOf(at).toFixed(1), x2: xOf(at).toFixed(1), y1: BAND.top + BAND.height, y2: BAND.top + BAND.height + 5 }),
      h("text", { x: xOf(at).toFixed(1), y: BAND.bottom - 6, "text-anchor": xOf(at) < 24 ? "start" : xOf(at) > width - 24 ? "end" : "middle" }, text))))]);
}

function stateLegend(spans) {
  const states = [...new Set(spans.map((one) => stateKey(one.state)))];
  return h("ul", { class: "legend", key: "legend" }, states.map((state) => h("li", { key: state },
    h("svg", { class: "swatch", width: 12, height: 12, "aria-hidden": "true" }, h("rect", { class: `span ${stateClass(state)}`, width: 12, height: 12 })),
    stateName(state))));
}

function pausesOf(spans) {
  const pauses = spans.filter((one) => stateKey(one.state) === "Paused");
  if (!pauses.length) return null;
  return h("details", { key: "pauses" }, h("summary", null, counted(pauses.length, "pause")),
    table({ caption: "Pauses", items: [...pauses].reverse(), key: (one) => one.since, columns: [
      { title: "From", row: true, cell: (one) => timeOf(one.since) },
      { title: "Until", cell: (one) => (one.until === null ? "now" : timeOf(one.until)) },
      { title: "Duration", class: "number", cell: (one) => (one.until === null ? h("span", { tick: () => duration(clusterNow() - one.since) }) : duration(one.until - one.since)) },
    ] }));
}

const FEW_EPOCHS = 10;
let allEpochs = false;

function epochTable(run) {
  const decimals = decimalsOf(run) || 0;
  const newest = [...run.epochs].reverse();
  const items = allEpochs ? newest : newest.slice(0, FEW_EPOCHS);
  return h("div", { key: "epochs" },
    table({ caption: "Epochs", items, key: (one) => `${one.number} ${one.started}`, empty: "No epoch has begun yet.", columns: [
      { title: "Epoch", row: true, cell: (one) => whole(one.number) },
      { title: "Began", cell: (one) => timeOf(one.started) },
      { title: "Duration", class: "number", cell: (one) => (one.ended === null ? h("span", { tick: () => duration(clusterNow() - one.started) }) : duration(one.ended - one.started)) },
      { title: "Rounds", class: "number wide", cell: (one) => whole(one.rounds) },
      { title: "Members", class: "number wide", cell: (one) => (one.members_left === null || one.members_left === one.members ? whole(one.members) : `${whole(one.members)} → ${whole(one.members_left)}`) },
      { title: "Earned", class: "number", cell: (one) => shifted(one.earned, decimals) },
      { title: "Ended by", cell: (one) => (one.outcome === null ? "in progress" : plain(one.outcome)) },
    ] }),
    newest.length > FEW_EPOCHS
      ? h("button", { type: "button", "aria-expanded": allEpochs ? "true" : "false", onclick: () => {
          allEpochs = !allEpochs;
          render();
        } }, allEpochs ? `Show the newest ${FEW_EPOCHS}` : `Show all ${whole(newest.length)}`)
      : null);
}

// An integer of base units as an amount, exact.
function shifted(base, decimals) {
  const digits = String(base).padStart(decimals + 1, "0");
  return grouped(decimals ? `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}` : digits);
}
