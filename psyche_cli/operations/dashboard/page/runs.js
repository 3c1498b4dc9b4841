// The list of runs.

const list = { text: "", state: "", order: null };

function runsView(runs) {
  const states = [...new Set(runs.runs.map((one) => one.state).filter(Boolean))].sort();
  const readable = runs.runs.filter((one) => one.state !== null);
  const detailed = readable.filter((one) => isNumber(one.since));
  const wanted = list.text.toLowerCase();
  const items = runs.runs.filter((one) => (!list.state || one.state === list.state)
    && (!wanted || [one.run_id, one.name, one.address, one.main_authority].some((text) => text && text.toLowerCase().includes(wanted))));
  return [
    h("div", { key: "head", class: "head" },
      h("h1", { tabindex: "-1", id: "title" }, "Runs"),
      h("p", { class: "quiet" }, `Runs on ${plain(runs.cluster.label)}`, runs.cluster.genesis_hash ? [", genesis ", address(runs.cluster.genesis_hash)] : null, "."),
      runs.notes.map((note) => h("p", { key: note, class: "notice" }, plain(note)))),
    h("form", { key: "filters", class: "filters", role: "search", "aria-label": "Filter the runs", onsubmit: (event) => event.preventDefault() },
      h("label", null, "Search ", h("input", { type: "search", id: "search", size: 24, spellcheck: "false", autocomplete: "off", placeholder: "id, name or address", oninput: (event) => {
        list.text = event.target.value;
        render();
      } })),
      h("label", null, "State ", h("select", { value: list.state, onchange: (event) => {
        list.state = event.target.value;
        render();
      } }, h("option", { key: "", value: "" }, "all"), states.map((state) => h("option", { key: state, value: state }, stateName(state))))),
      h("span", { class: "quiet" }, `${whole(items.length)} of ${whole(runs.runs.length)}`)),
    detailed.length < readable.length
      ? h("p", { key: "few", class: "quiet wide" }, `Members, funding and diagnosis are read for ${whole(detailed.length)} of these runs only; open another one to see them.`) : null,
    table({
      caption: "Runs", items, key: (one) => one.address, order: list.order,
      sortBy: (order) => {
        list.order = order;
        render();
      },
      empty: runs.runs.length ? "None that passes the filter." : "This cluster has no run.",
      columns: [
        { title: "Run", row: true, sort: (one) => one.run_id, cell: (one) => [
          h("a", { href: `#/${one.address}` }, named(one.run_id)), one.name && one.name !== one.run_id ? h("span", { class: "quiet name" }, named(one.name)) : null] },
        { title: "State", sort: (one) => one.state, cell: (one) => (one.state ? stateChip(one.state) : h("span", { class: "bad" }, `▲ ${plain(one.problem || "cannot be read")}`)) },
        { title: "For", class: "number wide", sort: (one) => one.since, cell: (one) => (isNumber(one.since) ? h("span", { title: utc(one.since), tick: () => duration(clusterNow() - one.since) }) : "–") },
        { title: "Epoch", class: "number wide", sort: (one) => one.epoch, cell: (one) => (one.epoch === null ? "–" : whole(one.epoch)) },
        { title: "Step", class: "number step", sort: (one) => one.step, cell: (one) => (one.step === null ? "–" : [
          h("span", null, `${whole(one.step)} of ${whole(Math.max(0, one.total_steps - 1))}`), bar(one.step, one.total_steps - 1)]) },
        { title: "Members", class: "number wide", sort: (one) => one.members, cell: (one) => (isNumber(one.members) ? whole(one.members) : "–") },
        { title: "Funded", class: "number wide", sort: (one) => one.funded_epochs, cell: (one) => (isNumber(one.funded_epochs) ? counted(one.funded_epochs, "epoch") : "–") },
        { title: "Diagnosis", class: "wide", sort: (one) => ["blocking", "warning", "note"].indexOf(one.severity) + 1 || 9, cell: (one) => (one.severity ? severityMark(one.severity) : "–") },
      ],
    }),
  ];
}
