"""The example in docs/migrate.md, line by line against a local validator."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.protocol.run_states import RunState
from tests.cli.conftest import House
from tests.cli.test_processes import ROOT

PAGE = (ROOT / "docs" / "migrate.md").read_text(encoding="utf-8")
EXAMPLE = PAGE.partition("\n## Example\n")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"^```sh\n(.*?)^```", EXAMPLE, re.MULTILINE | re.DOTALL)


def test_every_command_of_the_example(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plans: list[Any] = []
    mint = ""
    for line in "".join(BLOCKS).splitlines():
        command, _, comment = line.partition("  # ")
        if command.startswith("printf "):
            subprocess.run(["sh", "-c", command], check=True)
            continue
        outcome = house.cli(*shlex.split(command.replace("MINT", mint))[1:], "--output", "json")
        expected = re.match(r"exit code (\d+)", comment)
        assert outcome.code == (int(expected[1]) if expected else 0), f"{line}\n{outcome.stderr}"
        if "new-mint" in command:
            mint = outcome.json["data"]["mint"]
        if "migrate" in command:
            plans.append(outcome.json["data"])
    plan = plans[-1]
    assert (len(plan["steps"]), plan["rent_lamports"], plan["fee_lamports"], plan["collateral"]) == (
        *(9, 4_322_160),
        *(40_000, 125_000_000),
    )
    assert house.driver("my-run").stage == RunState.WAITING_FOR_MEMBERS
    assert house.dump("my-run")["treasurer_run"]["funded_collateral_amount"] == 125
    assert (tmp_path / "new-export" / "manifest.json").exists()


def test_the_table_of_reasons_names_options_that_exist() -> None:
    for option in set(re.findall(r"`psyche-cli migrate[^`]*`", PAGE)):
        words = [word for word in shlex.split(option.strip("`")) if word.startswith("--")]
        page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
        assert all(word in page for word in words)
