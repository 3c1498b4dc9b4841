"""Pauses of ``apply``: how long it waits for them, and what happens to the run afterwards."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from psyche_cli.environment import SystemClock
from psyche_cli.errors import ExitCode, Unreachable
from psyche_cli.operations.run_files.lock import applying
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_file.wanted import WantedRun
from tests.cli.conftest import House
from tests.cli.killing import Killed, killed
from tests.support.declared_runs import (
    EpochEnds,
    NoEnd,
    apply_file,
    dumped_run,
    variations,
    vault_tokens,
    write_declared_run,
)
from tests.support.run_driver import RunDriver
from tests.support.state_home import state_home

RUN = ("--run-id", "test")


@pytest.fixture
def training(house: House, base: WantedRun, tmp_path: Path) -> Path:
    """The file of a run in training, of which a value needs a pause."""
    running = replace(base, state="running", resets_checkpoint=False)
    assert apply_file(house, write_declared_run(running, tmp_path / "a.toml")).code is ExitCode.OK
    house.enter(RunState.ROUND_TRAIN)
    return write_declared_run(variations(running)["config.epoch_time"](running), tmp_path / "b.toml")


def test_pause_wait_update_resume(house: House, training: Path) -> None:
    house.cli.clock = clock = EpochEnds(house)
    applied = apply_file(house, training).data
    assert [step["kind"] for step in applied["steps"]] == ["pause", "wait", "update", "resume"]
    assert clock.waits == 1
    assert dumped_run(house).config == {**(dumped_run(house).config or {}), "epoch_time": 61}
    assert house.driver().stage == RunState.WAITING_FOR_MEMBERS


def test_a_pause_that_lasts_is_left(house: House, training: Path) -> None:
    house.cli.clock = NoEnd(house)
    late = apply_file(house, training, "--wait", "20s")
    assert late.code is ExitCode.NOT_REACHED
    context = late.json["error"]["context"]
    assert (context["state"], len(context["landed"])) == ("Training", 1)
    assert house.driver().account.pending_pause
    house.enter(RunState.PAUSED)
    assert [step["kind"] for step in apply_file(house, training).data["steps"]] == ["update", "resume"]


def test_a_failed_apply_that_has_paid_counts_as_the_same_one(house: House, training: Path, tmp_path: Path) -> None:
    """The pause does not take effect in time; apply again continues, and does not pay the limit once more."""
    file = tmp_path / "limited.toml"
    file.write_text(training.read_text().replace("keep_epochs = 5", 'keep_epochs = 9\nmax_per_top_up = "10"'))
    house.cli.clock = NoEnd(house)
    before = vault_tokens(house)
    assert apply_file(house, file, "--wait", "4s").code is ExitCode.NOT_REACHED
    assert vault_tokens(house) == before + 10
    house.enter(RunState.PAUSED)
    again = apply_file(house, file)
    assert again.code is ExitCode.OK
    assert [one["label"] for one in again.json["transactions"]] == ["top up", "update", "resume"]
    assert vault_tokens(house) == before + 10
    assert apply_file(house, file).code is ExitCode.OK  # another one
    assert vault_tokens(house) == before + 20


def test_a_pause_that_lasts_is_taken_back(house: House, training: Path) -> None:
    """The programs cannot cancel it, so the run is resumed when it is Paused, without the change."""
    before = dumped_run(house)
    house.cli.clock = NoEnd(house, ends_after=15)
    late = apply_file(house, training, "--wait", "20s", "--on-timeout", "resume")
    assert late.code is ExitCode.NOT_REACHED
    assert "resumed without the change" in late.json["error"]["message"]
    assert dumped_run(house) == before
    assert house.driver().stage == RunState.WAITING_FOR_MEMBERS


def test_a_run_that_is_to_be_paused_is_not_resumed(house: House, base: WantedRun, training: Path) -> None:
    """The pause stays, with a plan file too: a resumption is in no plan."""
    house.cli.json("set-paused", *RUN)
    training.write_text(training.read_text().replace('state = "running"', 'state = "paused"'))
    plan = training.with_name("plan.json")
    house.cli("plan", training, "-o", plan)
    house.cli.clock = NoEnd(house, ends_after=15)
    for file in (training, plan):
        late = apply_file(house, file, "--wait", "10s", "--on-timeout", "resume")
        assert late.code is ExitCode.NOT_REACHED
        assert house.driver().account.pending_pause
    house.cli.clock = EpochEnds(house)
    assert [step["kind"] for step in apply_file(house, plan).data["steps"]] == ["wait", "update"]
    assert house.driver().stage == RunState.PAUSED


def test_a_pause_that_cannot_be_taken_back_either(house: House, training: Path) -> None:
    house.cli.clock = NoEnd(house)
    late = apply_file(house, training, "--wait", "8s", "--on-timeout", "resume")
    assert late.code is ExitCode.NOT_REACHED
    assert "within 16s" in late.json["error"]["message"]
    assert house.driver().account.pending_pause


def test_the_time_limit_of_the_command_includes_the_wait(house: House, training: Path) -> None:
    house.cli.clock = NoEnd(house)
    assert apply_file(house, training, "--timeout", "30").code is ExitCode.NETWORK
    assert house.driver().account.pending_pause


def test_an_epoch_of_members_ends_meanwhile(still_house: House, waiting_run: RunDriver, tmp_path: Path) -> None:
    """Members train; apply pauses the run, they finish the epoch, and the run continues with the new configuration."""
    house, run = still_house, waiting_run
    file = tmp_path / "run.toml"
    house.cli.json("config", "dump", "--full", *RUN, "-o", file)
    file.write_text(file.read_text().replace("cooldown_time = 7", "cooldown_time = 8"))
    run.start_training(0, 1, 2)

    class MembersTrain(SystemClock):
        played = False

        def sleep(self, seconds: float) -> None:
            if run.account.pending_pause and not self.played:
                self.played = True
                run.play_to_cooldown()
                assert run.end_cooldown() == RunState.PAUSED

    house.cli.clock = MembersTrain()
    applied = apply_file(house, file).data
    assert [step["kind"] for step in applied["steps"]] == ["pause", "wait", "update", "resume"]
    assert run.stage == RunState.WAITING_FOR_MEMBERS
    assert run.account.config["cooldown_time"] == 8
    assert run.account.epoch == 1
    assert '"P2P"' in house.cli("json-dump-run", *RUN).stdout  # which the program has changed
    assert house.cli("plan", file).code is ExitCode.OK


def test_a_pause_that_somebody_else_requested(house: House, base: WantedRun, training: Path, tmp_path: Path) -> None:
    """A run that is about to pause, and should run: it is resumed once it is Paused."""
    house.cli.json("set-paused", *RUN)
    house.cli.clock = EpochEnds(house)
    applied = apply_file(house, write_declared_run(replace(base, state="running"), tmp_path / "c.toml")).data
    assert [step["kind"] for step in applied["steps"]] == ["wait", "resume"]


def test_the_wait_ends_if_another_process_resumes_the_run(house: House, training: Path) -> None:
    """It is not repeated, and no change is made while the run trains."""

    class Resumed(EpochEnds):
        def sleep(self, seconds: float) -> None:
            if house.driver().account.pending_pause:
                house.enter(RunState.ROUND_WITNESS)

    house.cli.clock = Resumed(house)
    before = dumped_run(house)
    refused = apply_file(house, training)
    assert (refused.code, refused.json["error"]["code"]) == (ExitCode.REFUSED, "wrong_run_state")
    assert "Another process has resumed" in refused.json["error"]["message"]
    assert dumped_run(house) == before
    assert refused.stderr.count("Sending") == 1


@pytest.mark.parametrize("ends", [True, False])
def test_an_endpoint_that_fails_during_the_wait(house: House, training: Path, ends: bool) -> None:
    """It is asked again until the time is over."""
    down: list[bool] = []
    connect = house.cli.open_transport

    class Failing:
        label = "http://127.0.0.1:8899"

        def __init__(self, url: str) -> None:
            self._inner = connect(url)

        def send(self, body: bytes, *, timeout: float) -> bytes:
            if down:
                raise Unreachable("It is not there.", endpoint=self.label)
            return self._inner.send(body, timeout=timeout)

        def close(self) -> None:
            self._inner.close()

    class Outage(NoEnd):
        began = 0.0

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            waits = house.driver().account.pending_pause
            if waits and not down:
                down.append(True)
            elif down and ends and self.monotonic() - self.began > 40:
                down.clear()
                house.enter(RunState.PAUSED)

    house.cli.clock = clock = Outage(house)
    clock.began = clock.monotonic()
    house.cli.open_transport = Failing
    outcome = apply_file(house, training, "--wait", "90s")
    if ends:
        assert outcome.code is ExitCode.OK, outcome.stderr
    else:
        assert outcome.code is ExitCode.NETWORK
        assert "Nobody resumes the run until it is applied again." in outcome.json["error"]["hint"]
        assert "To continue: psyche-cli apply" in outcome.json["error"]["hint"]


def test_other_processes_may_act_while_a_pause_is_waited_for(house: House, training: Path) -> None:
    """The pause may depend on a scheduled tick. Afterwards, the lock is taken again, once it is free."""
    folder = state_home(house.cli.home) / "psyche-cli"
    taken: list[object] = []

    class Ticking(NoEnd):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if taken and not house.driver().account.pending_pause:
                held.close()
            if not taken and house.driver().account.pending_pause:
                held.enter_context(applying(folder, "test"))
                taken.append(True)
                house.enter(RunState.PAUSED)

    with ExitStack() as held:
        house.cli.clock = Ticking(house)
        assert apply_file(house, training).code is ExitCode.OK
        assert taken
        with applying(folder, "test"):
            assert apply_file(house, training).json["error"]["code"] == "apply_running"


def test_a_lock_that_is_not_free_again(house: House, training: Path) -> None:
    folder = state_home(house.cli.home) / "psyche-cli"

    class Taken(NoEnd):
        is_taken = False

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if not self.is_taken and house.driver().account.pending_pause:
                held.enter_context(applying(folder, "test"))
                self.is_taken = True
                house.enter(RunState.PAUSED)

    with ExitStack() as held:
        house.cli.clock = Taken(house)
        refused = apply_file(house, training)
        assert refused.json["error"]["code"] == "apply_running"
        assert "To continue: psyche-cli apply" in refused.json["error"]["hint"]
    assert [step["kind"] for step in apply_file(house, training).data["steps"]] == ["update", "resume"]


@pytest.mark.parametrize("on_timeout", ["leave", "resume"])
@pytest.mark.parametrize("waits", [3, 15], ids=["before the deadline", "after it"])
@pytest.mark.parametrize("kills", [False, True], ids=["Ctrl-C", "kill"])
def test_a_wait_that_is_interrupted(house: House, training: Path, on_timeout: str, waits: int, kills: bool) -> None:
    """The run is left as it is; the same command continues."""

    class Interrupting(NoEnd):
        left = waits

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if house.driver().account.pending_pause:
                self.left -= 1
            if self.left == 0:
                raise Killed if kills else KeyboardInterrupt

    house.cli.clock = Interrupting(house)
    ended = apply_file(house, training, "--wait", "20s", "--on-timeout", on_timeout)
    if waits == 15 and on_timeout == "leave":
        assert ended.code is ExitCode.NOT_REACHED
    elif kills:
        assert ended.is_internal_error
    else:
        assert ended.code is ExitCode.INTERRUPTED
        assert "To continue: psyche-cli apply" in ended.json["error"]["hint"]
    assert house.driver().account.pending_pause
    house.cli.clock = EpochEnds(house)
    applied = apply_file(house, training).data
    assert [step["kind"] for step in applied["steps"]] == ["wait", "update", "resume"]
    assert house.driver().stage == RunState.WAITING_FOR_MEMBERS
    assert (dumped_run(house).config or {})["epoch_time"] == 61


@pytest.mark.parametrize("executes", [False, True], ids=["before", "after"])
def test_a_resumption_after_the_deadline_that_is_killed(house: House, training: Path, executes: bool) -> None:
    """Apply again determines its outcome first, and then pauses the run once more for the change."""
    house.cli.clock = NoEnd(house, ends_after=15)
    words = ("apply", training, "--yes", "--wait", "20s", "--on-timeout", "resume")
    killed(house, "sendTransaction", *words, executes=executes, nth=2)
    assert house.driver().stage == (RunState.WAITING_FOR_MEMBERS if executes else RunState.PAUSED)
    applied = apply_file(house, training).data
    assert [step["kind"] for step in applied["steps"]] == ["pause", "update", "resume"]
    assert (dumped_run(house).config or {})["epoch_time"] == 61
    assert house.driver().stage == RunState.WAITING_FOR_MEMBERS
