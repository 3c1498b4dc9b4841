"""A sync reads all transactions of a run, in order, and later only new ones."""

from __future__ import annotations

from collections import Counter
from typing import Any

from psyche_cli.protocol.programs import PUBLISHED
from tests.history.conftest import Reading
from tests.history.endpoints import Altered, Counted
from tests.history.story import StillStory


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
        getSlot=2, getFirstAvailableBlock=1, getMultipleAccounts=1, getSignaturesForAddress=3
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
