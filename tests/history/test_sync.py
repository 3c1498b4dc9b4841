"""A sync reads all transactions of a run, in order, and later only new ones."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from solders.pubkey import Pubkey

from psyche_cli.errors import HistoryError
from psyche_cli.protocol.addresses import ANYONE, authorization_address
from psyche_cli.protocol.programs import PUBLISHED
from tests.history.conftest import Reader, Reading
from tests.history.endpoints import Altered, Counted
from tests.history.story import StillStory, Story


def test_the_history_is_the_validators_own_record(told: StillStory, reading: Reading) -> None:
    reader = reading(told)
    synced = reader.sync(told.transport())
    assert reader.signatures == told.recorded
    assert (synced.listed, synced.fetched, synced.dropped) == (len(told.recorded), len(told.recorded), 0)
    assert synced.slot == told.bank.slot
    assert synced.totals[:2] == (len(told.recorded),) * 2
    assert synced.totals.gaps == 0
    records = {str(one.signature): one for one in told.bank.history.records()}
    for number, one in enumerate(reader.history.transactions()):
        record = records[one.signature]
        expected = (record.slot, record.unix_time, record.fee, record.error)
        assert (one.slot, one.block_time, one.fee, one.error) == expected
        assert (one.content, one.logs, one.units) == (record.raw, record.logs, record.units)
        assert (one.lamports_before, one.lamports_after) == (record.pre_balances, record.post_balances)
        assert [account.address for account in one.message.accounts] == list(record.keys)
        assert len(one.inner) == sum(len(entry["instructions"]) for entry in record.inner_instructions)
        assert one.commitment == "finalized"
        assert one.payer == str(record.keys[0])
        assert reader.history.transaction(one.signature) == one, number
    assert 0 < synced.totals.failed == sum(one.error is not None for one in reader.history.transactions())


def test_calls_and_token_balances(told: StillStory, reading: Reading) -> None:
    reader = reading(told)
    reader.sync(told.transport())
    third = reader.history.incarnations()[-1]
    assert third.created_by is not None
    creation = reader.history.transaction(third.created_by)
    assert creation is not None
    names = [(call.outer, call.inner, call.height, call.instruction.program) for call in creation.executed()]
    assert (names[0][1], names[0][2]) == (0, 1)
    assert any(inner and height == 2 and program == PUBLISHED.coordinator for _, inner, height, program in names)
    vault = {account for one in reader.history.transactions() for account in held(one, third.vault)}
    assert (0, 10**6) in vault


def held(transaction: Any, vault: str | None) -> list[tuple[int, int]]:
    """The balance of the vault before and after a transaction that changes it."""
    keys = [str(account.address) for account in transaction.message.accounts]
    before, after = (
        {keys[one.account]: one.amount for one in side}
        for side in (transaction.tokens_before, transaction.tokens_after)
    )
    return [(before.get(vault, 0), after[vault])] if vault in after else []


def test_incarnations(told: StillStory, reading: Reading) -> None:
    reader = reading(told)
    reader.sync(told.transport())
    first, second, third = reader.history.incarnations()
    assert [one.number for one in (first, second, third)] == [1, 2, 3]
    assert None not in (first.closed_by, second.closed_by)
    assert third.closed_by is None
    assert len({one.coordinator_account for one in (first, second, third)}) == 3
    assert {first.coordinator_account, third.coordinator_account} <= {str(one) for one in told.addresses}
    assert (first.main_authority, first.treasurer_run, first.vault) == (str(told.owner.address), None, None)
    treasury = told.treasury
    assert treasury is not None
    assert (third.main_authority, third.treasurer_run, third.vault) == (*[str(treasury.run)] * 2, str(treasury.vault))


def test_later_only_what_is_new_is_requested(reading: Reading) -> None:
    story = StillStory()
    story.begin()
    reader = reading(story)
    reader.sync(story.transport())
    nothing = Counted(story.transport())
    again = reader.sync(nothing)
    assert (again.listed, again.fetched, again.requests, nothing.exchanges) == (0, 0, 2, 2)
    assert nothing.methods == Counter(
        getSlot=2,
        getFirstAvailableBlock=1,
        getMultipleAccounts=1,
        getSignatureStatuses=1,
        getSignaturesForAddress=3,
    )
    story.fail_to_tick()
    story.fail_to_tick()
    news = Counted(story.transport())
    synced = reader.sync(news)
    assert (synced.listed, synced.fetched) == (2, 2)
    assert news.methods["getTransaction"] == 2
    assert news.methods["getSignaturesForAddress"] == 3 + 2  # one more for each address that has new ones
    assert reader.signatures == story.recorded


def test_pages_of_one_transaction(told: StillStory, reading: Reading) -> None:
    def shorten(request: dict[str, Any], answer: dict[str, Any]) -> None:
        if request["method"] == "getSignaturesForAddress":
            del answer["result"][1:]

    reader = reading(told)
    reader.sync(Altered(told.transport(), shorten))
    assert reader.signatures == told.recorded


def test_another_run_with_the_same_authorization(reading: Reading) -> None:
    story = StillStory()
    story.begin()
    other = Story(story.transport(), story.owner, "another")
    other.create()
    other.resume()
    other.members = story.members
    other.join(0, 1, 2)
    reader = reading(story)
    synced = reader.sync(story.transport())
    instance = other.instance.address
    expected = [one for one in story.recorded if instance not in keys_of(story, one)]
    joins = [one for one in story.recorded if instance in keys_of(story, one)]
    assert reader.signatures == expected
    assert len(joins) == 3
    assert synced.totals.transactions == len(expected)
    assert [reader.history.transaction(one) for one in joins] == [None] * 3
    assert reader.sync(story.transport()).fetched == 0
    with reader.file.reading() as connection:
        assert connection.execute("SELECT count(*) FROM contents").fetchone() == (len(expected),)


def keys_of(story: StillStory, signature: str) -> tuple[Pubkey, ...]:
    [record] = [one for one in story.bank.history.records() if str(one.signature) == signature]
    return record.keys


def test_the_order_in_a_slot_is_that_of_the_block(reading: Reading) -> None:
    """Top-ups do not include the instance, so that no listing of one address has the whole order."""
    story = StillStory(in_step=True)
    story.create_with_treasurer()
    story._remember()
    for _ in range(3):
        story.top_up(1)
        story.set_rates(earning=5)
        story.fail_to_tick()
    assert len({record.slot for record in story.bank.history.records()}) == 1
    reader = reading(story)
    endpoint = Counted(story.transport())
    reader.sync(endpoint)
    permit = authorization_address(story.owner.address, ANYONE)
    assert reader.signatures == [one for one in story.recorded if permit not in keys_of(story, one)]
    assert endpoint.methods["getBlock"] == 1
    story.top_up(2)  # in a later slot, since the block was read
    assert len({record.slot for record in story.bank.history.records()}) == 2
    reader.sync(story.transport())
    assert reader.signatures == [one for one in story.recorded if permit not in keys_of(story, one)]


def test_an_order_that_is_guessed_is_corrected_later(reading: Reading) -> None:
    story = StillStory(in_step=True)
    story.create_with_treasurer()
    story._remember()
    for _ in range(3):
        story.top_up(1)
        story.set_rates(earning=5)
    assert len({record.slot for record in story.bank.history.records()}) == 1

    def hide(request: dict[str, Any], answer: dict[str, Any]) -> None:
        if request["method"] == "getBlock":
            del answer["result"]
            answer["error"] = {"code": -32007, "message": "skipped"}

    reader = reading(story)
    reader.sync(Altered(story.transport(), hide))
    permit = authorization_address(story.owner.address, ANYONE)
    expected = [one for one in story.recorded if permit not in keys_of(story, one)]
    assert sorted(reader.signatures) == sorted(expected)
    assert ordered_by(reader) == {"guess"}
    reader.sync(story.transport())
    assert reader.signatures == expected
    assert ordered_by(reader) == {"block"}


def ordered_by(reader: Reader) -> set[str]:
    with reader.file.reading() as connection:
        return {found for (found,) in connection.execute("SELECT DISTINCT ordered_by FROM transactions")}


def test_a_validator_that_was_reset(reading: Reading) -> None:
    story = StillStory()
    story.begin()
    reader = reading(story)
    reader.sync(story.transport())
    before = reader.signatures
    story.rpc.request("localnet_reset")
    with pytest.raises(HistoryError, match="although its ledger begins earlier") as caught:
        reader.sync(story.transport())
    assert any(one in caught.value.message for one in before)
    assert "move the file away" in caught.value.hint
    assert reader.signatures == before
