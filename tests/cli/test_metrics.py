"""``metrics``: the values of real runs, the server as a real process, and the files for Grafana and Prometheus."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from psyche_cli.errors import ExitCode
from psyche_cli.protocol.run_states import RunState
from scripts.write_monitoring_page import ROOT, TARGET, complete_scrape, page
from tests.cli.conftest import House
from tests.cli.test_processes import Shell, shell  # noqa: F401 -- a fixture
from tests.cli.test_show import with_rewards
from tests.support.patience import PATIENCE
from tests.support.shown_runs import RUNS

CONFIGS = ROOT / "configs" / "monitoring"
ONCE = ("metrics", "--run-id", "test", "--once")


def parsed(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class Scrape:
    """The metrics of a house."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.values = parsed(text)

    def __call__(self, name: str, **labels: str) -> float:
        labels = labels if name.startswith(("psyche_rpc", "psyche_cli")) else {"run_id": "test", **labels}
        return self.values[name, frozenset(labels.items())]

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.values}

    @property
    def state(self) -> list[str]:
        return [
            dict(labels)["psyche_run_state"]
            for (name, labels), value in self.values.items()
            if name == "psyche_run_state" and value == 1
        ]


def scrape(house: House, *words: object) -> Scrape:
    outcome = house.cli(*(words or ONCE))
    assert outcome.code is ExitCode.OK, outcome.stderr
    return Scrape(outcome.stdout)


@pytest.mark.parametrize("name", RUNS)
def test_metrics_agree_with_show_in_every_state(still_house: House, name: str) -> None:
    RUNS[name](still_house.driver())
    shown, found = still_house.cli.json("show", "--run-id", "test"), scrape(still_house)
    assert found.state == [next(state.variant for state in RunState if state.text == shown["state"])]
    assert found("psyche_run_epoch") == shown["epoch"]
    assert found("psyche_run_step") == shown["progress"]["step"]
    assert found("psyche_run_overdue_seconds") == shown["ends"]["overdue_seconds"]
    assert found("psyche_run_members") == shown["members"]["all"]
    assert found("psyche_run_members_in_epoch") == shown["members"]["in_epoch"]
    assert found("psyche_rpc_timestamp_seconds") == shown["now"]
    assert found("psyche_run_last_transaction_timestamp_seconds") == shown["transactions"][0]["time"]
    assert found("psyche_run_pause_pending") == shown["pending_pause"]
    witnesses = shown["witnesses"]
    assert ("psyche_run_round_witnesses" in found.names) == (witnesses is not None)
    if witnesses is not None:
        assert found("psyche_run_round_witnesses") == witnesses["received"]
        assert found("psyche_run_round_witnesses_quorum") == witnesses["needed"]
    if shown["since"] is not None:
        assert found("psyche_run_state_duration_seconds") == shown["now"] - shown["since"]


def test_money_is_exact_in_base_units(still_house: House) -> None:
    with_rewards(still_house)
    found = scrape(still_house)
    assert found("psyche_run_vault_base_units") == 1_000_250_000
    assert found("psyche_run_collateral_decimals") == 6
    assert found("psyche_run_epochs_funded") == 80
    assert found("psyche_run_unclaimed_base_units") == 0
    assert found("psyche_run_earning_rate_base_units", epoch="next") == 12_500_000
    assert found("psyche_run_slashing_rate_base_units", epoch="next") == 1_000_000
    owner = still_house.cli.json("balance")
    assert found("psyche_run_authority_lamports") == owner["lamports"]
    assert "# HELP psyche_run_vault_base_units Balance of the vault, in base units. Exact up to 2**53.\n" in found.text


def test_members_that_leave_are_counted_by_their_state(still_house: House) -> None:
    run = still_house.driver().create()
    run.resume()
    run.start_training(0, 1, 2)
    run.play_round(2)
    run.play_round(2)
    run.report_absent(0, 2)
    found = scrape(still_house)
    assert found("psyche_run_epoch_members", state="healthy") == 2
    assert found("psyche_run_epoch_members", state="dropped") == 1


def test_one_reading_takes_two_round_trips_for_many_runs(still_house: House) -> None:
    names = [f"run-{number}" for number in range(17)]
    for name in names:
        still_house.run(name, configured=False)
    still_house.chain.requests.clear()
    found = scrape(still_house, "metrics", "--once", *(word for name in names for word in ("--run-id", name)))
    assert found.values["psyche_runs", frozenset()] == 17
    accounts, first, again, second = still_house.chain.requests
    assert accounts == again == "getMultipleAccounts"
    assert first == "+".join(["getMultipleAccounts", *["getSignaturesForAddress"] * 16])
    assert second == "getMultipleAccounts+getSignaturesForAddress"


def test_all_runs_and_those_that_cannot_be_read(still_house: House) -> None:
    still_house.run("a")
    still_house.driver("b\\c\N{RIGHT-TO-LEFT OVERRIDE}").create()  # another client does not refuse the name
    found = scrape(still_house, "metrics", "--all", "--once")
    assert found("psyche_run_readable", run_id="a") == 1
    assert found("psyche_run_readable", run_id="b\\\\c\\u202e") == 1
    outcome = still_house.cli("metrics", "--run-id", "a", "--run-id", "gone", "--once", "--output", "json")
    assert (outcome.data["runs"], outcome.data["unreadable"]) == (2, ["gone"])
    assert Scrape(outcome.data["text"])("psyche_run_readable", run_id="gone") == 0


