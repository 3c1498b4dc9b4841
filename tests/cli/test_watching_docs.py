"""The examples in docs/watching.md, as lines of a shell against a real local validator."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from contextlib import closing

from psyche_cli.protocol.run_states import RunState
from psyche_cli.redaction import Redactor
from psyche_cli.solana.rpc.http import HttpTransport
from psyche_cli.solana.wallet import load_keypair_file
from psyche_cli.transport import Transport
from tests.cli.test_processes import CLI, ROOT, Shell, shell  # noqa: F401 -- a fixture
from tests.support.patience import PATIENCE
from tests.support.run_driver import RunDriver

LIVE = "psyche-cli watch --run-id my-run"
"""Ends only with Ctrl-C; test_watch.py runs it."""


def examples() -> list[str]:
    text = (ROOT / "docs" / "watching.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_every_example(shell: Shell) -> None:  # noqa: F811 -- the fixture
    with closing(HttpTransport(shell.variables["RPC"])) as transport:
        _every_example(shell, transport)


def _every_example(shell: Shell, transport: Transport) -> None:  # noqa: F811 -- not the fixture
    owner = load_keypair_file(shell.home / "owner.json", lambda _: None, Redactor())
    run = RunDriver(transport, owner, "my-run").create()
    run.resume()
    lines = examples()
    assert LIVE in lines
    lines.remove(LIVE)
    at_first = [line for line in lines if "WaitingForMembers" in line]
    assert len(at_first) == 1
    in_shell(shell, at_first[0])
    run.start_training(0, 1, 2)
    run.play_to_cooldown()
    run.end_cooldown()
    run.start_training(0, 1, 2)
    assert run.stage == RunState.ROUND_TRAIN
    for line in lines:
        if line not in at_first:
            in_shell(shell, line)
    written = (shell.home / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(written[0])["event"] == "observed"


def in_shell(shell: Shell, line: str) -> None:  # noqa: F811 -- not the fixture
    """Run a line, without jq if it is not installed."""
    if shutil.which("jq") is None:
        line = line.partition(" | jq ")[0]
    environment = {**shell.environment(), "PATH": f"{CLI.parent}:{shell.environment()['PATH']}"}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        cwd=shell.home, env=environment, text=True, capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), line
