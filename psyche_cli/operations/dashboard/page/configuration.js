// The configuration of a run, its changes over time, and how complete the history is.

const FEW_CHANGES = 10;
let allChanges = false;

function configurationSection(run) {
  const { toml, changes } = run.configuration || { toml: null, changes: null };
  const total = run.configuration ? run.configuration.changes_total : 0;
  const shown = changes && !allChanges ? changes.slice(0, FEW_CHANGES) : changes;
  return section("configuration", "Configuration",
    h("div", { class: "columns" },
      goneReason(run) ? null : h("div", { key: "now" }, h("h3", null, "Now"),
        toml === null || toml === undefined ? missing(run.problems.configuration || run.problems.toml, "The run has no valid configuration.")
          : h("pre", { class: "toml", tabindex: "0", role: "region", "aria-label": "Configuration as TOML" }, plainLines(toml))),
      h("div", { key: "changes" }, h("h3", null, "Changes"),
        !changes ? missing(run.problems.changes || run.problems.history, "The history of the run has not been read yet.")
          : changes.length ? h("ol", { class: "changes" }, shown.map((one) => h("li", { key: one.signature + one.slot },
            h("p", null, timeOf(one.time), " ", withShortAddress(one)),
            one.changes.length ? h("details", null,
              h("summary", null, counted(one.changes.length, "value"), h("span", { class: "unseen" }, ` changed in slot ${one.slot}`)),
              table({ caption: `Values changed in slot ${whole(one.slot)}`, items: one.changes, key: (leaf) => leaf.path, columns: [
                { title: "Value", row: true, class: "mono", cell: (leaf) => plain(leaf.path) },
                { title: "Before", class: "mono", cell: (leaf) => plain(leaf.before) },
                { title: "After", class: "mono", cell: (leaf) => plain(leaf.after) },
              ] })) : null)))
            : h("p", { class: "quiet" }, "It was never changed."),
        changes && changes.length > FEW_CHANGES
          ? h("button", { type: "button", "aria-expanded": allChanges ? "true" : "false", onclick: () => {
              allChanges = !allChanges;
              render();
            } }, allChanges ? `Show the newest ${FEW_CHANGES}` : `Show ${whole(changes.length)}`) : null,
        changes && total > changes.length ? h("p", { class: "quiet" }, `${whole(total - changes.length)} older ones are not shown.`) : null)));
}

function plainLines(text) {
  return text.split("\n").map((line) => plain(line, Infinity)).join("\n");
}

function historySection(run) {
  const { history, reading } = run;
  if (!history) return section("history", "History", missing(run.problems.history, "The history of the run has not been read yet."));
  return section("history", "History",
    facts(
      fact("Complete up to slot", history.synced_slot === null ? "unknown" : whole(history.synced_slot)),
      fact("Replay", history.reliable ? "agrees with the ledger and the account" : h("span", { class: "bad" }, "▲ does not agree with the ledger and the account everywhere")),
      fact("Gaps", history.gaps_total ? h("span", { class: "bad" }, `▲ ${counted(history.gaps_total, "part")} missing`) : "none"),
      reading ? fact("Being read", `${whole(reading.done)} of ${whole(reading.total)} transactions`) : null),
    history.gaps.length ? table({ caption: "Gaps of the history", items: history.gaps, columns: [
      { title: "Address", row: true, cell: (one) => address(one.address) },
      { title: "Transaction", cell: (one) => (one.signature ? address(one.signature) : "a whole part") },
      { title: "Reason", cell: (one) => plain(one.reason) },
    ] }) : null,
    history.notes.length ? h("ul", { class: "notes" }, history.notes.map((note) => h("li", { key: note }, plain(note)))) : null);
}
