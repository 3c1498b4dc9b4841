// The page of a run.

const SECTIONS = [
  ["state", "State"], ["progress", "Progress"], ["findings", "Diagnosis"], ["curves", "Curves"], ["members", "Members"],
  ["treasury", "Treasury"], ["timeline", "Timeline"], ["configuration", "Configuration"], ["transactions", "Transactions"],
  ["history", "History"],
];

const WITHOUT_A_RUN = new Set(["state", "findings", "members", "treasury"]);

// Why nothing of a run as it is now can be shown, for example because it was closed: then its history is shown.
function goneReason(run) {
  const { show, members, explain } = run.problems;
  return !run.show && show && show === members && show === explain ? show : null;
}

function goneNotice(run, reason) {
  const last = run.spans && run.spans.length ? run.spans[run.spans.length - 1] : null;
  return h("p", { key: "gone", class: "notice" }, plain(reason),
    last && last.until !== null ? [" It was closed at ", timeOf(last.until), ". This is its history."] : null);
}

function runView(run) {
  run.problems = run.problems || {};
  const { show } = run;
  const id = named(run.run_id || (show && show.run_id) || "");
  const name = show && show.name ? named(show.name) : "";
  const gone = goneReason(run);
  const isShown = ([key]) => key !== "progress" && (show || key !== "treasury") && !(gone && WITHOUT_A_RUN.has(key));
  return [
    h("div", { key: "head", class: "head" },
      page.exported || (page.runs && page.runs.only) ? null : h("p", { class: "back" }, h("a", { href: "#/" }, "← All runs")),
      h("h1", { tabindex: "-1", id: "title" }, h("span", { class: "id" }, id), name && name !== id ? h("span", { class: "name" }, name) : null,
        show ? stateChip(show.state) : null),
      h("p", { class: "quiet" }, "Instance ", address(run.address), show ? [", account ", address(show.coordinator_account), `, layout ${plain(show.layout)}`] : null),
      run.reading ? h("p", { class: "notice", key: "reading" }, `The history is being read: ${whole(run.reading.done)} of ${whole(run.reading.total)} transactions.`,
        bar(run.reading.done, run.reading.total)) : null,
      h("nav", { class: "sections", "aria-label": "Sections" }, SECTIONS.filter(isShown).map(([key, title]) =>
        h("a", { key, href: `#/${page.exported ? "" : run.address}/${key}` }, title)))),
    gone ? goneNotice(run, gone) : [stateSection(run), progressSection(run), findingsSection(run)],
    curvesSection(run, page.curves),
    gone ? null : h("div", { key: "money", class: "columns members-and-treasury" }, membersSection(run), treasurySection(run)),
    timelineSection(run),
    configurationSection(run),
    transactionsSection(run),
    historySection(run),
  ];
}
