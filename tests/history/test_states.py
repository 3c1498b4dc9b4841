"""States of a run from its history, which are those that the validator had."""

from __future__ import annotations

import zlib

import pytest
from solders.pubkey import Pubkey

from psyche_cli.environment import Wait, Waits
from psyche_cli.history import decoding, states
from psyche_cli.history.comparison import account_differences
from psyche_cli.history.events import DECODER
from psyche_cli.history.kept_replay import continued, keep
from psyche_cli.history.moments import Claims
from psyche_cli.history.records import Place
from psyche_cli.history.replay import Replay
from psyche_cli.history.states import RunStates
from psyche_cli.history.words import words
from psyche_cli.protocol.accounts.coordinator_account import decode_coordinator_account
from psyche_cli.protocol.programs import PUBLISHED
from tests.history.conftest import Reading
from tests.history.recorded import RecordedRun
from tests.history.story import StillStory


def test_states_of_every_incarnation(told: StillStory, reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "_KEPT_EVERY", 20)
    reader = reading(told)
    reader.sync(told.transport())
    incarnations = reader.history.incarnations()
    assert len(incarnations) == 3
    for incarnation in incarnations:
        run = RunStates(reader.history, incarnation, PUBLISHED)
        happened = [*run.happened()]
        assert not [one.problems for one in happened if one.problems]
        assert all(words(one.event, one.before, one.after).isprintable() for one in happened)
        raw = told.rpc.account(Pubkey.from_string(incarnation.coordinator_account))
        account = None if raw is None or raw.lamports == 0 else decode_coordinator_account(raw)
        assert (account is None) == (incarnation.closed_by is not None)
        end = run.at(happened[-1].transaction.place)
        assert account_differences(end.account, account) == []
        assert end.now == happened[-1].after
        half = happened[len(happened) // 2].transaction.place
        assert run.at(half).now == next(one.after for one in happened[::-1] if one.transaction.place == half)
        rest = [one for one in happened if one.transaction.place > half]
        assert [*run.happened(half)] == rest
        assert [*run.happened(half, rest[0].transaction.place)][-1].transaction.place == rest[0].transaction.place
        kept = reader.history.image(incarnation.coordinator_account, Place(2**40, 0), DECODER)
        assert kept is not None
        assert kept[0] > happened[0].transaction.place


class SeenWaits(Waits):
    """Waits that remember what they would show."""

    def __init__(self) -> None:
        self.seen: dict[str, list[str]] = {}

    def showing(self, what: str) -> Wait:
        seen = self.seen.setdefault(what, [])

        class Seen(Wait):
            def now(self, detail: str, seconds: float = 0.0) -> None:
                seen.append(detail)

        return Seen()


def test_decoding_and_replays_show_their_progress(
    told: StillStory, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "_SHOWN_EVERY", 20)
    monkeypatch.setattr(decoding, "_AT_ONCE", 50)
    reader, waits = reading(told), SeenWaits()
    reader.sync(told.transport())
    decoding.decode_new(reader.history, PUBLISHED, waits)
    first, *_ = reader.history.incarnations()
    happened = [*RunStates(reader.history, first, PUBLISHED, waits).happened()]
    twentieth = [*dict.fromkeys(one.transaction.place for one in happened)][19]
    assert waits.seen["Decoding transactions"][0].startswith("50 transactions, up to slot ")
    assert waits.seen["Replaying the run"][0] == f"20 transactions, up to slot {twentieth.slot:,}"


def test_a_replay_that_is_kept_continues_as_it_was() -> None:
    run = RecordedRun()
    run.create_with_treasurer()
    run.top_up(1000)
    run.set_rates(earning=300)
    run.resume()
    run.start_training(0, 1, 2)
    run.play_to_cooldown()
    run.end_cooldown()
    run.claim(1, 40)
    run.join(1)
    transactions = run.transactions()
    whole = Replay(run.addresses)
    for one in transactions:
        whole.add(one)
    assert whole.now.treasury is not None
    assert whole.now.treasury.participants == {str(run.members[1].address): Claims(40, 40)}
    for count in (0, 1, len(transactions) // 2, len(transactions) - 1, len(transactions)):
        first = Replay(run.addresses)
        for one in transactions[:count]:
            first.add(one)
        later = continued(keep(first), run.addresses, PUBLISHED)
        assert (later.count, later.place, later.clock) == (first.count, first.place, first.clock)
        assert later.data == first.data
        for one in transactions[count:]:
            later.add(one)
        assert later.now == whole.now
        assert later.data == whole.data
        assert later.problems == []


@pytest.mark.parametrize("damaged", [b"", b"other", zlib.compress(b""), zlib.compress(b"\x05\0\0\0{")])
def test_a_kept_replay_that_is_damaged_is_ignored(told: StillStory, reading: Reading, damaged: bytes) -> None:
    reader = reading(told)
    reader.sync(told.transport())
    first, *_ = reader.history.incarnations()
    run = RunStates(reader.history, first, PUBLISHED)
    place = Place(2**40, 0)
    expected = run.at(place).now
    reader.history.write_image(first.coordinator_account, Place(first.created_slot or 0, 0), damaged, DECODER)
    assert run.at(place).now == expected
