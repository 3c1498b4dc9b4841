// What the charts show: the curves of the document, by subject.

const SUBJECTS = {
  loss: { title: "Loss" },
  tokens: { title: "Tokens per second", unit: "of a member", zero: true },
  bandwidth: { title: "Bandwidth", unit: "bytes/s of a member", zero: true },
  lr: { title: "Learning rate", zero: true },
  members: { title: "Members", zero: true, integers: true },
  witnesses: { title: "Witnesses of the round", zero: true, integers: true },
  rewards: { title: "Rewards", zero: true },
};
const SERIES_NAMES = {
  members: { members: "in the epoch", healthy: "healthy", joined: "joined the next epoch" },
  witnesses: { witnesses: "received", expected: "expected", quorum: "needed" },
  rewards: { earning_rate: "per epoch", earned: "earned", claimed: "claimed", vault: "in the vault" },
};
const MOST_SERIES = 6;
let plotsOf = { curves: null, decimals: null, plots: [] };

// The plots of a document of curves; the same ones as long as it is the same document.
function plotsFrom(curves, decimals) {
  if (plotsOf.curves === curves && plotsOf.decimals === decimals) return plotsOf.plots;
  const plots = [];
  for (const [what, subject] of Object.entries(SUBJECTS)) {
    const found = curves.curves.filter((one) => one.what === what);
    plots.push(plotOf(what, subject, found, decimals));
    if (what === "bandwidth") {
      const evaluations = curves.curves.filter((one) => one.what === "evals");
      const all = Math.max(1, Math.ceil(evaluations.length / MOST_SERIES));
      for (let page = 0; page < all; page++) {
        const title = all > 1 ? `Evaluations (${page + 1} of ${all})` : "Evaluations";
        const some = evaluations.slice(page * MOST_SERIES, (page + 1) * MOST_SERIES);
        plots.push(plotOf(page ? `evals-${page + 1}` : "evals", { title }, some, decimals));
      }
    }
  }
  plotsOf = { curves, decimals, plots };
  return plots;
}

function plotOf(id, subject, curves, decimals) {
  const what = id.replace(/-\d+$/, "");
  const axis = curves.length ? curves[0].axis : "step";
  const inUnits = curves.some((one) => one.unit === "base units") && decimals !== null;
  const scale = inUnits ? 10 ** decimals : 1;
  const series = curves.map((one) => {
    const points = one.points
      .map((point) => pointOf(point, axis, scale))
      .filter((point) => point.x !== null);
    return {
      name: (SERIES_NAMES[what] && SERIES_NAMES[what][one.name]) || (what === "evals" ? named(one.name) : points.some((point) => point.witnesses !== null) ? "median" : "value"),
      points,
      band: points.some((point) => point.witnesses !== null),
      steps: axis === "time",
    };
  });
  const sum = (name) => curves.reduce((all, one) => all + one[name], 0);
  const parts = curves.filter((one) => one.total_points > one.points.length);
  return {
    id,
    axis,
    series,
    title: subject.title,
    unit: inUnits ? "tokens" : subject.unit || (what === "rewards" && curves.length ? curves[0].unit : ""),
    zero: subject.zero || false,
    integers: subject.integers || false,
    format: measured,
    empty: "No values yet.",
    notes: [
      sum("not_finite") ? `Not a number, left out: ${whole(sum("not_finite"))}.` : "",
      sum("far") ? `Far from other witnesses: ${whole(sum("far"))}.` : "",
      parts.length ? `${whole(Math.max(...parts.map((one) => one.total_points)))} values, thinned out.` : "",
    ].filter(Boolean),
  };
}

function pointOf(point, axis, scale) {
  const value = finite(point.value, scale);
  const low = finite(point.low, scale);
  const high = finite(point.high, scale);
  return {
    x: axis === "time" ? point.time : point.step,
    y: value,
    low: low === null ? value : low,
    high: high === null ? value : high,
    witnesses: point.witnesses,
  };
}

function finite(value, scale) {
  if (value === null || value === undefined) return null;
  const number = Number(value) / scale;
  return Number.isFinite(number) ? number : null;
}

// The decimals of the collateral; null where rewards are points. Of a run that was closed, the curves know them.
function decimalsOf(run) {
  if (run.show) return run.show.rates.unit === "collateral" ? run.show.rates.decimals : null;
  return page.curves && isNumber(page.curves.decimals) ? page.curves.decimals : null;
}

const CHART_KEYS = "Drag to zoom. With the keyboard: arrow keys move the cursor, Page Up and Page Down by a tenth, "
  + "+ and − zoom, 0 shows all.";

function curvesSection(run, curves) {
  if (!curves || !curves.curves) {
    return section("curves", "Curves", missing(curves && curves.problem ? curves.problem : run.problems.curves, "The curves are not there yet."));
  }
  const decimals = decimalsOf(run);
  const notes = [
    curves.reliable ? null : "The model of the coordinator does not agree with the ledger about all transactions, so curves may be wrong.",
    curves.gaps ? `${counted(curves.gaps, "part")} of the history missing, so curves may have gaps.` : null,
    curves.removed_rounds ? `${counted(curves.removed_rounds, "round")} not shown, because the run was set back and trained their steps again.` : null,
    curves.more_evaluations ? `${counted(curves.more_evaluations, "more evaluation")} without a curve.` : null,
    curves.incarnation > 1 ? `Incarnation ${curves.incarnation} of this run id.` : null,
  ].filter(Boolean);
  const suspects = curves.witnesses.filter((one) => one.not_finite || one.far || one.other_step || one.repeated);
  return section("curves", "Curves",
    h("p", { class: "quiet hint", id: "chart-keys" }, CHART_KEYS, " Lines are medians of the witnesses of a step; bands enclose more than half of them."),
    notes.map((note) => h("p", { key: note, class: "notice" }, note)),
    h("div", { class: "charts" }, plotsFrom(curves, decimals).map(chartOf)),
    suspects.length
      ? h("details", { key: "reports" }, h("summary", null, `Unusual reports of ${counted(suspects.length, "witness", "witnesses")}`),
          table({ caption: "Unusual reports of witnesses", items: suspects, key: (one) => one.wallet, columns: [
            { title: "Wallet", row: true, cell: (one) => address(one.wallet) },
            { title: "Reports", class: "number", cell: (one) => whole(one.reports) },
            { title: "Not a number", class: "number", cell: (one) => whole(one.not_finite) },
            { title: "Far from others", class: "number", cell: (one) => whole(one.far) },
            { title: "Another step", class: "number", cell: (one) => whole(one.other_step) },
            { title: "Repeated", class: "number", cell: (one) => whole(one.repeated) },
          ] }))
      : null);
}
