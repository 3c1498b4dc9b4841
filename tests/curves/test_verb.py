"""``psyche-cli curves``: what it prints, the files it writes, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from psyche_cli.cli.app import main
from psyche_cli.environment import Environment, SystemClock
from psyche_cli.errors import ExitCode
from psyche_cli.operations.curves import extras
from tests.cli.schema_check import check_output
from tests.curves.reported import ReportedRun
from tests.history.story import StillStory


class Printed(NamedTuple):
    """What a command printed."""

    code: ExitCode
    stdout: str
    stderr: str

    @property
    def data(self) -> Any:
        """The payload of a command that succeeded, which must match its schema."""
        assert self.code is ExitCode.OK, self.stderr
        assert check_output(("curves",), self.stdout) is not None
        return json.loads(self.stdout)["data"]


class Caller:
    """Calls ``curves`` for a run at its own validator."""

    def __init__(self, folder: Path, run: StillStory) -> None:
        self.folder = folder
        self.run = run

    def __call__(
        self, *arguments: str | Path, verb: Sequence[str] = ("curves",), utf8: bool = True, columns: int = 80
    ) -> Printed:
        stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8" if utf8 else "ascii")
        stderr = io.StringIO()
        variables = {"COLUMNS": str(columns)}
        environment = Environment(
            io.StringIO(), stdout, stderr, variables, self.folder, SystemClock(), lambda _: self.run.transport()
        )
        words = [*verb, "--run-id", self.run.run_id, *map(str, arguments)]
        if "--archive" not in arguments:
            words += ["--rpc", "http://127.0.0.1:1"]
        code = main(words, environment)
        stdout.seek(0)
        return Printed(code, stdout.read(), stderr.getvalue())


@pytest.fixture
def liars(tmp_path: Path, reported: ReportedRun) -> Caller:
    return Caller(tmp_path, reported)


@pytest.fixture
def lives(tmp_path: Path, told: StillStory) -> Caller:
    return Caller(tmp_path, told)


def test_plots_for_a_terminal(liars: Caller) -> None:
    printed = liars()
    assert printed.code is ExitCode.OK
    lines = printed.stdout.splitlines()
    assert lines[0] == "14 curves of run story: steps 0 to 6."
    assert max(len(line) for line in lines if "│" in line) <= 80
    assert "Loss" in lines
    first = liars.run.members[0].address
    assert f"2 of {first}" in next(line for line in lines if "not a number, left out" in line)
    assert "Evaluation mmlu: 0.5 throughout" in lines
    assert "Evaluation \N{REPLACEMENT CHARACTER}[2J<b>$x$: not a number throughout" in lines
    assert "\x1b" not in printed.stdout


@pytest.mark.parametrize("columns", [40, 80, 120, 200])
def test_plots_fit_the_terminal_also_in_ascii(liars: Caller, columns: int) -> None:
    printed = liars("--what", "loss,members,rewards,lr", columns=columns, utf8=False)
    assert printed.code is ExitCode.OK
    assert printed.stdout.isascii()
    plot = [line for line in printed.stdout.splitlines() if "|" in line]
    assert max(map(len, plot)) <= columns
    assert any("*" in line for line in plot)
    assert any("." in line.partition("|")[2] for line in plot)
    side_by_side = any(line.count("|") == 2 for line in plot)
    assert side_by_side == (columns >= 110)


def test_the_payload_of_a_run_and_of_an_earlier_incarnation(lives: Caller) -> None:
    data = lives("--output", "json").data
    assert (data["run_id"], data["incarnation"], data["reliable"], data["gaps"]) == ("story", 3, True, 0)
    curves = {(curve["what"], curve["name"]): curve for curve in data["curves"]}
    assert data["decimals"] is not None
    assert curves["rewards", "vault"]["unit"] == "base units"
    assert curves["rewards", "vault"]["points"][-1]["value"] == 10**6
    assert [point["step"] for point in curves["loss", "loss"]["points"]] == [1, 2, 3, 4, 5]
    earlier = lives("--output", "json", "--incarnation", "1", "--no-sync").data
    assert earlier["incarnation"] == 1
    assert earlier["coordinator_account"] != data["coordinator_account"]
    assert next(one["unit"] for one in earlier["curves"] if one["name"] == "earned") == "points"
    refused = lives("--incarnation", "4", "--no-sync")
    assert refused.code is ExitCode.USAGE
    assert "has no incarnation 4" in refused.stderr


def test_only_some_subjects_and_steps(liars: Caller) -> None:
    curves = liars("--what", "evals, loss,members", "--steps", "2-4", "--output", "json").data["curves"]
    assert [(one["what"], one["name"]) for one in curves][:2] == [("loss", "loss"), ("evals", "mmlu")]
    assert [point["step"] for point in curves[0]["points"]] == [2, 3, 4]
    [members] = [one for one in curves if one["name"] == "members"]
    assert [point["value"] for point in members["points"]] == [5]  # since step 1
    for text, steps in (("4-", [4, 5]), ("-2", [1, 2]), ("3", [3])):
        [loss] = liars("--what", "loss", "--steps", text, "--no-sync", "--output", "json").data["curves"]
        assert [point["step"] for point in loss["points"]] == steps
    nothing = liars("--steps", "100-", "--what", "loss")
    assert nothing.code is ExitCode.OK
    assert nothing.stdout.startswith("Run story has no such curves yet.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--what", "loss,fame"], "There are no curves of 'fame'."),
        (["--what", ""], "There are no curves of ''."),
        (["--steps", "x"], "--steps is not a range of steps."),
        (["--steps", "-"], "--steps is not a range of steps."),
        (["--steps", "9-3"], "--steps ends before it begins: 9-3."),
        (["--format", "png"], "--format png needs a file."),
        (["--format", "json"], "--format json needs a file."),
        (["-o", "curves.pdf"], "The format of curves.pdf is not known from its suffix."),
    ],
)
def test_refused_options(liars: Caller, arguments: list[str], message: str) -> None:
    printed = liars(*arguments)
    assert printed.code is ExitCode.USAGE
    assert message in printed.stderr
    assert not (liars.folder / ".local").exists()


def test_csv_has_every_point(liars: Caller) -> None:
    printed = liars("--format", "csv")
    assert printed.code is ExitCode.OK
    rows = [*csv.DictReader(io.StringIO(printed.stdout))]
    losses = [row for row in rows if row["what"] == "loss"]
    assert [(row["step"], row["value"], row["witnesses"]) for row in losses][:3] == [
        ("1", "4.25", "5"),
        ("2", "3.375", "4"),
        ("3", "", "2"),
    ]
    file = liars.folder / "curves.csv"
    data = liars("-o", file, "--output", "json").data
    assert file.read_text() == printed.stdout
    assert data["file"] == str(file)
    assert all(one["points"] == [] and one["total_points"] > 0 for one in data["curves"])
    assert sum(one["total_points"] for one in data["curves"]) == len(rows)


def test_json_file_is_the_payload(liars: Caller) -> None:
    file = liars.folder / "curves.json"
    assert liars("-o", file).code is ExitCode.OK
    assert json.loads(file.read_text()) == liars("--output", "json").data


def test_pictures_have_the_same_bytes_each_time(liars: Caller) -> None:
    for suffix in ("svg", "png"):
        files = [liars.folder / f"{name}.{suffix}" for name in "ab"]
        for file in files:
            printed = liars("-o", file)
            assert printed.code is ExitCode.OK, printed.stderr
            assert "Warning" not in printed.stderr
        assert files[0].read_bytes() == files[1].read_bytes()
    root = ElementTree.fromstring((liars.folder / "a.svg").read_text())
    assert {one.tag.rpartition("}")[2] for one in root.iter()} <= {
        *("svg", "g", "path", "defs", "style", "use", "rect", "clipPath", "metadata", "RDF", "Work", "type", "format"),
    }
    text = (liars.folder / "a.svg").read_text()
    assert "<script" not in text
    assert "date" not in text.lower()
    assert (liars.folder / "a.png").read_bytes().startswith(b"\x89PNG")


def test_event_files_as_tensorboard_reads_them(liars: Caller) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = liars.folder / "events"
    folder.mkdir()  # an empty folder is as good as none
    data = liars("-o", folder, "--format", "tensorboard", "--output", "json").data
    assert [one.name for one in folder.iterdir()] == ["events.out.tfevents.0.psyche-cli"]
    reader = EventAccumulator(str(folder))
    reader.Reload()
    assert {"loss/loss", "loss/loss/low", "loss/loss/high", "members/joined"} <= {*reader.Tags()["scalars"]}
    assert [(one.step, one.value) for one in reader.Scalars("loss/loss")] == [
        (1, 4.25),
        (2, 3.375),
        (4, 2.0),
        (5, 1.5),
    ]
    assert reader.Scalars("loss/loss")[0].wall_time > 1_800_000_000
    assert data["file"] == str(folder)
    again = liars("-o", folder, "--format", "tensorboard")
    assert again.code is ExitCode.USAGE
    assert "already exists and is not an empty folder" in again.stderr
    assert sorted(one.name for one in liars.folder.iterdir()) == [".local", "events"]


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.svg", "a.png"])
def test_an_existing_file_is_not_overwritten(liars: Caller, name: str) -> None:
    file = liars.folder / name
    file.write_text("mine")
    printed = liars("-o", file)
    assert printed.code is ExitCode.USAGE
    assert "already exists" in printed.stderr
    assert file.read_text() == "mine"
    assert not (liars.folder / ".local").exists()  # refused before anything is read


@pytest.mark.parametrize("name", ["no/such/folder/a.csv", "no/such/folder/a.png"])
def test_a_folder_that_does_not_exist(liars: Caller, name: str) -> None:
    printed = liars("-o", liars.folder / name)
    assert printed.code is ExitCode.USAGE
    assert "Cannot write" in printed.stderr


def test_event_files_in_a_folder_that_does_not_exist(liars: Caller) -> None:
    printed = liars("-o", liars.folder / "no" / "such", "--format", "tensorboard")
    assert printed.code is ExitCode.USAGE
    assert "Cannot write" in printed.stderr


@pytest.mark.parametrize(
    ("format", "package", "extra"),
    [("svg", "matplotlib", "plots"), ("png", "matplotlib", "plots"), ("tensorboard", "tensorboardX", "tensorboard")],
)
def test_a_package_that_is_not_installed(
    liars: Caller, monkeypatch: pytest.MonkeyPatch, format: str, package: str, extra: str
) -> None:
    monkeypatch.setattr(f"{extras.__name__}.find_spec", lambda name: None if name == package else find_spec(name))
    printed = liars("-o", liars.folder / "a", "--format", format)
    assert printed.code is ExitCode.USAGE
    assert f"need the package {package}, which is not installed" in printed.stderr
    assert f"[{extra}]" in printed.stderr


def test_curves_of_an_archive_are_those_of_the_run(liars: Caller, tmp_path: Path) -> None:
    archive = tmp_path / "archive.zip"
    assert liars("-o", archive, verb=("history", "export")).code is ExitCode.OK
    offline = Caller(tmp_path / "elsewhere", StillStory(run_id=liars.run.run_id))
    found = offline("--archive", archive, "--output", "json").data
    assert found == liars("--output", "json").data
    assert len(found["curves"]) == 14


def test_a_run_that_does_not_exist(tmp_path: Path) -> None:
    caller = Caller(tmp_path, StillStory(run_id="nothing"))
    for option, message in (("--no-sync", "omit --no-sync"), ("--quiet", "no transactions of run 'nothing'")):
        printed = caller(option)
        assert printed.code is ExitCode.NOT_FOUND
        assert message in printed.stderr
