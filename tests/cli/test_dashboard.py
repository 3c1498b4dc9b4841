"""``dashboard``: the server as a real process beside a run that was really played, and the page in a file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from psyche_cli.cli.commands.dashboard.serve import command
from psyche_cli.errors import ExitCode
from psyche_cli.localnet.chain.timekeeping import ClockMode
from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator
from psyche_cli.solana.wallet import Wallet
from tests.cli.conftest import House
from tests.cli.schema_check import check_output
from tests.cli.test_processes import Shell
from tests.support.patience import PATIENCE
from tests.support.told_runs import tell
from tests.support.treasury_driver import TreasuryDriver

NAME = "</script><script>alert(1)</script><!--\u2028"
SECRET = "secret-path"


class Played(NamedTuple):
    run: TreasuryDriver
    shell: Shell
    address: str


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """A played run on a local validator, and a command line with neither a wallet nor an idea of one."""
    options = LocalnetOptions(rpc_port=0, slot_seconds=0, clock_mode=ClockMode("fixed", 1_800_000_000))
    with LocalValidator(options) as validator, closing(validator.open_transport()) as transport:
        owner = Wallet.generate()
        run = TreasuryDriver(transport, owner, "told")
        run.rpc.request_airdrop(owner.address, 10**11)
        tell(run, name=NAME, epochs=1)
        home = tmp_path_factory.mktemp("home")
        variables = {"RPC": validator.rpc_url, "WALLET_PRIVATE_KEY_PATH": "missing.json"}
        yield Played(run, Shell(home, variables), str(run.instance.address))


class Site:
    """A running dashboard. ``cookie`` is sent with every request."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self.ready = ready
        self.host = ready["url"].split("/")[2]

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
        with closing(HTTPConnection(self.host, timeout=PATIENCE)) as connection:
            connection.request(method, path, headers={name.replace("_", "-"): one for name, one in headers.items()})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()

    def json(self, path: str, **headers: str) -> Any:
        status, _, text = self.get(path, **headers)
        assert status == 200, text
        return json.loads(text)

    def raw(self, request: bytes) -> bytes:
        host, _, port = self.host.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
            connection.sendall(request)
            return connection.recv(100)


@contextmanager
def served(shell: Shell, *words: object) -> Iterator[Site]:
    process = shell.start("dashboard", "--port", "0", "--output", "json", *words)
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        assert check_output(["dashboard"], first) == "dashboard"
        yield Site(json.loads(first)["data"])
    finally:
        process.terminate()
        out, err = process.communicate()
        assert process.returncode == 0, out + err
        assert "Internal error" not in err


@pytest.fixture(scope="module")
def site(played: Played) -> Iterator[Site]:
    with served(played.shell) as found:
        yield found


@contextmanager
def events(site: Site, path: str) -> Iterator[Iterator[tuple[str, Any]]]:
    """The server-sent events at a path."""
    with ExitStack() as stack:
        connection = stack.enter_context(closing(HTTPConnection(site.host, timeout=PATIENCE)))
        connection.request("GET", path)
        answer = stack.enter_context(closing(connection.getresponse()))
        assert answer.getheader("Content-Type") == "text/event-stream"

        def parsed() -> Iterator[tuple[str, Any]]:
            name = ""
            while line := answer.readline():
                text = line.decode().rstrip("\n")
                if text.startswith("event: "):
                    name = text.removeprefix("event: ")
                elif text.startswith("data: "):
                    yield name, json.loads(text.removeprefix("data: "))

        yield parsed()


