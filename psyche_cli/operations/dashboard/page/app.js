// The page: its header, which view is shown, and the beginning.

const THEMES = { auto: "Automatic", light: "Light", dark: "Dark" };

function storedTheme() {
  try {
    const theme = localStorage.getItem("theme");
    return Object.hasOwn(THEMES, theme) ? theme : "auto";
  } catch {
    return "auto"; // no storage, for example in a file
  }
}

let theme = storedTheme();

function setTheme(chosen) {
  theme = chosen;
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // It holds until the page is closed.
  }
}

function connectionText() {
  if (page.exported) return { tone: "still", text: "Exported", more: `${dateOf(page.exported.exported_at)} ${clockOf(page.exported.exported_at).slice(0, 5)}`, extra: ", not live", title: utc(page.exported.exported_at) };
  if (page.connection === "lost") return { tone: "lost", text: "Disconnected", more: page.heard ? `since ${clockOf(page.heard)}` : "", extra: page.heard ? ", reconnecting" : " reconnecting" };
  const document_ = page.address === null ? page.runs : page.run;
  const stale = (page.status && page.status.stale) || (document_ && document_.cluster && document_.cluster.stale);
  if (stale || (page.status && page.status.connected === false)) {
    return { tone: "stale", text: "Stale", more: "the endpoint does not answer", title: plain(stale || page.status.problem || "") };
  }
  if (page.connection === "live") return { tone: "live", text: "Live", more: "" };
  return { tone: "stale", text: "Connecting", more: "" };
}

function header() {
  const state = connectionText();
  const cluster = ((page.address === null ? page.runs : page.run) || page.runs || {}).cluster;
  const signs = { live: "●", stale: "▲", lost: "✕", still: "■" };
  return [
    h("span", { key: "brand", class: "brand" }, "Psyche runs"),
    h("span", { key: "cluster", class: "cluster" }, cluster ? plain(cluster.label) : ""),
    h("span", { key: "connection", class: `connection ${state.tone}`, "data-connection": page.connection, title: state.title || null },
      h("span", { class: "sign", "aria-hidden": "true" }, signs[state.tone]), state.text, state.more ? h("span", { class: "more" }, ` ${state.more}`) : null,
      state.extra ? h("span", { class: "more extra" }, state.extra) : null),
    h("label", { key: "theme", class: "theme" }, h("span", { class: "unseen" }, "Colors"),
      h("select", { value: theme, onchange: (event) => setTheme(event.target.value) },
        Object.entries(THEMES).map(([key, name]) => h("option", { key, value: key }, name)))),
  ];
}

function staleNotice() {
  const view = page.address === null && !page.exported ? page.runs : page.run;
  const stale = (page.status && (page.status.stale || (page.status.connected === false && page.status.problem)))
    || (view && view.cluster && view.cluster.stale);
  return stale && !page.exported ? h("p", { key: "stale", class: "notice bad" }, `▲ ${plain(stale)}`) : null;
}

function render() {
  update(document.getElementById("bar"), header());
  document.body.dataset.connection = connectionText().tone;
  const main = document.getElementById("main");
  const view = page.exported || page.address !== null ? page.run : page.runs;
  const problem = page.problem ? h("p", { key: "problem", class: "notice bad" }, `▲ ${plain(page.problem)}`) : null;
  if (!view) {
    update(main, [problem || h("p", { key: "loading", class: "quiet" }, "Loading …")]);
    return;
  }
  const isRun = view === page.run;
  update(main, [problem, staleNotice(), isRun ? runView(view) : runsView(view)]);
  const state = isRun && view.show ? `${stateName(view.show.state)} · ` : "";
  document.title = isRun ? `${state}${named(view.run_id)} · Psyche runs` : "Psyche runs";
  const { slot, now } = view.cluster;
  update(document.getElementById("foot"), [
    h("span", { key: "slot" }, slot === null ? "" : `Slot ${whole(slot)}`, isNumber(now) ? [", ", timeOf(now)] : null),
    h("span", { key: "zone" }, zoneText()),
    h("span", { key: "tool" }, page.exported ? `psyche-cli ${plain(page.exported.version)}` : "psyche-cli dashboard, read-only"),
  ]);
  if (page.section) goTo(page.section);
}

function zoneText() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";
  return zone === "UTC" ? "Times in UTC" : `Times in ${zone}; point at one for UTC`;
}

function goTo(key) {
  page.section = null;
  const title = document.getElementById(`${key}-title`);
  if (!title) return;
  title.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  title.focus({ preventScroll: true });
}

// The fragment is #/, #/ADDRESS or #/ADDRESS/SECTION.
function route() {
  const [, chosen = "", key = ""] = location.hash.split("/");
  const address_ = chosen || (page.runs && page.runs.only) || null;
  page.section = SECTIONS.some(([name]) => name === key) ? key : null;
  if (page.exported) {
    render();
    return;
  }
  if (address_ === page.address && (page.run || page.runs)) {
    if (page.section) goTo(page.section);
    return;
  }
  Object.assign(page, { run: null, curves: null, problem: null, status: null });
  clearLog();
  for (const view of Object.values(views)) Object.assign(view, { from: null, to: null, at: null });
  window.scrollTo(0, 0);
  page.address = address_;
  render();
  follow(address_);
}

async function begin() {
  setTheme(theme);
  document.querySelector(".skip").onclick = (event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  };
  window.onhashchange = route;
  setInterval(tickAll, 1000);
  matchMedia("print").onchange = () => redrawAll();
  if (!openExport()) {
    try {
      page.runs = await fetched("/api/runs");
      setClock(page.runs.cluster);
    } catch (error) {
      page.problem = error.message;
    }
  }
  page.address = undefined;
  route();
}

begin();
