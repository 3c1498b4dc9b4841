"""The JavaScript clients run their sessions against ``psyche-cli localnet``. ``scripts/environment`` installs them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.clients.localnet import running_localnet
from tests.clients.node import FOLDER, node, require_clients
from tests.support.patience import PATIENCE

SLOT_SECONDS = 1.0
"""web3.js keeps a blockhash for 30 seconds; 150 slots leave it two minutes more. For expiry the sessions warp."""

LEAST_STEPS = 25


@pytest.mark.parametrize("session", ["web3js.mjs", "kit.mjs"])
def test_session(tmp_path: Path, session: str) -> None:
    require_clients()
    program = node()
    with running_localnet(tmp_path, slot_seconds=SLOT_SECONDS) as cluster:
        ended = subprocess.run(
            [str(program), str(FOLDER / session), cluster.rpc_url, cluster.ws_url],
            cwd=FOLDER,
            env={"PATH": str(program.parent), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    reports = [json.loads(line) for line in ended.stdout.splitlines()]
    failed = [report["failed"] for report in reports if "failed" in report]
    assert (ended.returncode, failed) == (0, []), ended.stderr
    planned: list[str] = reports[0]["planned"]
    assert [report["done"] for report in reports[1:]] == planned
    assert len(set(planned)) == len(planned) >= LEAST_STEPS


def test_versions_are_exact_and_the_lock_names_no_registry() -> None:
    wanted = json.loads((FOLDER / "package.json").read_text())["dependencies"]
    locked = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    assert locked[""]["dependencies"] == wanted
    for name, version in wanted.items():
        assert locked[f"node_modules/{name}"]["version"] == version
    installed = [package for path, package in locked.items() if path]
    assert all(package["integrity"].startswith("sha512-") for package in installed)
    assert not any("resolved" in package for package in installed)