def test_the_documents_about_a_played_run(played: Played, site: Site) -> None:
    runs = site.json("/api/runs")
    assert [(one["run_id"], one["state"], one["members"], one["problem"]) for one in runs["runs"]] == [
        ("told", "Training", 4, None)
    ]
    assert runs["runs"][0]["name"] == NAME.replace("\u2028", "\ufffd")
    view = site.json(f"/api/runs/{played.address}")
    assert view["problems"] == {}
    assert (view["history"]["reliable"], view["history"]["gaps_total"]) == (True, 0)
    shown = played.shell.json("show", "--run-id", "told")
    assert {name: view["show"][name] for name in ("state", "epoch", "progress", "treasury")} == {
        name: shown[name] for name in ("state", "epoch", "progress", "treasury")
    }
    assert view["members"] == played.shell.json("members", "--run-id", "told")
    assert view["configuration"]["toml"] == played.shell.run("config", "dump", "--run-id", "told").stdout
    states = [span["state"] for span in view["spans"]]
    assert states[:4] == ["Uninitialized", "Waiting for members", "Warmup", "Training"]
    assert "Paused" in states
    assert view["spans"][-1]["until"] is None
    first = view["epochs"][0]
    assert (first["number"], first["members"], first["earned"], first["outcome"]) == (0, 4, 1_500_000, "last round")
    changed = {leaf["path"] for change in view["configuration"]["changes"] for leaf in change["changes"]}
    assert {"config.total_steps", "metadata.name", "rates.earning"} <= changed
    curves = site.json(f"/api/runs/{played.address}/curves")
    assert {one["what"] for one in curves["curves"]} >= {"loss", "tokens", "members", "rewards", "witnesses"}


def test_transactions_are_paged_and_filtered(played: Played, site: Site) -> None:
    path = f"/api/runs/{played.address}/transactions"
    found: list[dict[str, Any]] = []
    while page := site.json(f"{path}?limit=40" + (f"&before={found[-1]['id']}" if found else ""))["transactions"]:
        found += page
    total = site.json(path)["total"]
    assert [one["id"] for one in found] == [*range(total, 0, -1)]
    recorded = {str(one.signature) for one in played.run.rpc.signatures_for_address(played.run.instance.address)}
    assert recorded <= {one["signature"] for one in found}
    failed = site.json(f"{path}?failed=1")
    assert failed["total"] == sum(one["error"] is not None for one in found) == 1
    assert "failed to pause the run" in failed["transactions"][0]["sentence"]
    of_owner = site.json(f"{path}?kind=update&signer={played.run.owner.address}&limit=200")
    assert of_owner["transactions"] == [one for one in found if one["kind"] == "update"]
    assert site.get(f"{path}?limit=x")[0] == site.get(f"{path}?before=-1")[0] == 400


def test_pages_learn_of_changes_without_asking(played: Played, site: Site) -> None:
    with events(site, f"/api/updates?run={played.address}") as found:
        assert next(found)[0] == "status"
        total = next(one for name, one in found if name == "run" and one["transactions"])["transactions"]["total"]
        run = played.run
        step = run.look().account.step
        run.play(lambda now: now.account.step > step, clients=4)
        latest = next(one for name, one in found if name == "transactions" and one["total"] > total)
        assert latest["transactions"][0]["id"] == latest["total"]
        later = (one for name, one in found if name == "run" and one["show"]["progress"]["step"] > step)
        assert next(later)["history"]["reliable"]