def test_the_run_id_of_the_environment(still_house: House) -> None:
    still_house.run("a")
    still_house.run("b")
    variables = {"RUN_ID": "a"}
    found = Scrape(still_house.cli("metrics", "--once", variables=variables).stdout)
    assert found.values["psyche_runs", frozenset()] == found("psyche_run_readable", run_id="a") == 1
    found = Scrape(still_house.cli("metrics", "--once", "--all", variables=variables).stdout)
    assert found.values["psyche_runs", frozenset()] == 2


def test_a_cluster_without_runs(still_house: House) -> None:
    found = scrape(still_house, "metrics", "--all", "--once")
    assert found("psyche_rpc_up") == 1
    assert found.values["psyche_runs", frozenset()] == 0


def test_names_of_strangers_are_labels(still_house: House) -> None:
    still_house.run()
    still_house.write_metadata("test", name='a"b\\c\n<b>')
    families = {one.name: one for one in text_string_to_metric_families(scrape(still_house).text)}
    [sample] = families["psyche_run_info"].samples
    assert sample.labels["name"] == 'a"b\\c\N{REPLACEMENT CHARACTER}<b>'


def test_a_textfile_says_that_the_endpoint_is_down(still_house: House, tmp_path: Path) -> None:
    still_house.run()
    target = tmp_path / "psyche.prom"
    written = still_house.cli.json(*ONCE, "--textfile", target)
    assert (written["textfile"], written["text"]) == (str(target), None)
    assert Scrape(target.read_text())("psyche_rpc_up") == 1
    assert target.stat().st_mode & 0o777 == 0o644
    outcome = still_house.cli(*ONCE, "--textfile", target, "--rpc", "http://127.0.0.1:9", "--output", "json")
    assert outcome.code is ExitCode.OK  # the transport of the tests reaches the chain at any URL
    missing = still_house.cli(*ONCE, "--textfile", tmp_path / "none" / "psyche.prom")
    assert missing.code is ExitCode.MONITORING
    assert [path.name for path in tmp_path.glob("*prom*")] == ["psyche.prom"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "Specify either --run-id or --all."),
        (("--all", "--run-id", "x"), "Specify either --run-id or --all."),
        (("--all", "--treasurer-index", "1"), "--treasurer-index is only for one run."),
        (("--all", "--once", "--listen", "127.0.0.1:0"), "--once starts no server."),
        (("--all", "--listen", "example.org:1"), "--listen requires HOST:PORT with an IP address or localhost."),
        (("--all", "--listen", "0.0.0.0:9465"), "Other machines may be able to reach 0.0.0.0:9465"),
        (("--all", "--textfile", "x", "--token-file", "y"), "--token-file requires --listen."),
        (("--all", "--interval", "0"), "--interval must be greater than zero."),
        (("--all", "--interval", "soon"), "--interval is not a valid duration"),
    ],
)
def test_wrong_options_are_refused(still_house: House, words: tuple[str, ...], message: str) -> None:
    outcome = still_house.cli("metrics", *words)
    assert outcome.code is ExitCode.USAGE
    assert f"Error: {message}" in outcome.stderr
    assert still_house.chain.requests == []


