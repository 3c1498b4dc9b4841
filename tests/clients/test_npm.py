"""The JavaScript clients run their sessions against ``psyche-cli localnet``. ``scripts/environment`` installs them."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.clients.localnet import running_localnet
from tests.clients.node import FOLDER, node, require_clients
from tests.clients.steps import Played
from tests.support.patience import PATIENCE

SLOT_SECONDS = 1.0
"""web3.js keeps a blockhash for 30 seconds; 150 slots leave it two minutes more. For expiry the sessions warp."""

SESSIONS = ("web3js.mjs", "web3js_methods.mjs", "kit.mjs", "kit_methods.mjs", "parsed.mjs", "loader.mjs")


def steps_of(session: str) -> list[str]:
    """The names of the functions that the session passes to ``run``, in order."""
    found = re.search(r"await run\(\s*\[(.*?)\]", (FOLDER / session).read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return re.findall(r"\w+", found[1])


@functools.cache
def played(session: str) -> Played:
    """The outcome of each step."""
    require_clients()
    program = node()
    with tempfile.TemporaryDirectory() as home, running_localnet(Path(home), slot_seconds=SLOT_SECONDS) as cluster:
        ended = subprocess.run(
            [str(program), str(FOLDER / session), cluster.rpc_url, cluster.ws_url],
            cwd=FOLDER,
            env={"PATH": str(program.parent), "HOME": home},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    outcome = Played()
    planned, *reports = [json.loads(line) for line in ended.stdout.splitlines()]
    assert planned == {"planned": steps_of(session)}
    for report in reports:
        failed = AssertionError(ended.stderr) if "failed" in report else None
        outcome.note(report.get("done") or report["failed"], failed)
    assert (ended.returncode == 0) == all("done" in report for report in reports), ended.stderr
    return outcome


@pytest.mark.parametrize(("session", "step"), [(session, step) for session in SESSIONS for step in steps_of(session)])
def test_step(session: str, step: str) -> None:
    played(session).check(step)


def test_versions_are_exact_and_the_lock_names_no_registry() -> None:
    wanted = json.loads((FOLDER / "package.json").read_text())["dependencies"]
    locked = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    assert locked[""]["dependencies"] == wanted
    for name, version in wanted.items():
        assert locked[f"node_modules/{name}"]["version"] == version
    installed = [package for path, package in locked.items() if path]
    assert all(package["integrity"].startswith("sha512-") for package in installed)
    assert not any("resolved" in package for package in installed)


LISTS_METHODS = """
import { Connection } from '@solana/web3.js';
const names = Object.getOwnPropertyNames(Connection.prototype);
const called = names.filter((name) => /^(get|on|is|send|simulate|confirm|request)[A-Z]/.test(name));
console.log(called.join(' '));
"""
INNER_METHODS = {
    "confirmTransactionUsingBlockHeightExceedanceStrategy",
    "confirmTransactionUsingDurableNonceStrategy",
    "confirmTransactionUsingLegacyTimeoutStrategy",
    "getCancellationPromise",
    "getTransactionConfirmationPromise",
}
"""Parts of ``confirmTransaction``, public only by their names."""


def called_in(*sessions: str) -> str:
    return "".join((FOLDER / session).read_text(encoding="utf-8") for session in sessions)


def test_every_method_of_web3js_is_called() -> None:
    require_clients()
    words = [str(node()), "--input-type=module", "--eval", LISTS_METHODS]
    listed = subprocess.run(words, cwd=FOLDER, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    called = called_in("web3js.mjs", "web3js_methods.mjs")
    missing = [name for name in listed if f"connection.{name}(" not in called]
    assert set(missing) == INNER_METHODS


@pytest.mark.parametrize(
    ("package", "pattern", "methods"),
    [
        ("rpc-api", r"^    (\w+)[(<]", 54),
        ("rpc-subscriptions-api", r"^    (\w+Notifications)[(<]", 9),
    ],
)
def test_every_method_of_kit_is_called(package: str, pattern: str, methods: int) -> None:
    require_clients()
    declared: set[str] = set()
    for path in (FOLDER / "node_modules" / "@solana" / package / "dist" / "types").glob("*.d.ts"):
        declared |= set(re.findall(pattern, path.read_text(encoding="utf-8"), re.MULTILINE))
    assert len(declared) >= methods
    called = called_in("kit.mjs", "kit_methods.mjs")
    missing = [name for name in declared if f".{name}(" not in called and f"'{name}'" not in called]
    assert missing == []