def test_the_page_allows_only_its_own_parts(site: Site) -> None:
    status, headers, html = site.get("/")
    policy = headers["Content-Security-Policy"]
    assert status == 200
    assert policy.startswith("default-src 'none'; ")
    assert {"connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} <= {
        *policy.split("; ")
    }
    for tag in ("style", "script"):
        [content] = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", html, re.DOTALL)
        assert base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() in policy
    assert "unsafe" not in policy
    assert "<!-- SCRIPT -->" not in html
    expected = {
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    assert expected.items() <= headers.items()
    assert expected.items() <= site.get("/api/runs")[1].items()


@pytest.mark.parametrize(
    ("status", "path", "method", "headers"),
    [
        (403, "/", "GET", {"Host": "example.org"}),
        (403, "/api/runs", "GET", {"Host": "127.0.0.1.example.org"}),
        (403, "/api/runs", "GET", {"Origin": "http://example.org"}),
        (403, "/api/runs", "GET", {"Origin": "null"}),
        (403, "/api/updates", "GET", {"Sec_Fetch_Site": "cross-site"}),
        (403, "/", "GET", {"Sec_Fetch_Site": "same-site"}),
        (200, "/api/runs", "GET", {"Host": "localhost:1", "Sec_Fetch_Site": "same-origin"}),
        (405, "/api/runs", "POST", {}),
        (405, "/", "OPTIONS", {}),
        (200, "/", "HEAD", {}),
        (413, "/", "GET", {"Content_Length": "10"}),
        (404, "/../etc/passwd", "GET", {}),
        (404, "//api/runs", "GET", {}),
        (404, "/api/runs/", "GET", {}),
        (404, "/api/%72uns", "GET", {}),
        (404, "/api/runs/../../x", "GET", {}),
        (404, f"/api/runs/{'1' * 32}", "GET", {}),
        (404, f"/api/updates?run={'1' * 32}", "GET", {}),
        (400, f"/{'x' * 10_000}", "GET", {}),
        (400, "/", "GET", {"X": "x" * 10_000}),
    ],
)
def test_requests_of_others_are_refused(
    site: Site, status: int, path: str, method: str, headers: dict[str, str]
) -> None:
    assert site.get(path, method, **headers)[0] == status


def test_what_is_not_http_is_refused(site: Site) -> None:
    assert b" 400 " in site.raw(b"\x16\x03\x01\x00\x00\r\n\r\n")


def test_a_dashboard_with_a_token(played: Played) -> None:
    browser = played.shell.home / "browser"
    browser.write_text('#!/bin/sh\nprintf %s "$1" > opened.part && mv opened.part opened\n')
    browser.chmod(0o700)
    shell = Shell(played.shell.home, {**played.shell.variables, "BROWSER": f"{browser} %s"})
    with served(shell, "--token-file", "page.token", "--open") as site:
        token = (shell.home / "page.token").read_text().strip()
        assert (shell.home / "page.token").stat().st_mode & 0o777 == 0o600
        assert site.get("/")[0] == site.get("/api/runs")[0] == site.get("/api/updates")[0] == 401
        assert site.get("/", Authorization=f"Bearer {token[:-1]}")[0] == 401
        assert site.get(f"/?token={token[:-1]}")[0] == 401
        assert site.get(f"/api/runs?token={token}")[0] == 401
        assert site.get(f"/?token={token}", Sec_Fetch_Site="cross-site")[0] == 403
        status, headers, _ = site.get(f"/?token={token}")
        cookie, *attributes = headers["Set-Cookie"].split("; ")
        assert (status, headers["Location"], attributes) == (303, "/", ["Path=/", "HttpOnly", "SameSite=Strict"])
        assert site.get("/", Cookie=cookie)[0] == 200
        assert site.json("/api/runs", Cookie=cookie) == site.json("/api/runs", Authorization=f"Bearer {token}")
        assert site.get("/api/runs", Cookie=cookie, Origin="http://example.org")[0] == 403
        opened = shell.home / "opened"
        while not opened.exists():
            pass
        url = opened.read_text()
        assert token not in url
        path = url.removeprefix(site.ready["url"][:-1])
        assert [site.get(path)[0], site.get(path)[0]] == [303, 401]


def test_no_key_can_be_given() -> None:
    options = {flag for one in command.parameters.values() for flag in one.annotation.__metadata__[0].names}
    assert not {flag for flag in options if "wallet" in flag or "key" in flag}


def test_an_endpoint_that_fails_is_said(played: Played) -> None:
    with served(played.shell, "--run-id", "told", "--rpc", f"http://127.0.0.1:9/{SECRET}?{SECRET}") as site:
        _, _, text = site.get(f"/api/runs/{played.address}")  # while the list is read, too
        runs = site.json("/api/runs")
        assert (runs["only"], runs["runs"]) == (played.address, [])
        assert "127.0.0.1:9" in runs["cluster"]["stale"]
        view = json.loads(text)
        assert view["show"] is view["transactions"] is None
        assert view["cluster"]["stale"]
        assert SECRET not in text + json.dumps(runs)


def test_an_address_in_use(played: Played, site: Site) -> None:
    port = site.host.rpartition(":")[2]
    done = played.shell.run("dashboard", "--port", port, code=ExitCode.MONITORING)
    assert f"The dashboard cannot be served at 127.0.0.1:{port}" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--all", "--run-id", "x"), "--all and --run-id exclude each other."),
        (("--treasurer-index", "1"), "--treasurer-index is only for one run."),
        (("--port", "1", "--listen", "127.0.0.1:1"), "--port and --listen exclude each other."),
        (("--listen", "0.0.0.0:1"), "Other machines may be able to reach 0.0.0.0:1"),
        (("--listen", "example.org:1"), "--listen requires HOST:PORT"),
        (("--run-id", "x" * 33), "The run id"),
    ],
)
def test_wrong_options_are_refused(still_house: House, words: tuple[str, ...], message: str) -> None:
    outcome = still_house.cli("dashboard", *words)
    assert outcome.code is ExitCode.USAGE
    assert message in outcome.stderr
    assert still_house.chain.requests == []


