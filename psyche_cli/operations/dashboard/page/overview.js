// The state of a run and its clock, its progress, and what needs attention.

function missing(reason, otherwise) {
  return h("p", { key: "missing", class: "notice" }, plain(reason || otherwise));
}

const SEVERITIES = {
  blocking: { sign: "■", name: "Blocking" },
  warning: { sign: "▲", name: "Warning" },
  note: { sign: "●", name: "Note" },
};

function severityMark(severity) {
  const { sign, name } = SEVERITIES[severity] || { sign: "●", name: plain(severity) };
  return h("span", { class: `severity ${Object.hasOwn(SEVERITIES, severity) ? severity : "note"}` },
    h("span", { class: "sign", "aria-hidden": "true" }, sign), name);
}

function waitsFor(ends) {
  if (ends.waits_for === "owner") return "Ends when the owner resumes or starts the run.";
  if (ends.waits_for === "nothing") return "This is the end of the run.";
  if (ends.waits_for === "members") {
    const more = ends.missing ? `Ends when ${counted(ends.missing, "more member joins", "more members join")}` : "Enough members have joined";
    return `${more} (${whole(ends.present)} of ${whole(ends.needed)} have).`;
  }
  if (ends.waits_for === "reports") return `Ends with ${counted(ends.needed, "report")} of members (${whole(ends.present)} sent), or when the time is over.`;
  return "Ends with the first tick after the time is over.";
}

// The clock of a state: how long until it can end and until it ends.
function stateClock(show) {
  const { ends } = show;
  const rows = [];
  if (isNumber(show.since)) {
    rows.push(fact("In this state", h("span", { class: "big", tick: () => duration(clusterNow() - show.since) }), h("small", null, "since ", timeOf(show.since))));
  }
  if (ends && isNumber(ends.earliest) && ends.waits_for !== "time") {
    rows.push(fact("Earliest end", h("span", { class: "big", tick: () => countedDown(ends.earliest, "now") }), h("small", null, timeOf(ends.earliest))));
  }
  if (ends && isNumber(ends.latest)) {
    rows.push(h("div", { key: "latest", class: "fact", mount: (element) => drawLatest(element, ends) }));
  }
  return h("div", { class: "clock", key: "clock" },
    h("p", { class: "meaning" }, plain(show.meaning)),
    h("dl", { class: "facts clock-facts" }, rows),
    h("p", { class: "quiet" }, ends ? waitsFor(ends) : "The rules of this account layout are not those of layout v1, so its clock is not known.",
      show.pending_pause ? " A pause is requested for the end of the epoch." : ""));
}

function countedDown(time, after) {
  const left = time - clusterNow();
  return left > 0 ? countdown(left) : after;
}

// The latest end of the state; after it, how long it is overdue. Redrawn at the moment that it becomes overdue.
function drawLatest(element, ends) {
  const draw = () => {
    const left = ends.latest - clusterNow();
    const late = left < 0 && ends.waits_for !== "nothing";
    update(element, [
      h("dt", { key: "name" }, late ? "Overdue" : ends.waits_for === "time" ? "Ends in" : "Latest end"),
      h("dd", { key: "value", class: late ? "late" : null },
        h("span", { class: "big" }, late ? `▲ ${countdown(-left)}` : countdown(left)),
        h("small", null, timeOf(ends.latest), late ? "; no client ticks" : "")),
    ]);
    return null;
  };
  ticking.set(element, draw);
  draw();
}

function stateSection(run) {
  const { show } = run;
  if (!show) return section("state", "State", missing(run.problems.show, "The state of the run cannot be read."));
  return section("state", "State",
    h("div", { class: "state-panel" }, machineDrawing(run.machine, show.state, show.pending_pause), stateClock(show)));
}

function tile(name, value, ...more) {
  return h("div", { key: name, class: "tile" }, h("dt", null, name), h("dd", null, h("span", { class: "big" }, value), more));
}

function progressSection(run) {
  const { show } = run;
  if (!show) return null;
  const { progress, members, witnesses, treasury } = show;
  const epoch = show.epoch_progress;
  const tiles = [
    tile("Step", `${whole(progress.step)}`, progress.last_step
      ? [h("small", null, `of ${whole(progress.last_step)}, ${percent(progress.steps_done, progress.last_step)}`), bar(progress.steps_done, progress.last_step)]
      : h("small", null, "no configuration")),
    tile("Tokens", progress.tokens_done === null ? "–" : measured(Number(progress.tokens_done)),
      h("small", null, progress.tokens_total === null ? "no configuration" : `of ${measured(Number(progress.tokens_total))}, ${percent(Number(progress.tokens_done), Number(progress.tokens_total))}`),
      progress.tokens_total === null ? null : bar(progress.tokens_done, progress.tokens_total)),
    tile("Epoch", whole(show.epoch), epoch
      ? [h("small", null, `round ${whole(epoch.rounds_done + 1)}, about ${counted(epoch.estimated_rounds_left, "round")} left`), bar(epoch.rounds_done, epoch.rounds_done + epoch.estimated_rounds_left)]
      : h("small", null, "has not begun")),
    epoch
      ? tile("Epoch ends", h("span", { tick: () => countedDown(epoch.estimated_end, "soon") }), h("small", null, "about ", timeOf(epoch.estimated_end), ", latest ", timeOf(epoch.latest_end)))
      : null,
    tile("Run ends", progress.estimated_end === null
      ? progress.seconds_left === null ? "–" : duration(progress.seconds_left)
      : h("span", { tick: () => duration(progress.estimated_end - clusterNow()) }),
      h("small", null, progress.estimated_end === null ? (progress.seconds_left === null ? "no configuration" : "of training left") : ["about ", timeOf(progress.estimated_end)])),
    tile("Pace", progress.seconds_per_step === null ? "–" : `${measured(progress.seconds_per_step)} s`,
      h("small", null, progress.measured_steps ? `per step, over ${counted(progress.measured_steps, "step")}` : progress.seconds_per_step === null ? "no configuration" : "per step, the slowest configured")),
    tile("Members", whole(members.in_epoch || members.joined_next || 0),
      h("small", null, members.in_epoch ? `in the epoch, ${whole(members.alive)} healthy` : "joined the next epoch"),
      members.in_epoch ? bar(members.alive, members.in_epoch) : null),
    witnesses
      ? tile("Witnesses", `${whole(witnesses.received)} of ${whole(witnesses.expected)}`, h("small", null, `needed: ${whole(witnesses.needed)}`), bar(witnesses.received, witnesses.expected))
      : null,
    treasury
      ? tile("Funded epochs", treasury.cover.epochs === null ? "–" : whole(treasury.cover.epochs),
          h("small", null, Number(treasury.missing.base_units) > 0 ? `missing ${amount(treasury.missing)}`
            : treasury.cover.epochs === null ? "no earning rate" : treasury.cover.seconds === null ? "" : `about ${duration(treasury.cover.seconds)}`))
      : null,
  ];
  return section("progress", "Progress", h("dl", { class: "tiles" }, tiles.filter(Boolean)));
}

