"""Transactions that are confirmed but not finalized may still be dropped, or land in another block."""

from __future__ import annotations

from typing import Any

from tests.history.conftest import Reader, Reading
from tests.history.endpoints import Altered, Partial
from tests.history.story import StillStory
from tests.history.test_gaps import slots_of


def commitments(reader: Reader) -> list[str]:
    return [one.commitment for one in reader.history.transactions()]


def test_what_is_confirmed_is_listed_again_until_it_is_finalized(told: StillStory, reading: Reading) -> None:
    slots = slots_of(told)
    finalized = slots[told.recorded[100]]
    reader = reading(told)
    reader.sync(Partial(told.transport(), slots, finalized=finalized))
    expected = ["finalized" if slots[one] <= finalized else "confirmed" for one in told.recorded]
    assert commitments(reader) == expected
    assert reader.signatures == told.recorded
    again = Partial(told.transport(), slots, finalized=finalized)
    assert reader.sync(again).listed == 0
    assert again.methods["getTransaction"] == 0
    synced = reader.sync(told.transport())
    assert (synced.listed, synced.fetched, synced.dropped) == (0, 0, 0)
    assert commitments(reader) == ["finalized"] * len(told.recorded)


def test_transactions_of_a_dropped_fork_are_removed(told: StillStory, reading: Reading) -> None:
    slots = slots_of(told)
    last = told.recorded[-1]
    dropped = {one for one in told.recorded[-40:-1:3] if slots[one] < slots[last]}
    reader = reading(told)
    reader.sync(Partial(told.transport(), slots, finalized=min(slots[one] for one in dropped) - 1))
    assert reader.signatures == told.recorded
    later = Partial(told.transport(), slots, hidden=dropped)
    synced = reader.sync(later)
    assert synced.dropped == len(dropped) > 3
    assert reader.signatures == [one for one in told.recorded if one not in dropped]
    assert [one.place.position for one in reader.history.transactions()] == positions(reader)
    assert reader.history.totals().gaps == 0


def positions(reader: Reader) -> list[int]:
    """The expected positions: from 0 in every slot."""
    found: list[int] = []
    slot = -1
    for one in reader.history.transactions():
        found.append(found[-1] + 1 if one.slot == slot else 0)
        slot = one.slot
    return found


def test_a_transaction_that_lands_in_another_slot(told: StillStory, reading: Reading) -> None:
    slots = slots_of(told)
    moved = told.recorded[-5]
    earlier = slots[moved] - 1

    def change(request: dict[str, Any], answer: dict[str, Any]) -> None:
        method, result = request["method"], answer["result"]
        if method == "getSlot" and request["params"][0]["commitment"] == "finalized":
            answer["result"] = earlier - 1
        elif method == "getSignaturesForAddress":
            for one in result:
                if one["slot"] >= earlier:
                    one["confirmationStatus"] = "confirmed"
                if one["signature"] == moved:
                    one["slot"] = earlier
        elif method == "getTransaction" and request["params"][0] == moved:
            result["slot"] = earlier

    reader = reading(told)
    reader.sync(Altered(told.transport(), change))
    found = reader.history.transaction(moved)
    assert found is not None
    assert (found.slot, found.commitment) == (earlier, "confirmed")
    synced = reader.sync(told.transport())
    assert synced.fetched == 1
    assert reader.signatures == told.recorded
    found = reader.history.transaction(moved)
    assert found is not None
    assert (found.slot, found.commitment) == (slots[moved], "finalized")
