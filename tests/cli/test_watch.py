"""Watching a run on the real local validator, in-process and as processes at a pipe and at a terminal."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from psyche_cli.cli.app import main
from psyche_cli.environment import Environment
from psyche_cli.errors import ExitCode
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.stop_signals import StopRequested
from tests.cli.conftest import House
from tests.cli.harness import Outcome, address_of, environment_of
from tests.cli.schema_check import check_output
from tests.cli.test_processes import CLI, Shell, shell  # noqa: F401 -- a fixture
from tests.cli.test_wait import happening
from tests.support.clocks import FastClock
from tests.support.patience import PATIENCE
from tests.support.run_driver import RunDriver
from tests.support.terminals import Terminal

WATCH = ("watch", "--run-id", "test")


def watch(house: House, *words: object, steps: Iterator[object] | None = None) -> Outcome:
    """Run the command for at most 30 seconds; at each of its sleeps, the next of ``steps`` happens."""
    left: Iterator[Any] = steps or iter(())
    clock = FastClock(lambda _: next(left, None))
    return replace(house.cli, clock=clock)(*WATCH, "--timeout", "30", *words)


def events(outcome: Outcome) -> list[Any]:
    return [json.loads(line) for line in outcome.stdout.splitlines()]


def names(outcome: Outcome) -> list[str]:
    return [event["event"] for event in events(outcome) if "event" in event]


def stop(number: int = signal.SIGINT) -> None:
    raise StopRequested(number)


@pytest.mark.parametrize("words", [(), ("--output", "json"), ("--output", "json-compact")])
def test_a_line_for_every_change(still_house: House, waiting_run: RunDriver, words: tuple[str, ...]) -> None:
    steps = happening(lambda: waiting_run.start_training(0, 1, 2), lambda: waiting_run.play_round())
    outcome = watch(still_house, *words, steps=steps)
    assert outcome.code is ExitCode.OK
    first, *others = events(outcome)
    assert (first["event"], first["run"]["state"]) == ("observed", "Waiting for members")
    assert [event["event"] for event in others] == [
        *["joined"] * 3, "transition", "epoch_began", "warmup_reports", "warmup_reports", "transition", "round",
        "witnesses", "witnesses", "transition", "witnesses", "step", "transition", "round",
    ]  # fmt: skip
    states = [event["after"] for event in others if event["event"] == "transition"]
    assert states == ["Warmup", "Training", "Witness", "Training"]
    assert all(event["direct"] for event in others if event["event"] == "transition")


def test_until_a_state(still_house: House, waiting_run: RunDriver) -> None:
    outcome = watch(
        still_house, "--until", "Training,Warmup", steps=happening(lambda: waiting_run.start_training(0, 1, 2))
    )
    assert outcome.code is ExitCode.OK
    assert names(outcome)[-2:] == ["transition", "epoch_began"]
    assert outcome.stderr == watch(still_house, "--until", "Training").stderr  # at once


def test_the_time_limit(still_house: House, waiting_run: RunDriver) -> None:
    assert watch(still_house).code is ExitCode.OK
    outcome = watch(still_house, "--until", "Paused")
    assert outcome.code is ExitCode.NOT_REACHED
    assert events(outcome)[-1]["error"]["code"] == "not_reached"
    assert "did not reach Paused within 30 seconds" in outcome.stderr


def test_what_can_never_be_reached(still_house: House, waiting_run: RunDriver) -> None:
    outcome = watch(still_house, "--until", "Uninitialized")
    assert outcome.code is ExitCode.NEVER
    assert names(outcome) == ["observed"]


@pytest.mark.parametrize(("words", "code"), [((), ExitCode.OK), (("--until", "Warmup"), ExitCode.NEVER)])
def test_a_run_that_is_closed(
    still_house: House, waiting_run: RunDriver, words: tuple[str, ...], code: ExitCode
) -> None:
    waiting_run.pause()
    owner, instance = address_of(still_house.owner), still_house.instance()
    group = {"instance": instance.address, "account": instance.coordinator_account}
    closing = Instructions().free_coordinator(authority=owner, spill=owner, **group)
    outcome = watch(still_house, *words, steps=happening(lambda: still_house.send(closing)))
    assert outcome.code is code
    assert names(outcome) == ["observed", "closed"]
    assert "Run 'test' was closed" in outcome.stderr


def test_ctrl_c_is_the_ordinary_end_without_until(still_house: House, waiting_run: RunDriver) -> None:
    outcome = watch(still_house, steps=happening(stop))
    assert (outcome.code, names(outcome)) == (ExitCode.OK, ["observed"])
    interrupted = watch(still_house, "--until", "Warmup", steps=happening(stop))
    assert interrupted.code is ExitCode.INTERRUPTED
    assert events(interrupted)[-1]["error"]["code"] == "interrupted"
    terminated = watch(still_house, steps=happening(lambda: stop(signal.SIGTERM)))
    assert terminated.code is ExitCode.TERMINATED


@pytest.mark.parametrize("words", [("--until", "Resting"), ("--timeout", "0"), ("--timeout", "40d")])
def test_invalid_options(house: House, words: tuple[str, ...]) -> None:
    assert watch(house, *words).code is ExitCode.USAGE
    assert house.chain.requests == []


def test_a_run_that_does_not_exist(house: House) -> None:
    outcome = watch(house)
    assert outcome.code is ExitCode.NOT_FOUND
    assert [line["error"]["code"] for line in events(outcome)] == ["run_not_found"]


def at_terminal(house: House, waiting_run: RunDriver, *words: str, **variables: str) -> tuple[ExitCode, str, str]:
    """The exit code, and what is written to a terminal and to stderr."""
    steps: Iterator[Any] = happening(waiting_run.pause)
    cli = replace(house.cli, clock=FastClock(lambda _: next(steps, None)))
    stdout = Terminal()
    environment = environment_of(cli, variables).replaced(stdout=stdout)
    code = main([*WATCH, "--timeout", "5", *words], environment)
    assert isinstance(environment.stderr, io.StringIO)
    return code, stdout.getvalue(), environment.stderr.getvalue()


def test_the_live_screen(still_house: House, waiting_run: RunDriver) -> None:
    code, shown, diagnostics = at_terminal(still_house, waiting_run)
    assert (code, diagnostics) == (ExitCode.OK, "")
    assert "Run test: Waiting for members" in shown
    last = shown[shown.rindex("Run test: ") :]
    assert last.startswith("Run test: Paused")
    assert shown.endswith("\x1b[?25h")  # the cursor is visible again
    assert "\x1b[?1049h" not in shown  # not on the alternate screen, so that the last screen stays


def test_a_low_terminal_shows_the_status_while_it_runs_and_the_whole_screen_at_its_end(
    still_house: House, waiting_run: RunDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Environment, "rows", 8)
    _, shown, _ = at_terminal(still_house, waiting_run)
    *_, before, last = shown.split("Run test: ")
    assert before.count("\n") == 7
    assert "Ctrl-C ends the command." in before
    assert "members" not in before
    assert "members" in last


@pytest.mark.parametrize(("words", "variables"), [(("--output", "json"), {}), ((), {"TERM": "dumb"})])
def test_lines_at_a_terminal(
    still_house: House, waiting_run: RunDriver, words: tuple[str, ...], variables: dict[str, str]
) -> None:
    code, shown, _ = at_terminal(still_house, waiting_run, *words, **variables)
    assert code is ExitCode.OK
    assert [json.loads(line)["event"] for line in shown.splitlines()] == ["observed", "transition"]


def test_a_screen_without_colors(still_house: House, waiting_run: RunDriver) -> None:
    _, shown, _ = at_terminal(still_house, waiting_run, NO_COLOR="1")
    assert "\x1b[1m" not in shown
    assert "\x1b[32m" not in shown


def test_a_live_screen_in_a_process(shell: Shell) -> None:  # noqa: F811 -- the fixture
    shell.run("create-run", "--run-id", "live")
    main_end, end = pty.openpty()
    process = subprocess.Popen(
        [str(CLI), "watch", "--run-id", "live"],
        cwd=shell.home,
        env={**shell.environment(), "TERM": "xterm", "COLUMNS": "80"},
        stdin=end, stdout=end, stderr=end,
    )  # fmt: skip
    os.close(end)
    shown = _until(main_end, "Run live: Uninitialized")
    shell.run("update-config", "--run-id", "live", "--name", "Renamed")
    shown += _until(main_end, "(Renamed)")
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0
    with suppress(OSError):  # the end of the terminal
        shown += os.read(main_end, 1 << 16).decode()
    os.close(main_end)
    assert shown.endswith("\x1b[?25h")
    assert "Traceback" not in shown


def _until(terminal: int, text: str) -> str:
    shown = ""
    while text not in shown:
        shown += os.read(terminal, 1 << 16).decode()
    return shown


def test_a_reader_that_wants_one_line(shell: Shell) -> None:  # noqa: F811 -- the fixture
    shell.run("create-run", "--run-id", "short")
    process = shell.start("watch", "--run-id", "short")
    assert process.stdout is not None
    assert process.stderr is not None
    assert json.loads(process.stdout.readline())["event"] == "observed"
    process.stdout.close()
    assert process.wait(PATIENCE) == 0  # although nothing else happens
    assert process.stderr.read() == ""
    process.stderr.close()


def test_events_in_a_process(shell: Shell) -> None:  # noqa: F811 -- the fixture
    shell.run("create-run", "--run-id", "busy")
    process = shell.start("watch", "--run-id", "busy", "--until", "WaitingForMembers", "--timeout", "2m")
    assert process.stdout is not None
    lines = [process.stdout.readline()]  # each line is written at once
    (shell.home / "run.toml").write_text(shell.run("config", "example", "minimal").stdout)
    shell.run("update-config", "--run-id", "busy", "--config-path", "run.toml")
    lines.append(process.stdout.readline())
    shell.run("set-paused", "--run-id", "busy", "--resume")
    lines += process.stdout  # communicate() would miss what readline() has buffered
    _, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stderr) == (0, "")
    found = [json.loads(line) for line in lines]
    assert [event["event"] for event in found] == [
        "observed", "configuration", "checkpoint", "progress_set", "transition",
    ]  # fmt: skip
    for line in lines:
        check_output(["watch"], line)
