"""Long waits are shown on one line of the terminal, which other lines never run into."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, TextIO

import pytest

from psyche_cli.cli.app import main
from psyche_cli.diagnostics import Diagnostics
from psyche_cli.environment import Environment, Waits
from psyche_cli.errors import HttpStatusError
from psyche_cli.redaction import Redactor
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.sending.sender import Sender
from psyche_cli.transport import Transport
from psyche_cli.waits import ShownWaits
from tests.cli.conftest import House
from tests.cli.harness import CommandLine, environment_of
from tests.cli.test_signals import silent_endpoint
from tests.solana.rpc_cluster import A, valued
from tests.solana.scripted import FakeClock, ScriptedCluster, scripted_answers
from tests.solana.stage import PAYMENT, WALLET
from tests.support.patience import PATIENCE
from tests.support.terminals import Terminal, screen


class Stage:
    """Waits in front of a terminal, with a clock that only advances while something sleeps or waits."""

    def __init__(self, *, quiet: bool = False, styled: bool = False) -> None:
        self.clock = FakeClock()
        self.stderr = Terminal()
        self.redactor = Redactor()
        self.diagnostics = Diagnostics(self.stderr, self.redactor, styled=styled)
        self.waits = ShownWaits(self.diagnostics, self.clock, lambda: quiet)

    @property
    def screen(self) -> list[str]:
        return screen(self.stderr.getvalue())

    def sleep(self, seconds: float) -> None:
        self.waits.sleep(self.clock, seconds)


def environment(stderr: TextIO, **variables: str) -> Environment:
    def no_network(url: str) -> Transport:
        raise AssertionError(url)

    return Environment(io.StringIO(), io.StringIO(), stderr, variables, Path("/nonexistent"), FakeClock(), no_network)


def test_a_wait_appears_after_a_second_counts_down_and_vanishes() -> None:
    stage = Stage()
    with stage.waits.showing("Waiting for it") as wait:
        wait.now("try 1, {} s left", 10)
        stage.sleep(0.75)
        assert stage.stderr.getvalue() == ""
        stage.sleep(0.25)
        assert stage.screen == ["Waiting for it (try 1, 9 s left)"]
        stage.sleep(4)
        assert stage.screen == ["Waiting for it (try 1, 5 s left)"]
        wait.now("try 2, {} s left", 0.1)
        assert stage.screen == ["Waiting for it (try 2, 1 s left)"]
    assert stage.screen == [""]
    assert stage.stderr.getvalue().endswith("\r\x1b[K")


def test_waiting_for_an_event_updates_the_line_and_returns_what_the_event_says() -> None:
    stage = Stage()
    asked = []

    def finishes(seconds: float) -> bool:
        asked.append(seconds)
        stage.clock.sleep(seconds)
        return stage.clock.now >= 1003

    with stage.waits.showing("Waiting for it"):
        assert stage.waits.wait(finishes, 10)
        assert stage.screen == ["Waiting for it"]
        assert sum(asked) == 3
        asked.clear()
        stage.clock.now = 0
        assert not stage.waits.wait(finishes, 1.1)
        assert sum(asked) == pytest.approx(1.1)


def test_the_innermost_long_wait_is_shown() -> None:
    stage = Stage()
    with stage.waits.showing("outer") as outer:
        outer.now("{} s left", 100)
        for _ in range(10):
            with stage.waits.showing("inner"):
                stage.sleep(0.25)
        assert "inner" not in stage.stderr.getvalue()
        assert stage.screen == ["outer (98 s left)"]
        with stage.waits.showing("inner"):
            stage.sleep(1)
            assert stage.screen == ["inner"]
        stage.sleep(0.25)
        assert stage.screen == ["outer (97 s left)"]
    assert stage.screen == [""]


def test_the_line_is_erased_after_an_error_or_an_interrupt() -> None:
    stage = Stage()

    def interrupted() -> None:
        with stage.waits.showing("outer"), stage.waits.showing("inner"):
            stage.sleep(2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert stage.screen == [""]


def test_other_lines_and_prompts_never_run_into_it() -> None:
    stage = Stage()
    with stage.waits.showing("a wait with a long text"):
        stage.sleep(2)
        stage.diagnostics.line("short")
        assert stage.screen == ["short"]
        stage.sleep(0.25)
        assert stage.screen == ["short", "a wait with a long text"]
        thread = threading.Thread(target=stage.diagnostics.line, args=("other",))
        thread.start()
        thread.join()
        stage.sleep(0.25)
        assert stage.screen == ["short", "other", "a wait with a long text"]
        stage.diagnostics.prompt("Name? ")
        assert stage.screen == ["short", "other", "Name? "]


def test_an_unchanged_line_is_not_written_again() -> None:
    stage = Stage()
    with stage.waits.showing("a wait"):
        stage.sleep(20)
    assert stage.stderr.getvalue() == "\ra wait\x1b[K\r\x1b[K"


def test_it_fits_into_80_columns_and_keeps_the_numbers() -> None:
    stage = Stage()
    with stage.waits.showing("漢" * 100) as wait:
        wait.now("{} s left", 9)
        stage.sleep(1)
        assert stage.screen == ["漢" * 32 + "... (8 s left)"]  # 64 and 15 columns


def test_secrets_and_control_characters_are_removed_before_it_is_cut() -> None:
    stage = Stage()
    stage.redactor.learn_url("http://h/some-very-secret-key")
    with stage.waits.showing("x" * 60 + " some-very-secret-key\x1b[2J\n"):
        stage.sleep(1)
    assert "some-very" not in stage.stderr.getvalue()
    assert "(not shown)" in stage.stderr.getvalue()
    assert "\x1b[2J" not in stage.stderr.getvalue()
    assert "\n" not in stage.stderr.getvalue()


def test_it_is_dim_where_colors_are_allowed() -> None:
    stage = Stage(styled=True)
    with stage.waits.showing("a wait"):
        stage.sleep(1)
    assert stage.stderr.getvalue() == "\r\x1b[2ma wait\x1b[0m\x1b[K\r\x1b[K"


def test_quiet_hides_it() -> None:
    stage = Stage(quiet=True)
    with stage.waits.showing("a wait"):
        stage.sleep(5)
    assert stage.stderr.getvalue() == ""


@pytest.mark.parametrize(
    ("stderr", "variables", "shown"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_only_a_terminal_shows_waits(stderr: TextIO, variables: dict[str, str], shown: bool) -> None:
    assert (type(environment(stderr, **variables).waits) is Waits) is not shown


def test_the_environment_shows_waits_unless_quiet() -> None:
    stderr = Terminal()
    shell = environment(stderr, NO_COLOR="1")
    shell.output.quiet = True
    with shell.waits.showing("a wait"):
        shell.waits.sleep(shell.clock, 2)
        assert stderr.getvalue() == ""
        shell.output.quiet = False
        shell.waits.sleep(shell.clock, 1)
        assert stderr.getvalue() == "\ra wait\x1b[K"


def test_a_request_names_the_endpoint_the_method_and_the_try() -> None:
    stage = Stage()
    cluster = ScriptedCluster(stage.clock)
    busy = HttpStatusError("busy", status=429, retry_after=3)
    seen = []

    def answer(params: list[Any]) -> Any:
        stage.sleep(2)
        seen.append(stage.screen[-1])
        return turns(params)

    turns = scripted_answers([busy, busy, valued(5)])
    cluster.handlers["getBalance"] = answer
    assert RpcClient(cluster, stage.clock, waits=stage.waits).balance(A) == 5
    assert seen == [f"Waiting for scripted://cluster: getBalance (try {number}, 8 s left)" for number in (1, 2, 3)]
    assert "getBalance (HTTP status 429, try 2 in 3 s)" in stage.stderr.getvalue()
    assert "getBalance (HTTP status 429, try 3 in 1 s)" in stage.stderr.getvalue()
    assert stage.screen == [""]


def test_a_confirmation_shows_polls_resends_and_requested_pauses() -> None:
    stage = Stage()
    cluster = ScriptedCluster(stage.clock)
    unknown = lambda params: cluster.status(False)  # noqa: E731 -- short
    pause = HttpStatusError("busy", status=429, retry_after=4)
    cluster.handlers["getTransaction"] = lambda params: None
    cluster.handlers["getSignatureStatuses"] = scripted_answers(
        [unknown] * 20 + [pause] + [lambda params: cluster.status(True)]
    )
    sender = Sender(RpcClient(cluster, stage.clock, waits=stage.waits), stage.clock, stage.diagnostics.line)
    receipt = sender.send([PAYMENT], WALLET, label="payment")
    text = stage.stderr.getvalue()
    assert "\rWaiting for payment to be confirmed (poll 7, 117 s left)" in text
    assert "(poll 20, resend 1, 115 s left)" in text
    assert "(the endpoint asks to pause, poll 23 in 4 s)" in text
    assert "(the endpoint asks to pause, poll 23 in 1 s)" in text
    assert stage.screen == [f"Sending payment: {receipt.signature}"]


def test_the_pause_between_ticks_is_shown(house: House) -> None:
    house.run()
    house.cli.json("set-paused", "--run-id", "test", "--resume")
    stderr, clock = Terminal(), FakeClock()
    shell = environment_of(house.cli, {"NO_COLOR": "1"}).replaced(stderr=stderr, clock=clock)
    assert main(["tick", "--run-id", "test", "--interval", "5s", "--count", "2"], shell) == 0
    assert "\rWatching run test (Waiting for members, check 2 in 4 s)" in stderr.getvalue()
    assert screen(stderr.getvalue()) == ["No tick is due for run test: it is waiting for members (0 of 1 have joined)."]


def test_waiting_for_a_validator_is_shown(tmp_path: Path) -> None:
    clock = FakeClock()
    cluster = ScriptedCluster(clock)
    cluster.handlers["getHealth"] = scripted_answers([lambda params: "behind"] * 20 + [lambda params: "ok"])
    cli = CommandLine(tmp_path, lambda url: cluster, clock=clock)
    stderr = Terminal()
    shell = environment_of(cli, {"NO_COLOR": "1"}).replaced(stderr=stderr)
    assert main(["localnet", "wait", "--timeout", "30"], shell) == 0
    assert "\rWaiting for scripted://cluster to become ready (29 s left)" in stderr.getvalue()
    assert screen(stderr.getvalue()) == [""]


def test_a_process_shows_its_wait_and_erases_it_after_ctrl_c(tmp_path: Path) -> None:
    terminal, end = pty.openpty()
    with silent_endpoint() as (url, listening), os.fdopen(terminal, "rb", 0) as output:
        words = ["json-dump-run", "--run-id", "x", "--rpc", f"{url}/a-secret-access-key"]
        variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm"}
        command = [sys.executable, "-m", "psyche_cli", *words]
        shown = b""
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=end, env=variables) as process:
            os.close(end)
            with listening.accept()[0]:
                while b"s left)" not in shown:
                    shown += output.read(1024)
                process.send_signal(signal.SIGINT)
                assert process.wait(PATIENCE) == 130
        with contextlib.suppress(OSError):  # Linux reports the end of a terminal as an error
            while more := output.read(1024):
                shown += more
    text = shown.decode().replace("\r\n", "\n")
    assert f"\r\x1b[2mWaiting for {url}: getMultipleAccounts (try 1, " in text
    assert "a-secret" not in text
    assert screen(text) == ["Error: Interrupted.", "Hint: Nothing was sent."]
