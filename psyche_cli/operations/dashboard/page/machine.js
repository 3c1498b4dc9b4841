// The state machine of a run as a drawing, with the state that it is in.

const WIDE = {
  box: [152, 42], size: [900, 190],
  at: {
    Uninitialized: [78, 30], Paused: [276, 30], WaitingForMembers: [78, 120], Warmup: [276, 120],
    Training: [462, 120], Witness: [643, 120], Cooldown: [822, 120], Finished: [822, 30],
  },
};
const NARROW = {
  box: [148, 36], size: [350, 340],
  at: {
    Uninitialized: [78, 22], Paused: [262, 22], WaitingForMembers: [78, 96], Warmup: [78, 168],
    Training: [78, 240], Witness: [78, 316], Cooldown: [262, 316], Finished: [262, 240],
  },
  routes: {
    "Cooldown WaitingForMembers": "M196,298V286Q196,278 188,278H178Q170,278 170,270V104Q170,96 164,96H157",
    "Cooldown Paused": "M336,316H338Q346,316 346,308V30Q346,22 344,22H341",
  },
};

// States that a newer program may have are placed below the known ones.
function placesOf(states, narrow) {
  const plan = narrow ? NARROW : WIDE;
  const at = { ...plan.at };
  let extra = 0;
  const columns = narrow ? 2 : 5;
  for (const { name } of states) {
    const key = stateKey(name);
    if (Object.hasOwn(at, key)) continue;
    at[key] = [78 + (extra % columns) * 184, plan.size[1] + 20 + Math.floor(extra / columns) * 56];
    extra++;
  }
  const rows = Math.ceil(extra / columns);
  return { at, box: plan.box, routes: plan.routes || {}, size: [plan.size[0], plan.size[1] + (rows ? 20 + 56 * rows : 0)], narrow };
}

// Arrows between states, one for each pair, with the labels of all transitions between them.
function arrowsOf(transitions) {
  const found = new Map();
  for (const one of transitions) {
    if (one.from === null || one.to === null || one.from === one.to || one.rare) continue;
    const [from, to, label] = [stateKey(one.from), stateKey(one.to), one.label];
    const key = `${from} ${to}`;
    if (!found.has(key)) found.set(key, { from, to, labels: [] });
    if (label && !found.get(key).labels.includes(label)) found.get(key).labels.push(label);
  }
  return [...found.values()];
}

// The path of an arrow: straight, but bent next to the arrow back, and around the boxes in between.
function pathOf(arrow, plan, both) {
  const [x1, y1] = plan.at[arrow.from];
  const [x2, y2] = plan.at[arrow.to];
  const route = plan.routes[`${arrow.from} ${arrow.to}`];
  if (route) return route;
  const [width, height] = plan.box;
  const bend = both ? 7 : 0;
  if (y1 === y2) {
    const right = x2 > x1;
    const between = Object.values(plan.at).some(([x, y]) => y === y1 && x > Math.min(x1, x2) && x < Math.max(x1, x2));
    const side = (width / 2) * (right ? 1 : -1);
    if (!between) {
      const y = y1 + (both ? (right ? -bend : bend) : 0);
      return `M${x1 + side},${y}H${x2 - side - (right ? 5 : -5)}`;
    }
    const low = y1 + height / 2 + 26;
    return `M${x1},${y1 + height / 2}V${low - 8}Q${x1},${low} ${x1 - Math.sign(x1 - x2) * 8},${low}`
      + `H${x2 + Math.sign(x1 - x2) * 8}Q${x2},${low} ${x2},${low - 8}V${y2 + height / 2 + 5}`;
  }
  if (x1 === x2) {
    const down = y2 > y1;
    const between = Object.values(plan.at).some(([x, y]) => x === x1 && y > Math.min(y1, y2) && y < Math.max(y1, y2));
    const x = x1 + (both ? (down ? bend : -bend) * 2 : 0);
    if (!between) return `M${x},${y1 + (down ? 1 : -1) * (height / 2)}V${y2 - (down ? 1 : -1) * (height / 2 + 5)}`;
  }
  // From one row to another: leave and arrive at the sides that face each other.
  const down = y2 > y1;
  const shift = both ? (x2 > x1 ? 12 : -12) : 0;
  const start = [x1 + Math.sign(x2 - x1) * (width / 2 - 22) + shift, y1 + (down ? 1 : -1) * (height / 2)];
  const end = [x2 - Math.sign(x2 - x1) * (width / 2 - 22) + shift, y2 - (down ? 1 : -1) * (height / 2 + 5)];
  return `M${start[0]},${start[1]}C${start[0]},${(start[1] + end[1]) / 2} ${end[0]},${(start[1] + end[1]) / 2} ${end[0]},${end[1]}`;
}

function machineDrawing(machine, state, pendingPause) {
  return h("div", { class: "machine", key: "machine", mount: (element) => drawMachine(element, machine, state, pendingPause) });
}

function drawMachine(element, machine, state, pendingPause) {
  element.redraw = () => {
    const narrow = element.clientWidth < 560;
    const plan = placesOf(machine.states, narrow);
    const [width, height] = plan.size;
    const arrows = arrowsOf(machine.transitions);
    const lit = stateKey(state);
    const has = (from, to) => arrows.some((one) => one.from === from && one.to === to);
    const known = arrows.filter((one) => Object.hasOwn(plan.at, one.from) && Object.hasOwn(plan.at, one.to));
    const nexts = known.filter((one) => one.from === lit).map((one) => stateName(one.to));
    const label = `State machine of the run. It is in the state ${stateName(lit)}`
      + (nexts.length ? `; next can be ${nexts.join(", ")}.` : ", which is its end.");
    update(element, [h("svg", { class: "states", viewBox: pendingPause ? `0 -14 ${width} ${height + 14}` : `0 0 ${width} ${height}`, role: "img", "aria-label": label, "data-state": lit },
      h("defs", null, ["plain", "lit"].map((tone) => h("marker", { key: tone, id: `head-${tone}`, class: `head-${tone}`,
        viewBox: "0 0 8 8", refX: 4, refY: 4, markerWidth: 6, markerHeight: 6, orient: "auto-start-reverse" },
        h("path", { d: "M0,0.5L8,4L0,7.5Z" })))),
      known.map((one) => h("path", { key: `${one.from} ${one.to}`, class: one.from === lit ? "arrow lit" : "arrow",
        d: pathOf(one, plan, has(one.to, one.from)), "marker-end": `url(#head-${one.from === lit ? "lit" : "plain"})` },
        h("title", null, `${stateName(one.from)} → ${stateName(one.to)}${one.labels.length ? `: ${one.labels.join(", ")}` : ""}`))),
      machine.states.map((one) => ({ ...one, name: stateKey(one.name) })).map(({ name, meaning }) => h("g", { key: name, class: `state ${stateClass(name)}${name === lit ? " lit" : ""}`,
        transform: `translate(${plan.at[name].join(",")})` },
        h("title", null, meaning),
        h("rect", { x: -plan.box[0] / 2, y: -plan.box[1] / 2, width: plan.box[0], height: plan.box[1], rx: 6 }),
        h("text", { "text-anchor": "middle", y: 4.5 }, stateName(name)),
        name === "Paused" && pendingPause ? h("text", { class: "pending", "text-anchor": "middle", y: -plan.box[1] / 2 - 5 }, "pause pending") : null)))]);
  };
  if (!element.watched) {
    element.watched = new ResizeObserver(() => element.redraw());
    element.watched.observe(element);
  }
  element.redraw();
}