def test_a_token_file_must_contain_a_token(still_house: House, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("too short\n")
    outcome = still_house.cli("metrics", "--all", "--listen", "127.0.0.1:0", "--token-file", path)
    assert outcome.code is ExitCode.USAGE
    assert "does not contain a token" in outcome.stderr


# --- the server -----------------------------------------------------------------------------------------------------


@contextmanager
def served(shell: Shell, *words: object) -> Iterator[dict[str, Any]]:  # noqa: F811
    process = shell.start("metrics", "--listen", "127.0.0.1:0", "--output", "json", *words)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["data"]
    finally:
        process.terminate()
        out, err = process.communicate()
        assert process.returncode == 0, out + err


def get(url: str, path: str = "/metrics", method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    host = url.split("/")[2]
    with closing(HTTPConnection(host, timeout=PATIENCE)) as connection:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()


def test_the_server_answers_prometheus_and_refuses_others(shell: Shell) -> None:  # noqa: F811
    shell.json("create-run", "--run-id", "served")
    with served(shell, "--run-id", "served") as ready:
        url = ready["url"]
        status, headers, text = get(url)
        assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert Scrape(text)("psyche_run_readable", run_id="served") == 1
        status, headers, text = get(url, Accept="application/openmetrics-text; version=1.0.0")
        assert headers["Content-Type"].startswith("application/openmetrics-text")
        assert text.endswith("# EOF\n")
        assert {one.name for one in openmetrics_families(text)} >= {"psyche_run_state", "psyche_rpc_reads"}
        # Both requests used the same reading.
        assert 'psyche_rpc_reads_total{outcome="success"} 1.0' in text
        assert get(url, path="/")[0] == 404
        assert get(url, method="POST")[0] == 405
        assert get(url, Host="example.org")[0] == 403
        assert get(url, Host="127.0.0.1.example.org")[0] == 403
        assert get(url, Host="localhost:1")[0] == 200
        assert get(url, Origin="http://example.org")[0] == 403


def test_a_server_with_a_token(shell: Shell) -> None:  # noqa: F811
    with served(shell, "--all", "--token-file", "scrape.token") as ready:
        path = shell.home / "scrape.token"
        token = path.read_text().strip()
        assert path.stat().st_mode & 0o777 == 0o600
        assert get(ready["url"])[0] == 401
        assert get(ready["url"], Authorization=f"Bearer {token[:-1]}")[0] == 401
        status, _, text = get(ready["url"], Authorization=f"Bearer {token}", Host="machine.example.org")
        assert (status, token in text) == (200, False)


def test_an_address_in_use(shell: Shell) -> None:  # noqa: F811
    with served(shell, "--all") as ready:
        address = ready["url"].split("/")[2]
        done = shell.run("metrics", "--all", "--listen", address, code=ExitCode.MONITORING)
        assert f"The metrics cannot be served at {address}" in done.stderr


def test_a_dead_endpoint_is_a_metric(shell: Shell, tmp_path: Path) -> None:  # noqa: F811
    dead = "http://user:secret-password@127.0.0.1:9/secret-path"
    with served(shell, "--run-id", "x", "--rpc", dead) as ready:
        status, _, text = get(ready["url"])
        found = Scrape(text)
        assert (status, found("psyche_rpc_up"), "psyche_run_state" in found.names) == (200, 0, False)
        assert found("psyche_rpc_failures_total", error="unreachable") == 1
        assert "secret" not in text
    target = tmp_path / "psyche.prom"
    done = shell.run(*ONCE, "--textfile", target, "--rpc", dead, code=ExitCode.NETWORK)
    assert "secret" not in done.stdout + done.stderr
    assert Scrape(target.read_text())("psyche_rpc_up") == 0


def test_a_textfile_is_written_until_the_process_is_stopped(shell: Shell) -> None:  # noqa: F811
    process = shell.start("metrics", "--all", "--textfile", "all.prom", "--interval", "1")
    assert process.stdout is not None
    assert process.stdout.readline() == "Metrics ready: all.prom (Ctrl-C stops it)\n"
    seen: set[str] = set()
    while len(seen) < 3:  # it is replaced again and again, and complete each time
        text = (shell.home / "all.prom").read_text()
        seen.add(re.findall(r"psyche_rpc_reads_total.*success.*", text)[0])
    process.send_signal(subprocess.signal.SIGINT)  # type: ignore[attr-defined]
    process.communicate()
    assert process.returncode == 0


# --- files ----------------------------------------------------------------------------------------------------------


_WORDS = re.compile(r"\bpsyche_[a-z_]+\b")


def complete_names(house: House) -> set[str]:
    """The names of all metrics and labels that runs in all situations have."""
    found = Scrape(complete_scrape(house))
    assert {found("psyche_run_round_witnesses_expected"), found("psyche_run_epoch_members", state="healthy")} == {3}
    labels = {name for _, pairs in found.values for name, _ in pairs}
    return found.names | labels | {"psyche_rpc_failures_total", "error"}  # of which there were none


def test_the_dashboard_and_the_alert_rules_name_only_metrics_that_exist(still_house: House) -> None:
    names = complete_names(still_house)
    dashboard = json.loads((CONFIGS / "grafana-dashboard.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    variables = [one["definition"] for one in dashboard["templating"]["list"] if one["type"] == "query"]
    rules = yaml.safe_load((CONFIGS / "prometheus-alerts.yml").read_text())["groups"][0]["rules"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"]) >= 15
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 10
    for rule in rules:
        assert (
            {"alert", "expr", "labels", "annotations"}
            <= rule.keys()
            <= {"alert", "expr", "labels", "annotations", "for"}
        )
        assert rule["labels"]["severity"] in ("info", "warning", "critical")
    used = {
        name for text in (*expressions, *variables, *(rule["expr"] for rule in rules)) for name in _WORDS.findall(text)
    }
    assert used <= names
    states = {state.variant for state in RunState}
    for text in (rule["expr"] for rule in rules):
        for values in re.findall(r'psyche_run_state=~?"([^"]+)"', text):
            assert set(values.split("|")) <= states


@pytest.mark.parametrize(
    ("what", "name"), [("dashboard", "grafana-dashboard.json"), ("alerts", "prometheus-alerts.yml")]
)
def test_the_files_are_printed(still_house: House, what: str, name: str) -> None:
    content = (CONFIGS / name).read_text()
    assert still_house.cli("metrics", "--print", what).stdout == content
    assert still_house.cli.json("metrics", "--print", what) == {"name": name, "content": content}
    assert still_house.chain.requests == []


def test_the_page_is_up_to_date() -> None:
    text = TARGET.read_text(encoding="utf-8")
    assert page(text) == text, "run scripts/write_monitoring_page.py"