def test_the_page_of_an_archive_is_served_without_an_endpoint(played: Played) -> None:
    played.shell.run("history", "export", "--run-id", "told", "-o", "told.zip")
    shell = Shell(played.shell.home, {"WALLET_PRIVATE_KEY_PATH": "missing.json"})
    with served(shell, "--archive", "told.zip") as site:
        status, headers, html = site.get("/")
        assert status == 200
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        [script] = re.findall(r'<script type="module">(.*?)</script>', html, re.DOTALL)
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in headers["Content-Security-Policy"]
        found = documents_in(html)
        assert (found["run"]["run_id"], found["run"]["problems"]) == ("told", {})
        assert site.get("/", Host="example.org")[0] == 403
        assert site.get("/api/runs")[0] == site.get("/api/updates")[0] == 404
    for words, code, message in (
        (("--run-id", "other"), ExitCode.HISTORY, "The archive told.zip does not contain"),
        (("--run-id", "told", "--run-id", "other"), ExitCode.USAGE, "An archive contains one run."),
        (("--rpc", "devnet"), ExitCode.USAGE, "--archive cannot be combined with --rpc"),
    ):
        done = shell.run("dashboard", "--port", "0", "--archive", "told.zip", *words, code=code)
        assert message in done.stderr


# --- the page in a file ---------------------------------------------------------------------------------------------


def documents(path: Path) -> Any:
    return documents_in(path.read_text())


def documents_in(html: str) -> Any:
    [text] = re.findall(r'<script type="application/json" id="documents">(.*?)</script>', html, re.DOTALL)
    assert not {"<", ">", "&", "\u2028"} & {*text}
    return json.loads(text)


def test_the_page_of_a_run_in_a_file(played: Played) -> None:
    done = played.shell.json("dashboard", "export", "--run-id", "told", "-o", "run.html")
    path = played.shell.home / "run.html"
    found = documents(path)
    html = path.read_text()
    assert done["size_bytes"] == path.stat().st_size
    assert NAME[:9] + "<script>alert" not in html
    assert found["run"]["show"]["name"] == NAME.replace("\u2028", "\ufffd")
    assert found["run"]["transactions"]["total"] == done["transactions"] == len(found["run"]["transactions"]["latest"])
    assert (found["run"]["problems"], found["runs"], done["left_out"], done["reliable"]) == ({}, None, 0, True)
    assert len(found["curves"]["curves"]) >= 5
    assert '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; ' in html
    assert "connect-src" not in html.partition("</head>")[0].partition("<style>")[0]
    again = played.shell.run("dashboard", "export", "--run-id", "told", "-o", "run.html", code=ExitCode.USAGE)
    assert "already exists" in again.stderr
    assert documents(path) == found


def test_a_run_that_never_existed_leaves_no_file(played: Played) -> None:
    played.shell.run("dashboard", "export", "--run-id", "none", "-o", "none.html", code=ExitCode.NOT_FOUND)
    assert not (played.shell.home / "none.html").exists()
