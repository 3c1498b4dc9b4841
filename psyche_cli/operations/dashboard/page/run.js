// The page of a run.

const SECTIONS = [
  ["state", "State"], ["progress", "Progress"], ["findings", "Diagnosis"], ["curves", "Curves"], ["members", "Members"],
  ["treasury", "Treasury"], ["timeline", "Timeline"], ["configuration", "Configuration"], ["transactions", "Transactions"],
  ["history", "History"],
];

function runView(run) {
  run.problems = run.problems || {};
  const { show } = run;
  const id = plain(run.run_id || (show && show.run_id) || "");
  const name = show && show.name ? plain(show.name) : "";
  return [
    h("div", { key: "head", class: "head" },
      page.exported || (page.runs && page.runs.only) ? null : h("p", { class: "back" }, h("a", { href: "#/" }, "← All runs")),
      h("h1", { tabindex: "-1", id: "title" }, h("span", { class: "id" }, id), name && name !== id ? h("span", { class: "name" }, name) : null,
        show ? stateChip(show.state) : null),
      h("p", { class: "quiet" }, "Instance ", address(run.address), show ? [", account ", address(show.coordinator_account), `, layout ${plain(show.layout)}`] : null),
      run.reading ? h("p", { class: "notice", key: "reading" }, `The history is being read: ${whole(run.reading.done)} of ${whole(run.reading.total)} transactions.`,
        bar(run.reading.done, run.reading.total)) : null,
      h("nav", { class: "sections", "aria-label": "Sections" }, SECTIONS.filter(([key]) => key !== "progress" && (show || key !== "treasury")).map(([key, title]) =>
        h("a", { key, href: `#/${page.exported ? "" : run.address}/${key}` }, title)))),
    stateSection(run),
    progressSection(run),
    findingsSection(run),
    curvesSection(run, page.curves),
    h("div", { key: "money", class: "columns members-and-treasury" }, membersSection(run), treasurySection(run)),
    timelineSection(run),
    configurationSection(run),
    transactionsSection(run),
    historySection(run),
  ];
}
