"""A run with a treasurer, followed through two epochs and a pause: every event in order, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psyche_cli.operations.sessions import reading_session
from psyche_cli.operations.status.event_payloads import RunEvent
from psyche_cli.operations.status.observation import Observation, observe
from psyche_cli.operations.status.run_events import events_between
from psyche_cli.operations.status.timing import Timing, timing_of
from psyche_cli.protocol.run_states import RunState
from tests.cli.conftest import House
from tests.cli.harness import environment_of
from tests.support.run_driver import RunDriver

RUN = ("--run-id", "test")
NOT_COMPARED = ("run_id", "slot", "time", "nonce", "event", "data_index", "since", "direct")

START = """
rates epochs=future earning_before=0 earning=9 slashing_before=0 slashing=0
funded amount=1000000 vault_balance=1000000
progress_set before=0/0 after=0/1
transition before=Uninitialized after=Waiting for members
"""
INTO_TRAINING = """
joined wallet=0 first=True takes_part=True
joined wallet=1 first=True takes_part=True
joined wallet=2 first=True takes_part=True
transition before=Waiting for members after=Warmup
epoch_began epoch=0 members=0+1+2
rates epochs=current earning_before=0 earning=9 slashing_before=0 slashing=0
warmup_reports epoch=0 reported=1 expected=3
warmup_reports epoch=0 reported=2 expected=3
transition before=Warmup after=Training
round epoch=0 round=0 clients=3
"""
ROUND_WITHOUT_A_MEMBER = """
witnesses epoch=0 round={0} witnesses=1 expected=3 quorum=1
witnesses epoch=0 round={0} witnesses=2 expected=3 quorum=2
transition before=Training after=Witness
step step={2}
transition before=Witness after=Training
round epoch=0 round={1} clients=3
"""
TO_COOLDOWN = """
dropped wallet=2 kind=Dropped round=3
transition before=Training after=Witness
witnesses epoch=0 round=3 witnesses=1 expected=3 quorum=1
witnesses epoch=0 round=3 witnesses=2 expected=3 quorum=2
exited wallet=2 kind=Dropped round=3
step step=5
transition before=Witness after=Training
epoch_last_step epoch=0 last_step=7
round epoch=0 round=4 clients=2
witnesses epoch=0 round=4 witnesses=1 expected=2 quorum=1
transition before=Training after=Witness
witnesses epoch=0 round=4 witnesses=2 expected=2 quorum=2
step step=6
transition before=Witness after=Training
round epoch=0 round=5 clients=2
witnesses epoch=0 round=5 witnesses=1 expected=2 quorum=1
transition before=Training after=Witness
witnesses epoch=0 round=5 witnesses=2 expected=2 quorum=2
step step=7
transition before=Witness after=Cooldown
"""
END_OF_EPOCH = """
checkpoint before=Hub:example-org/tiny-llama-init after=Hub:org/trained
joined wallet=1 first=False takes_part=True
joined wallet=3 first=True takes_part=True
checkpoint before=Hub:org/trained after=P2P:org/trained
epoch_ended epoch=0 completed=True finished=0+1 left=2
transition before=Cooldown after=Waiting for members
rewarded wallet=0 amount=4 total=4
rewarded wallet=1 amount=4 total=4
claimed amount=4 points=4 total=4 total_points=4 vault_balance=999996
"""
INTO_PAUSE = """
joined wallet=0 first=False takes_part=True
transition before=Waiting for members after=Warmup
epoch_began epoch=1 members=0+1+3
warmup_reports epoch=1 reported=1 expected=3
warmup_reports epoch=1 reported=2 expected=3
transition before=Warmup after=Training
round epoch=1 round=0 clients=3
pause_requested
witnesses epoch=1 round=0 witnesses=1 expected=3 quorum=1
witnesses epoch=1 round=0 witnesses=2 expected=3 quorum=2
transition before=Training after=Witness
witnesses epoch=1 round=0 witnesses=3 expected=3 quorum=2
step step=8
transition before=Witness after=Cooldown
dropped wallet=0 kind=Withdrawn round=0
dropped wallet=1 kind=Withdrawn round=0
dropped wallet=3 kind=Withdrawn round=0
epoch_ended epoch=1 completed=True finished= left=0+1+3
pause_began
transition before=Cooldown after=Paused
"""


class Follower:
    """Observes a run after every transaction of a driver and of commands, and collects the events as short texts."""

    def __init__(self, house: House, run: RunDriver) -> None:
        self._house, self._run = house, run
        self._found: list[RunEvent] = []
        self._last = self._observe()
        run.after_each = self.look

    def _observe(self) -> Observation:
        with reading_session(environment_of(self._house.cli), rpc="http://127.0.0.1:1") as session:
            return observe(session, "test")

    def look(self) -> None:
        """Observe the run."""
        before, self._last = self._last, self._observe()
        found = events_between(before, self._last)
        assert all((one.time, one.nonce) == (self._run.now, self._run.account.nonce) for one in found)
        self._found += found

    def do(self, *words: object) -> Any:
        """Run a command, and return its data."""
        data = self._house.cli.json(*words)
        self.look()
        return data

    def look_closely(self) -> tuple[Timing, Any]:
        """When the state ends, and what ``members`` says. ``explain`` and ``show`` must agree."""
        listed, explained = self._house.cli.json("members", *RUN), self._house.cli.json("explain", *RUN)
        timing, account = timing_of(self._run.state, self._run.now), self._run.account
        assert listed["state"] == account.run_state.text
        assert explained["state"]["state"] == timing.state.variant == account.run_state.variant
        assert explained["at_unix_timestamp"] == timing.now == self._run.now
        assert listed["epoch"] == account.epoch
        shown = self._house.cli.json("show", *RUN)
        assert (shown["state"], shown["now"], shown["epoch"]) == (listed["state"], timing.now, account.epoch)
        assert (shown["ends"]["earliest"], shown["ends"]["latest"]) == (timing.earliest, timing.latest)
        assert shown["members"]["must_join_again"] == listed["counts"]["must_join_again"]
        owed = sum(member["claimable"]["base_units"] for member in listed["members"])
        assert shown["treasury"]["owed"]["base_units"] == owed
        earning = 9 if account.run_state in (RunState.WARMUP, RunState.ROUND_TRAIN, RunState.COOLDOWN) else None
        now = shown["rates"]["earning_now"]
        assert (now and now["base_units"]) == earning
        return timing, listed

    def seen(self) -> str:
        """What has changed since the previous call, a line for each event."""
        wallets = {str(wallet.address): str(number) for number, wallet in enumerate(self._run.members)}
        lines = [self._line(one, wallets) for one in self._found]
        self._found.clear()
        return "\n".join(["", *lines, ""])

    @staticmethod
    def _line(event: RunEvent, wallets: dict[str, str]) -> str:
        def text(value: Any) -> str:
            if isinstance(value, list):
                return "+".join(map(text, value))
            if isinstance(value, dict):  # a checkpoint
                return ":".join([*value, *(repository["repo_id"] for repository in value.values())])
            if event.event == "progress_set":
                return f"{value.epoch}/{value.step}"
            amount = getattr(value, "base_units", value)
            return wallets.get(str(amount), str(amount))

        values = {name: value for name, value in vars(event).items() if name not in NOT_COMPARED}
        return " ".join([event.event, *(f"{name}={text(value)}" for name, value in values.items())])


def test_two_epochs_and_a_pause(still_house: House, tmp_path: Path) -> None:
    still_house.run(treasurer=True)
    still_house.cli.json("join-authorization-create", "--permissionless")
    run = still_house.driver()
    follow = Follower(still_house, run)

    follow.do("set-future-epoch-rates", *RUN, "--earning-rate", "0.000009", "--slashing-rate", "0")
    follow.do("treasurer-top-up-rewards", *RUN, "--collateral-amount", "1")
    follow.do("set-paused", *RUN, "--resume")
    assert follow.seen() == START
    timing, _ = follow.look_closely()
    assert (timing.waits_for, timing.missing, timing.latest) == ("members", 1, None)

    run.enter_warmup(0, 1, 2)
    run.wait(1)
    run.report_warmup(0, 1)
    timing, _ = follow.look_closely()
    assert (timing.waits_for, timing.missing) == ("reports", 1)
    run.report_warmup(2)
    assert follow.seen() == INTO_TRAINING

    for number in range(3):
        assert run.play_round(2) == RunState.ROUND_TRAIN
        assert follow.seen() == ROUND_WITHOUT_A_MEMBER.format(number, number + 1, number + 2)
        _, listed = follow.look_closely()
        assert [member["rounds_witnessed"] for member in listed["members"]] == [number + 1, number + 1, 0]
    run.report_absent(0, 2)
    _, listed = follow.look_closely()
    assert [member["health"] for member in listed["members"]] == ["Healthy", "Healthy", "Dropped"]
    run.wait(run.account.config["epoch_time"])
    assert run.play_round(2) == RunState.ROUND_TRAIN
    for left in (2, 1):
        epoch_end = follow.look_closely()[0].epoch_end
        assert epoch_end is not None
        assert epoch_end.fewest == epoch_end.most == left
        assert run.play_round() == (RunState.COOLDOWN if left == 1 else RunState.ROUND_TRAIN)
    assert follow.seen() == TO_COOLDOWN

    timing, _ = follow.look_closely()
    assert timing.earliest == timing.latest == run.now + run.account.config["cooldown_time"]
    run.checkpoint(0, {"Hub": {"repo_id": "org/trained", "revision": None}})
    run.join(1, 3)
    assert run.end_cooldown() == RunState.WAITING_FOR_MEMBERS
    assert run.now == timing.latest
    _, listed = follow.look_closely()
    assert [member["claimable"]["base_units"] for member in listed["members"]] == [4, 4, 0, 0]
    assert [member["must_join_again"] for member in listed["members"]] == [True, False, True, False]
    run.members[0].write_keypair_file(tmp_path / "member.json")
    follow.do("treasurer-claim-rewards", *RUN, "-w", tmp_path / "member.json")
    assert follow.seen() == END_OF_EPOCH
    assert (run.account.epoch, run.account.step) == (1, 7)

    run.enter_warmup(0)
    run.wait(1)
    run.report_warmup(0, 1, 3)
    follow.do("set-paused", *RUN)
    epoch_end = follow.look_closely()[0].epoch_end
    assert epoch_end is not None
    assert epoch_end.most == 1
    assert run.play_round() == RunState.COOLDOWN
    assert run.end_cooldown() == RunState.PAUSED
    assert follow.seen() == INTO_PAUSE
    timing, listed = follow.look_closely()
    assert (timing.waits_for, timing.latest, run.account.epoch, run.account.step) == ("owner", None, 2, 8)
    # An epoch that ends with a pause pays nothing.
    assert [member["claimable"]["base_units"] for member in listed["members"]] == [0, 4, 0, 0]
    assert listed["counts"]["must_join_again"] == 4
