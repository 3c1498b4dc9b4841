"""The commands, cron lines and systemd units in docs/schedule.md, as they are, against a local validator."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from configparser import ConfigParser
from dataclasses import replace
from pathlib import Path

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.operations.schedule.acts import FILE_NAME
from psyche_cli.operations.schedule.tick import MOST_TICKS
from psyche_cli.operations.schedule.vault_ledger import MOST_TRANSACTIONS
from tests.cli.conftest import House
from tests.cli.test_processes import ROOT

PAGE = (ROOT / "docs" / "schedule.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S) for line in block.splitlines()]
[CRON] = re.findall(r"^```text\n(.*?)^```", PAGE, re.M | re.S)
UNITS = {
    Path(name).name: text
    for block in re.findall(r"^```ini\n(.*?)^```", PAGE, re.M | re.S)
    for name, text in re.findall(r"^# (\S+)\n(.*?)(?=^# |\Z)", block, re.M | re.S)
}
SERVICES = [name for name in UNITS if name.endswith(".service")]
FIELDS = [("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7)]


@pytest.fixture
def my_run(house: House) -> House:
    """A house with the run of the page, which has started and pays rewards."""
    house.run("my-run", treasurer=True)
    house.cli.json("set-future-epoch-rates", "--run-id", "my-run", "--earning-rate", "1")
    house.cli.json("set-paused", "--run-id", "my-run", "--resume")
    return house


def run(house: House, words: list[str], variables: dict[str, str] | None = None) -> str:
    """Run a command of the page with the wallet of the house, and return its outcome and what it reports."""
    assert Path(words[0]).name == "psyche-cli"
    if "-w" in words:
        words = [*words[: words.index("-w") + 1], str(house.owner), *words[words.index("-w") + 2 :]]
    cli = replace(house.cli, variables={**house.cli.variables, **(variables or {})})
    outcome = cli(*words[1:], "--output", "json")
    assert outcome.code is ExitCode.OK, outcome.stderr
    return f"{outcome.data['outcome']}\n{outcome.stderr}"


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command(my_run: House, line: str) -> None:
    words = shlex.split(line)
    expected = "done" if "top-up" in words or "2026-12-01T08:00:00Z" in words else "waiting"
    if "--at" in words and "2026" in line:
        my_run.cli.json("localnet", "warp", 14 * 86_400)
    assert run(my_run, words).startswith(expected)


def test_cron_lines(my_run: House) -> None:
    lines = CRON.splitlines()
    assert len(lines) == 2
    for line in lines:
        *times, command = line.split(maxsplit=5)
        for text, (name, least, most) in zip(times, FIELDS, strict=True):
            found = re.fullmatch(r"\*(?:/(\d+))?|(\d+)", text)
            assert found, f"{name}: {text}"
            assert all(least <= int(number) <= most for number in found.groups() if number)
        assert "%" not in command, "cron replaces it"
        words = shlex.split(command)
        assert words[-1] == ">/dev/null"
        outcome, *reported = run(my_run, words[:-1]).splitlines()
        assert outcome in ("done", "waiting")
        assert all(re.match("Warning: |Signing with ", line) for line in reported), reported


@pytest.mark.parametrize("name", SERVICES)
def test_services(my_run: House, name: str) -> None:
    unit = parsed(name)
    words = shlex.split(unit["Service"]["ExecStart"])
    assert words[0] == "/usr/local/bin/psyche-cli"
    variable, _, value = unit["Service"]["Environment"].partition("=")
    if "--follow" in words:
        words.remove("--follow")
        assert (unit["Service"]["Restart"], unit["Service"]["SuccessExitStatus"]) == ("on-failure", "143")
        assert int(unit["Service"]["RestartSec"]) >= 10, "five failures within ten seconds stop a unit for good"
    else:
        assert unit["Service"]["Type"] == "oneshot"
        assert name.replace(".service", ".timer") in UNITS
    assert run(my_run, words, {variable: value}).split()[0] in ("done", "waiting")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    program = shutil.which("true")
    for name, text in UNITS.items():
        (tmp_path / name).write_text(text.replace("/usr/local/bin/psyche-cli", str(program)))
    command = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in UNITS)]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    own = [line for line in verified.stderr.splitlines() if any(name in line for name in UNITS)]
    assert own == []


def parsed(name: str) -> ConfigParser:
    parser = ConfigParser(interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names are case-sensitive
    parser.read_string(UNITS[name])
    return parser


def test_facts_of_the_page() -> None:
    assert len(COMMANDS) == 5
    assert len(UNITS) == 3
    assert f"at\nmost {MOST_TICKS} times" in PAGE
    assert f"more than {MOST_TRANSACTIONS}\ntransactions" in PAGE
    assert f"`{FILE_NAME}`" in PAGE
