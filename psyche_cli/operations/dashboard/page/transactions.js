// The transactions of a run in words, page by page.

const PAGE_SIZE = 50;
const log = { rows: new Map(), total: 0, shown: PAGE_SIZE, kind: "", signer: "", failed: false, found: null, problem: null, busy: false, asked: 0 };

function clearLog() {
  Object.assign(log, { rows: new Map(), total: 0, shown: PAGE_SIZE, kind: "", signer: "", failed: false, found: null, problem: null, busy: false });
}

// New transactions, from the RunView or from an event.
function takeTransactions(content) {
  if (!content) return;
  const rows = content.latest || content.transactions || (Array.isArray(content) ? content : []);
  let fresh = false;
  for (const one of rows) {
    fresh = fresh || !log.rows.has(one.id);
    log.rows.set(one.id, one);
  }
  if (isNumber(content.total)) log.total = content.total;
  if (fresh && filtered() && log.found) for (const one of rows) if (passes(one) && !log.found.has(one.id)) log.found.set(one.id, one);
}

function filtered() {
  return log.kind !== "" || log.signer !== "" || log.failed;
}

function passes(one) {
  return (!log.kind || one.kind === log.kind) && (!log.signer || one.by.startsWith(log.signer)) && (!log.failed || one.error !== null);
}

// Ask the server for older transactions that pass the filter.
async function olderTransactions(before) {
  if (page.exported) return;
  const mine = ++log.asked;
  const query = new URLSearchParams({ limit: String(PAGE_SIZE) });
  if (before !== null) query.set("before", String(before));
  if (log.kind) query.set("kind", log.kind);
  if (log.signer) query.set("signer", log.signer);
  if (log.failed) query.set("failed", "1");
  log.busy = true;
  render();
  try {
    const content = await fetched(`/api/runs/${encodeURIComponent(page.address)}/transactions?${query}`);
    if (mine !== log.asked) return;
    const into = filtered() ? (log.found = log.found || new Map()) : log.rows;
    for (const one of content.transactions) into.set(one.id, one);
    log.foundTotal = content.total;
    log.problem = null;
  } catch (error) {
    if (mine !== log.asked) return;
    log.problem = error.message;
  }
  log.busy = false;
  render();
}

function setFilter(changes) {
  Object.assign(log, changes, { shown: PAGE_SIZE, found: null, foundTotal: null });
  if (filtered() && !page.exported) olderTransactions(null);
  render();
}

function transactionsSection(run) {
  if (!run.transactions) {
    return section("transactions", "Transactions", missing(run.problems.transactions || run.problems.history, "The history of the run has not been read yet."));
  }
  const from = filtered() && !page.exported ? log.found || new Map() : log.rows;
  const rows = [...from.values()].filter(passes).sort((a, b) => b.id - a.id);
  const total = page.exported ? rows.length : filtered() ? (isNumber(log.foundTotal) ? Math.max(log.foundTotal, rows.length) : rows.length) : log.total;
  const shown = rows.slice(0, log.shown);
  const kinds = run.transactions.kinds || [...new Set([...log.rows.values()].map((one) => one.kind))].sort();
  const left = page.exported && run.transactions.left_out ? `. ${counted(run.transactions.left_out, "older one is", "older ones are")} not in this file.` : "";
  return section("transactions", "Transactions",
    h("form", { class: "filters", role: "search", "aria-label": "Filter the transactions", onsubmit: (event) => event.preventDefault() },
      h("label", null, "Kind ", h("select", { value: log.kind, onchange: (event) => setFilter({ kind: event.target.value }) },
        h("option", { value: "", key: "" }, "all"), kinds.map((kind) => h("option", { key: kind, value: kind }, plain(kind))))),
      h("label", null, "Signer ", h("input", { type: "search", class: "mono", size: 16, spellcheck: "false", autocomplete: "off", placeholder: "address",
        onchange: (event) => setFilter({ signer: event.target.value.trim() }) })),
      h("label", null, h("input", { type: "checkbox", checked: log.failed, onchange: (event) => setFilter({ failed: event.target.checked }) }), " failed only"),
      h("span", { class: "quiet" }, `${whole(shown.length)} of ${whole(total)}${left}`)),
    log.problem ? missing(log.problem) : null,
    table({
      caption: "Transactions, newest first", items: shown, key: (one) => one.id, rowClass: (one) => (one.error === null ? null : "failed"),
      empty: log.busy ? "Loading …" : filtered() ? "None that passes the filter." : "None yet.",
      columns: [
        { title: "Time", class: "nowrap", cell: (one) => timeOf(one.time) },
        { title: "What happened", row: true, class: "sentence", cell: (one) => [one.error === null ? null : h("span", { class: "severity blocking" }, h("span", { class: "sign", "aria-hidden": "true" }, "✕"), "Failed "),
          withShortAddress(one)] },
        { title: "Kind", class: "nowrap wide", cell: (one) => h("span", { class: "mono" }, plain(one.kind)) },
        { title: "Fee", class: "number wide", cell: (one) => h("span", { title: "lamports" }, whole(one.fee)) },
        { title: "Signature", class: "wide", cell: (one) => address(one.signature) },
        { title: "Slot", class: "number wide", cell: (one) => whole(one.slot) },
      ],
    }),
    rows.length > log.shown || (!page.exported && from.size < total)
      ? h("button", { type: "button", disabled: log.busy, onclick: () => {
          log.shown += PAGE_SIZE;
          if (!page.exported && rows.length < log.shown && from.size < total) {
            olderTransactions(rows.length ? rows[rows.length - 1].id : null);
          } else render();
        } }, log.busy ? "Loading …" : "Show older")
      : null);
}

// The sentence with the address of the signer shortened; the whole address is in its title.
function withShortAddress(one) {
  const text = plain(one.sentence);
  const parts = one.by ? text.split(one.by) : [text];
  return parts.flatMap((part, index) => (index ? [address(one.by), ...withArrows(part)] : withArrows(part)));
}

// A line never ends within an arrow, or before it.
function withArrows(text) {
  return text.split(" -> ").flatMap((part, index) => (index ? [h("span", { class: "nowrap" }, "\u00a0-> "), part] : [part]));
}
