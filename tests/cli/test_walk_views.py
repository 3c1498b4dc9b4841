"""What ``show``, ``explain``, ``members`` and ``wait`` say of a run in every state, against what then happens.

The states and transitions are those of the table in ``test_walk``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.operations.status.timing import Timing, timing_of
from psyche_cli.protocol.run_states import RunState
from tests.cli.conftest import House
from tests.cli.harness import Outcome
from tests.cli.test_walk import (
    COOLDOWN,
    FINISHED,
    PAUSED,
    ROWS,
    TRAIN,
    UNINITIALIZED,
    WAITING,
    WARMUP,
    WITNESS,
    Row,
    identity,
)
from tests.support.clocks import FastClock
from tests.support.run_driver import CONFIG, RunDriver

RUN = ("--run-id", "test")
WAITS_FOR = {
    UNINITIALIZED: "owner",
    PAUSED: "owner",
    FINISHED: "nothing",
    WAITING: "members",
    WARMUP: "reports",
    TRAIN: "reports",
    WITNESS: "time",
    COOLDOWN: "time",
}
"""Without enough members. With enough of them, WaitingForMembers waits for time."""

LONGEST = {
    WAITING: CONFIG["waiting_for_members_extra_time"],
    WARMUP: CONFIG["warmup_time"],
    TRAIN: CONFIG["max_round_train_time"],
    WITNESS: CONFIG["round_witness_time"],
    COOLDOWN: CONFIG["cooldown_time"],
}
RULES = {
    "new": {"not-started"},
    "paused": {"paused"},
    "waiting": {"waiting-for-members"},
    "joined": {"extra-time"},
    "pause_pending": {"pause-pending"},
    "cooldown_before_pause": {"pause-pending"},
    "without_witness": {"no-witnesses"},
    "with_one_of_two_witnesses": {"below-quorum"},
    "with_two_absent": {"too-few-healthy", "members-left"},
    "cooldown": {"last-epoch-unpaid", "next-epoch-short"},
    "last_cooldown": {"last-epoch"},
    "finished": {"finished"},
}
"""The rules that apply after a preparation; none of them applies after any other."""


@pytest.fixture(params=ROWS, ids=identity)
def row(request: pytest.FixtureRequest) -> Row:
    found: Row = request.param
    return found


@pytest.fixture
def run(still_house: House, row: Row) -> RunDriver:
    """A run in the source of a transition."""
    run = still_house.driver().create({**CONFIG, **row.config})
    row.prepare(run)
    return run


def state_of(name: str) -> RunState:
    return next(state for state in RunState if state.variant == name)


def wait(house: House, *words: object, happening: Any = None) -> Outcome:
    """``wait``, while something happens at its first sleep."""
    pending = [happening] if happening else []
    clock = FastClock(lambda _: pending.pop()() if pending else None)
    limit = () if "--timeout" in words else ("--timeout", "10m")
    return replace(house.cli, clock=clock)("wait", *RUN, *words, *limit, "--output", "json")


def test_what_is_said_before_and_what_happens(still_house: House, row: Row, run: RunDriver) -> None:
    ends = timing_of(run.state, run.now)
    check_timing(ends, row, run)
    check_diagnosis(still_house.cli.json("explain", *RUN), row, run)
    listed = still_house.cli.json("members", *RUN)
    check_members(listed, row, run)
    check_shown(still_house.cli.json("show", *RUN), ends, listed["counts"], row, run)

    run.wait(row.seconds)
    row.perform(run)
    if row.target is None:
        for verb in ("show", "explain", "members"):
            assert still_house.cli(verb, *RUN).code is ExitCode.NOT_FOUND
        return
    assert run.stage.variant == row.target
    if row.seconds:
        assert run.now == ends.latest
    if row.by_report or row.seconds:
        assert ends.earliest is not None
        assert ends.latest is not None
        assert ends.earliest <= run.now <= ends.latest
        assert run.account.run_state_start_timestamp == run.now


def check_timing(ends: Timing, row: Row, run: RunDriver) -> None:
    """What ends the state, and when."""
    account, enough = run.account, row.prepare.__name__ == "joined"
    assert (ends.state, ends.now) == (state_of(row.source), run.now)
    assert ends.since == (None if row.source == UNINITIALIZED else account.run_state_start_timestamp)
    assert ends.waits_for == ("time" if enough else WAITS_FOR[row.source])
    assert ends.overdue == 0
    longest = LONGEST.get(row.source)
    over = None if longest is None else account.run_state_start_timestamp + longest
    assert ends.latest == (None if row.source == WAITING and not enough else over)
    if row.source in (WARMUP, TRAIN):
        assert ends.earliest == run.now
        assert (ends.needed, ends.missing) == (3, 3 - len(account.current_round.witnesses))
    else:
        assert ends.earliest == over


def check_shown(shown: Any, ends: Timing, counts: Any, row: Row, run: RunDriver) -> None:
    """``show``: the state, since when, what ends it, and the members, as everywhere else."""
    account = run.account
    assert (shown["state"], shown["now"]) == (account.run_state.text, run.now)
    assert shown["since"] == ends.since
    assert (shown["epoch"], shown["progress"]["step"]) == (account.epoch, account.step)
    assert shown["pending_pause"] is (row.prepare.__name__ in ("pause_pending", "cooldown_before_pause"))
    found = shown["ends"]
    assert (found["waits_for"], found["earliest"], found["latest"]) == (ends.waits_for, ends.earliest, ends.latest)
    assert (found["present"], found["needed"], found["missing"]) == (ends.present, ends.needed, ends.missing)
    assert (found["seconds_left"], found["overdue_seconds"]) == (
        None if ends.latest is None else ends.latest - run.now,
        0,
    )
    in_round = row.source in (TRAIN, WITNESS)
    witnesses = len(account.current_round.witnesses) if in_round else None
    assert (shown["witnesses"] and shown["witnesses"]["received"]) == witnesses
    assert (shown["epoch_progress"] is not None) is (row.source in (WARMUP, TRAIN, WITNESS, COOLDOWN))
    assert shown["members"]["joined_next"] == counts["joined"]
    assert shown["members"]["must_join_again"] == counts["must_join_again"]


def check_diagnosis(explained: Any, row: Row, run: RunDriver) -> None:
    """``explain``: the rule that applies to what was prepared, and none that belongs to something else."""
    assert explained["state"]["state"] == row.source
    assert explained["at_unix_timestamp"] == run.now
    found = explained["findings"]
    rules = {finding["rule"] for finding in found}
    wanted = RULES.get(row.prepare.__name__, set())
    assert wanted <= rules
    assert not rules & set().union(*RULES.values()) - wanted
    severities = [finding["severity"] for finding in found]
    assert severities == sorted(severities, key=["blocking", "warning", "note"].index)
    assert explained["healthy"] is (set(severities) <= {"note"})
    assert all(finding["sentence"] and finding["advice"] for finding in found)


def check_members(listed: Any, row: Row, run: RunDriver) -> None:
    """``members``: who is in the epoch, who takes part in the next one, and who witnessed."""
    account, counts, prepared = run.account, listed["counts"], row.prepare.__name__
    assert listed["state"] == account.run_state.text
    wallets = [str(wallet.address) for wallet in run.members]
    assert [member["wallet"] for member in listed["members"]] == wallets
    in_epoch = len(wallets) if row.source in (WARMUP, TRAIN, WITNESS, COOLDOWN) else 0
    joined = len(wallets) if prepared == "joined" else 0
    assert (counts["all"], counts["in_epoch"]) == (len(wallets), in_epoch)
    assert counts["joined"] == counts["pending"] == joined
    no_more_epochs = prepared in ("last_cooldown", "finished")
    assert counts["must_join_again"] == (0 if no_more_epochs else len(wallets) - joined)
    dropped = 2 if prepared == "with_two_absent" else 0
    withdrawn = 3 if prepared == "cooldown" else 0  # the epoch ended without a witness
    assert (counts["dropped"], counts["withdrawn"], counts["ejected"]) == (dropped, withdrawn, 0)
    for member, wallet in zip(listed["members"], run.members, strict=True):
        stored = sum(
            account.epoch_clients[record.index].id.signer == bytes(wallet.address)
            for one in account.rounds
            for record in one.witnesses
            if account.epoch_clients and row.source in (TRAIN, WITNESS, COOLDOWN)
        )
        assert row.source == WARMUP or member["rounds_witnessed"] == stored


@pytest.mark.parametrize("row", [row for row in ROWS if row.seconds], ids=identity)
def test_a_state_is_overdue_if_nobody_ticks(still_house: House, row: Row, run: RunDriver) -> None:
    run.wait(row.seconds + 9)
    assert timing_of(run.state, run.now).overdue == 0
    run.wait(1)
    assert timing_of(run.state, run.now).overdue == 10
    assert still_house.cli.json("show", *RUN)["ends"]["overdue_seconds"] == 10
    rules = [finding["rule"] for finding in still_house.cli.json("explain", *RUN)["findings"]]
    assert rules[0] == ("warmup-overdue" if row.source == WARMUP else "overdue")


def test_waiting_for_what_happens(still_house: House, row: Row, run: RunDriver) -> None:
    here = wait(still_house, "--for", row.source).data
    assert (here["already_so"], here["state"], here["time"]) == (True, state_of(row.source).text, run.now)
    if row.source == row.target:
        return

    def happen() -> None:
        run.wait(row.seconds)
        row.perform(run)

    outcome = wait(still_house, "--for", row.target or "Warmup", happening=happen)
    if row.target is None:
        assert outcome.code is ExitCode.NEVER
        return
    assert (outcome.data["already_so"], outcome.data["state"]) == (False, state_of(row.target).text)
    assert (outcome.data["time"], outcome.data["step"]) == (run.now, run.account.step)


FIRST = {row.source: row for row in reversed(ROWS)}


@pytest.mark.parametrize("row", FIRST.values(), ids=FIRST)
def test_what_can_no_longer_be_reached(still_house: House, row: Row, run: RunDriver) -> None:
    """No run becomes Uninitialized again, and a finished one does not change."""
    for state in RunState:
        code = wait(still_house, "--for", state.variant, "--timeout", "1").code
        if state.variant == row.source:
            assert code is ExitCode.OK
        elif state == RunState.UNINITIALIZED or row.source == FINISHED:
            assert code is ExitCode.NEVER
        else:
            assert code is ExitCode.NOT_REACHED, (row.source, state)
