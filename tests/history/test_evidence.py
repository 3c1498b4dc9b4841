"""The ledger is evidence: what does not agree with it is reported, and times that are wrong are found."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from solders.pubkey import Pubkey

from psyche_cli.history.comparison import account_differences
from psyche_cli.history.events import decoded_calls
from psyche_cli.history.records import RawTransaction
from psyche_cli.history.replay import Replay
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount, decode_coordinator_account
from tests.history.recorded import RecordedRun


class Played:
    """A run of five members in which two epochs were trained, and everything that is known of it."""

    def __init__(self) -> None:
        run = RecordedRun(in_step=True)
        run.create()
        run.set_rates(earning=500)
        run.resume()
        run.start_training(0, 1, 2, 3, 4)
        for _ in range(3):
            run.play_round()
        run.play_to_cooldown()
        run.end_cooldown()
        run.start_training(0, 1, 2, 3, 4)
        run.play_round()
        self.transactions = run.transactions()
        self.addresses = run.addresses
        raw = run.rpc.account(Pubkey.from_string(run.addresses.account))
        assert raw is not None
        self.account = decode_coordinator_account(raw)

    def place(self, kind: str, number: int = 0) -> int:
        """The number of the transaction with the instruction ``kind``, of several the one with this number."""
        found = [
            place
            for place, one in enumerate(self.transactions)
            if any(call.meaning.name == kind for call in decoded_calls(one))
        ]
        return found[number]

    def replayed(self, transactions: Sequence[RawTransaction]) -> Replay:
        """A replay of these transactions."""
        replay = Replay(self.addresses)
        for one in transactions:
            replay.add(one)
        return replay

    def altered(self, kind: str, offset: int, number: int = 0) -> list[RawTransaction]:
        """The transactions, of which one has another byte at an offset in the arguments of its instruction ``kind``."""
        place = self.place(kind, number)
        one = self.transactions[place]
        [data] = [call.meaning.data for call in decoded_calls(one) if call.meaning.name == kind]
        at = one.content.index(data) + 8 + offset
        content = bytearray(one.content)
        content[at] ^= 1
        return [*self.transactions[:place], one._replace(content=bytes(content)), *self.transactions[place + 1 :]]


@pytest.fixture(scope="module")
def played() -> Played:
    return Played()


def test_the_replayed_run_is_the_one_on_the_validator(played: Played) -> None:
    replay = played.replayed(played.transactions)
    assert replay.problems == []
    assert account_differences(replay.account, played.account) == []
    assert not replay.times
    assert replay.settle(played.account)


@pytest.mark.parametrize(
    ("kind", "offset", "number", "path"),
    [
        ("init_coordinator", 64 + 4, 0, "run_id"),
        ("update", 2, 0, "config.warmup_time"),
        ("set_future_epoch_rates", 1, 0, "future_epoch_rates.earning_rate_total_shared"),
        ("join_run", 40, -1, "clients[4].id.p2p_identity"),
        ("witness", 150, -1, "epoch.rounds[0].witnesses[4].participant_bloom.bits[8]"),
    ],
)
def test_one_other_byte_is_shown(played: Played, kind: str, offset: int, number: int, path: str) -> None:
    replay = played.replayed(played.altered(kind, offset, number))
    differences = account_differences(replay.account, played.account)
    assert replay.problems or path in [one.path for one in differences], differences
    if path != "config.warmup_time":  # with another one, the run takes another course
        assert path in [one.path for one in differences]
        assert all(path in one.sentence for one in differences if one.path == path)
    assert not replay.settle(played.account)


@pytest.mark.parametrize(
    ("kind", "offset", "text"),
    [
        ("set_paused", 0, "The ledger says that set_paused succeeded, the model that it fails with"),
        ("witness", 0, "The ledger says that witness succeeded, the model that it fails with"),
        ("join_run", 0, "The ledger says that join_run succeeded, the model that it fails with SignerMismatch"),
    ],
)
def test_what_the_ledger_contradicts_is_a_problem(played: Played, kind: str, offset: int, text: str) -> None:
    replay = played.replayed(played.altered(kind, offset))
    assert replay.problems[0].text.startswith(text)
    assert replay.problems[0].signature == played.transactions[played.place(kind)].signature


def test_a_failure_that_the_model_does_not_expect_is_a_problem() -> None:
    run = RecordedRun()
    run.create()
    run.fails(run.tick_now)
    *others, last = run.transactions()
    assert last.failed
    replay = Replay(run.addresses)
    for one in others:
        replay.add(one)
    wrong = last._replace(error={"InstructionError": [1, {"Custom": 6012}]})
    replay.add(wrong)
    [problem] = replay.problems
    assert problem.text == (
        "The ledger says that tick failed with CoordinatorErrorInvalidRunState, the model that it fails with "
        "CoordinatorErrorHalted."
    )


def test_a_missing_transaction_is_a_problem(played: Played) -> None:
    place = played.place("join_run", 2)
    replay = played.replayed([*played.transactions[:place], *played.transactions[place + 1 :]])
    assert "did not log 'Nonce: " in replay.problems[0].text
    assert account_differences(replay.account, played.account)


def _with_time(transactions: Sequence[RawTransaction], slot: int, time: int | None) -> list[RawTransaction]:
    return [one._replace(block_time=time) if one.slot == slot else one for one in transactions]


@pytest.mark.parametrize("error", [1, -1, None])
def test_a_wrong_time_is_found_by_the_seeds_of_the_rounds(played: Played, error: int | None) -> None:
    for place in (played.place("warmup_witness", 4), played.place("tick", 1), played.place("tick", 2)):
        right = played.transactions[place]
        assert right.block_time is not None
        wrong = _with_time(played.transactions, right.slot, None if error is None else right.block_time + error)
        replay = played.replayed(wrong)
        assert replay.settle(played.account), place
        assert replay.problems == []
        assert replay.time_of(right).unix == right.block_time
        assert account_differences(replay.account, played.account) == []


def test_states_before_a_changed_time_are_said_to_be_revised(played: Played) -> None:
    place = played.place("warmup_witness", 4)
    right = played.transactions[place]
    assert right.block_time is not None
    wrong = _with_time(played.transactions, right.slot, right.block_time + 1)
    replay, expected = Replay(played.addresses), Replay(played.addresses)
    first = place - sum(one.slot == right.slot for one in played.transactions[:place])
    assert first == place - 4  # the other reports are in the same slot
    revised = []
    for one, other in zip(wrong, played.transactions, strict=True):
        replay.add(one)
        expected.add(other)
        if replay.revised is not None:
            revised.append(replay.revised)
            assert replay.times[right.slot].source == "searched"
    assert revised == [first]
    assert replay.data == expected.data
    for count in range(0, len(wrong), 7):
        found = replay.state_at(count, lambda first, last: wrong[first:last])
        assert found == expected.state_at(count, lambda first, last: played.transactions[first:last])


def test_a_replay_from_an_account_that_was_read(played: Played) -> None:
    whole = played.replayed(played.transactions)
    half = len(played.transactions) // 2
    first = played.replayed(played.transactions[:half])
    data = first.data
    assert data is not None
    later = Replay(played.addresses, first.now, base=data)
    for one in played.transactions[half:]:
        later.add(one)
    assert later.problems == []
    assert later.data == whole.data
    assert isinstance(played.account, CoordinatorAccount)