function findingsSection(run) {
  const { explain } = run;
  if (!explain) return section("findings", "Diagnosis", missing(run.problems.explain, "The diagnosis is not available."));
  const findings = explain.findings.map((one) =>
    h("li", { key: one.rule + one.sentence, class: "finding", "data-severity": one.severity },
      h("p", { class: "sentence" }, severityMark(one.severity), " ", plain(one.sentence)),
      h("p", { class: "quiet" }, plain(one.advice)),
      one.commands.map((command) => h("pre", { key: command, class: "command" }, plain(command))),
      one.evidence.length
        ? h("details", null, h("summary", null, "Evidence", h("span", { class: "unseen" }, ` for ${one.rule}`)),
            facts(one.evidence.map((value) => fact(plain(value.name), plain(value.value)))))
        : null));
  const unchecked = explain.not_checked.length
    ? h("p", { key: "unchecked", class: "quiet" }, `Not checked, because what they need is not known: ${explain.not_checked.map((one) => `${one.rule} (${one.needs})`).join(", ")}.`)
    : null;
  return section("findings", "Diagnosis",
    findings.length ? h("ul", { class: "findings" }, findings) : h("p", null, "No problem was found."), unchecked);
}

function treasurySection(run) {
  const { show } = run;
  if (!show) return null;
  const { rates, treasury } = show;
  const unit = rates.unit === "collateral" ? "" : " points";
  const rows = [
    fact("Earning rate", `${amount(rates.earning_next)}${unit} per epoch, shared by its members`,
      rates.earning_now && rates.earning_now.base_units !== rates.earning_next.base_units ? h("small", null, `this epoch ${amount(rates.earning_now)}`) : null),
    fact("Slashing rate", `${amount(rates.slashing_next)}${unit} per ejected member`,
      rates.slashing_now && rates.slashing_now.base_units !== rates.slashing_next.base_units ? h("small", null, `this epoch ${amount(rates.slashing_now)}`) : null),
  ];
  if (!treasury) {
    return section("treasury", "Treasury", h("p", null, "This run has no treasurer: members earn points without a value in a token."), facts(rows));
  }
  const short = Number(treasury.missing.base_units) > 0;
  const { cover } = treasury;
  const units = (value) => Number(value.base_units);
  const future = Math.max(0, units(treasury.held) - units(treasury.owed) - units(treasury.for_this_epoch));
  return section("treasury", "Treasury",
    h("p", { class: short ? "notice bad" : null },
      short ? ["▲ Missing: ", amount(treasury.missing), " tokens through the next epoch."]
        : cover.epochs === null ? "Future epochs pay no rewards."
          : `The vault pays for ${counted(cover.epochs, "more epoch")}${cover.seconds === null ? "" : `, about ${duration(cover.seconds)}`}.`),
    vaultBar(units(treasury.held), [["owed", units(treasury.owed)], ["this epoch", units(treasury.for_this_epoch)], ["future epochs", future]]),
    facts(fact("In the vault", amount(treasury.held)), fact("Owed to members", amount(treasury.owed)),
      fact("For this epoch", amount(treasury.for_this_epoch)),
      fact("Missing for ten epochs", amount(cover.missing_for_ten_epochs)), rows,
      fact("Vault", address(treasury.vault)), fact("Collateral mint", address(treasury.collateral_mint))));
}

// What the vault holds, divided into what it is for.
function vaultBar(held, parts) {
  const all = Math.max(held, parts.reduce((sum, [, value]) => sum + value, 0));
  if (!(all > 0)) return null;
  let at = 0;
  const rects = parts.map(([name, value], index) => {
    const rect = h("rect", { key: name, class: `part-${index}`, x: (100 * at) / all, width: (100 * value) / all, height: 10 });
    at += value;
    return rect;
  });
  return h("div", { class: "vault", key: "vault" },
    h("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, rects),
    h("ul", { class: "legend" }, parts.map(([name], index) => h("li", { key: name },
      h("svg", { class: "swatch", width: 10, height: 10, "aria-hidden": "true" }, h("rect", { class: `part-${index}`, width: 10, height: 10 })), name))));
}
