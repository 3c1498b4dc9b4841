"""Runs the commands in ``docs/getting-started.md`` in order."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

from tests.cli.harness import address_of
from tests.cli.test_processes import CLI, ROOT
from tests.localnet.test_command import running

PAGE = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
LINES = [
    line for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) for line in block.splitlines()
]
START = "psyche-cli localnet --quiet &"


def test_the_page_waits_for_the_validator() -> None:
    assert LINES[LINES.index(START) + 1] == "psyche-cli localnet wait"


def test_every_command_on_the_page_works(tmp_path: Path) -> None:
    """Except the start of the validator, because its default port may be in use, and the pipe into jq."""
    printed = ""
    variables = {"PATH": f"{CLI.parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    with running(tmp_path, "--quiet") as validator:
        variables["RPC"] = validator.rpc_url
        for line in LINES:
            if line == START:
                continue
            if line.startswith("export "):
                variables |= dict(word.split("=", 1) for word in shlex.split(line)[1:])
                continue
            line = line.partition(" | jq ")[0]
            if "MINT" in line:
                [mint] = re.findall(r"^Created the mint (\w+)", printed, re.MULTILINE)
                line = line.replace("MINT", mint)
            line = line.replace("PUBKEY", str(address_of(tmp_path / "owner.json")) if "PUBKEY" in line else "")
            done = subprocess.run(
                ["bash", "-c", line], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            printed += done.stdout
    assert len(LINES) > 12
