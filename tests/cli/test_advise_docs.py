"""The example in docs/advise.md, line by line against a local validator, and what the page says about evidence."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from psyche_cli.run_config.load import load_run_config
from tests.cli.conftest import House
from tests.cli.test_processes import ROOT
from tests.support.page_examples import code_blocks, command_lines, section

PAGE = (ROOT / "docs" / "advise.md").read_text(encoding="utf-8")
EXAMPLE = section(PAGE, "Example")
LINES = command_lines(EXAMPLE)
[EXCERPT] = code_blocks(EXAMPLE, "text")


def test_every_command_of_the_example(still_house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown, names = "", set[str]()
    for line in LINES:
        command, _, comment = line.partition("  # ")
        words = shlex.split(command)
        if words[0] != "psyche-cli":
            assert words[0] in ("sed", "patch")
            subprocess.run(["sh", "-c", command], check=True, stdout=subprocess.PIPE)
            continue
        outcome = still_house.cli(*words[1:])
        expected = re.match(r"exit code (\d+)", comment)
        assert outcome.code == (int(expected[1]) if expected else 0), f"{line}\n{outcome.stderr}"
        if words[1] == "advise":
            shown += outcome.stdout
            options = [word for word in words[2:] if word not in ("-o", "advice.diff")]
            data = still_house.cli.json("advise", *options)
            names |= {figure["name"] for one in data["settings"] for figure in one["evidence"]}
    assert EXCERPT in shown
    assert "Predicted: 4 members, rounds of 2 s (median)" in shown
    config = still_house.driver("my-run").account.config
    assert (config["max_round_train_time"], config["round_witness_time"]) == (5, 3)
    assert load_run_config(tmp_path / "config.toml").config["max_round_train_time"] == 10
    assert all(documented(name) for name in names), sorted(name for name in names if not documented(name))


def documented(name: str) -> bool:
    """Whether the table of evidence has this name, whole or as a common beginning with another end."""
    table = PAGE.partition("Evidence, in JSON output")[2].partition("\n## ")[0]
    found = re.findall(r"`(\w+)`", table)
    ends = [one for one in found if one.startswith("_")]
    return name in found or any(
        name == f"{stem}{end}" or name == f"{stem.rpartition('_')[0]}{end}" for stem in found for end in ends
    )
