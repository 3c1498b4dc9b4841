"""The example in docs/declarative.md, line by line against a local validator."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import House
from tests.cli.test_processes import ROOT
from tests.support.page_examples import code_blocks, command_lines, section

PAGE = (ROOT / "docs" / "declarative.md").read_text(encoding="utf-8")
EXAMPLE = section(PAGE, "Example")
[RUN_TOML] = code_blocks(EXAMPLE, "toml")
LINES = command_lines(EXAMPLE)


def test_every_command_of_the_example(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plans: list[Any] = []
    for line in LINES:
        command, _, comment = line.partition("  # ")
        words = shlex.split(command)
        if words[0] != "psyche-cli":
            assert words[0] == "sed"
            subprocess.run(words, check=True)
            continue
        outcome = house.cli(*words[1:], "--output", "json")
        expected = re.match(r"exit code (\d+)", comment)
        assert outcome.code == (int(expected[1]) if expected else 0), f"{line}\n{outcome.stderr}"
        if "new-mint" in words:
            (tmp_path / "run.toml").write_text(RUN_TOML.replace("MINT", outcome.json["data"]["mint"]))
        if "plan" in words:
            plans.append(outcome.json["data"])
    assert len(LINES) > 8
    first, _, second = plans
    costs = (first["rent_lamports"], first["fee_lamports"], first["collateral"])
    assert (len(first["steps"]), *costs) == (6, 838_304_160, 35_000, 125_000_000)
    assert "six steps, and costs 0.83830416 SOL of rent, 0.000035 SOL of fees and 125 tokens" in EXAMPLE
    assert [step["kind"] for step in second["steps"]] == ["pause", "wait", "update", "resume"]
    assert house.driver("my-run").account.config["epoch_time"] == 90
