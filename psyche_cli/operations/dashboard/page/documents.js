// The documents that the page shows: from the server, with updates as they come, or those in an exported file.

const page = {
  exported: null, // the exported documents
  runs: null, // RunList
  run: null, // RunView of the selected run
  curves: null,
  address: null, // of the selected run
  section: null,
  problem: null, // why a document could not be read
  connection: "connecting", // live, lost, exported
  heard: null, // when the server was last heard of, in seconds by this computer's clock
  status: null,
};
let source = null;
let retry = 0;
let retries = 0;
let received = { at: 0, now: 0 }; // the time of the cluster, and when it was received

function seconds() {
  return Date.now() / 1000;
}

// The time of the cluster: it goes on with this computer's clock, except in an exported file.
function clusterNow() {
  if (page.exported || !received.now) return received.now || seconds();
  return received.now + (performance.now() - received.at) / 1000;
}

function setClock(cluster) {
  if (!cluster || !isNumber(cluster.now)) return;
  received = { at: performance.now(), now: cluster.now };
}


async function fetched(path) {
  const answer = await fetch(path, { headers: { accept: "application/json" }, cache: "no-store" });
  const text = await answer.text();
  let content = null;
  try {
    content = parsed(text);
  } catch {
    content = null;
  }
  if (!answer.ok || content === null) {
    const reason = content && content.error && (content.error.message || content.error);
    throw new Error(typeof reason === "string" ? reason : `The server answered with status ${answer.status}.`);
  }
  return content;
}

// Read the documents of the selected run, or the list of runs, and follow their changes.
async function follow(address) {
  page.address = address;
  if (page.exported) return;
  stopFollowing();
  const mine = address;
  try {
    if (address === null) {
      page.runs = await fetched("/api/runs");
      setClock(page.runs.cluster);
    } else {
      const path = `/api/runs/${encodeURIComponent(address)}`;
      const [run, curves] = await Promise.all([fetched(path), fetched(`${path}/curves`).catch((error) => ({ problem: error.message }))]);
      if (page.address !== mine) return;
      takeRun(run);
      page.curves = curves;
    }
    page.problem = null;
  } catch (error) {
    if (page.address !== mine) return;
    page.problem = error.message;
  }
  if (page.address === mine) {
    listen(address);
    render();
  }
}

function stopFollowing() {
  clearTimeout(retry);
  if (source) source.close();
  source = null;
}

function listen(address) {
  source = new EventSource(address === null ? "/api/updates" : `/api/updates?run=${encodeURIComponent(address)}`);
  const on = (name, take) => source.addEventListener(name, (event) => {
    page.heard = seconds();
    if (event.data) take(parsed(event.data));
    render();
  });
  source.onopen = () => {
    const again = page.connection === "lost";
    page.connection = "live";
    page.heard = seconds();
    retries = 0;
    if (again) {
      announce("The connection is back.");
      reload(address);
    }
    render();
  };
  source.onerror = () => {
    if (page.connection !== "lost") announce("The connection to psyche-cli is lost. It is tried again.");
    page.connection = "lost";
    render();
    if (source.readyState === EventSource.CLOSED) {
      stopFollowing();
      retry = setTimeout(() => follow(page.address), Math.min(30000, 1000 * 2 ** retries++));
    }
  };
  on("runs", (runs) => {
    page.runs = runs;
    setClock(runs.cluster);
  });
  on("run", takeRun);
  on("curves", (curves) => {
    page.curves = curves;
  });
  on("transactions", takeTransactions);
  on("status", (status) => {
    page.status = status;
    if (isNumber(status.now)) setClock(status);
  });
}

// After the connection was lost: what the events of the meantime would have brought.
async function reload(address) {
  try {
    if (address === null) page.runs = await fetched("/api/runs");
    else {
      const path = `/api/runs/${encodeURIComponent(address)}`;
      const [run, curves] = await Promise.all([fetched(path), fetched(`${path}/curves`)]);
      if (page.address !== address) return;
      takeRun(run);
      page.curves = curves;
    }
    page.problem = null;
  } catch (error) {
    page.problem = error.message;
  }
  render();
}

function takeRun(run) {
  const before = page.run && page.run.show && page.run.show.run_id === (run.show && run.show.run_id) ? page.run.show.state : null;
  page.run = run;
  page.problem = null;
  setClock(run.cluster);
  const after = run.show && run.show.state;
  if (before && after && before !== after) announce(`Run ${plain(run.show.run_id)}: ${stateName(stateKey(after))}`);
  if (run.transactions) takeTransactions(run.transactions);
}

function announce(sentence) {
  document.getElementById("announcer").textContent = sentence;
}

function openExport() {
  const element = document.getElementById("documents");
  if (!element) return false;
  page.exported = parsed(element.textContent);
  page.connection = "exported";
  page.runs = page.exported.runs;
  page.curves = page.exported.curves;
  takeRun(page.exported.run);
  return true;
}
