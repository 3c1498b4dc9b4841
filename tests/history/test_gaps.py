"""What an endpoint does not have is recorded as a gap, and filled from an endpoint that has it."""

from __future__ import annotations

from typing import Any

import pytest

from psyche_cli.history.records import Gap
from psyche_cli.localnet.chain.history import History as Record
from tests.history.conftest import Reader, Reading
from tests.history.endpoints import Altered, Partial
from tests.history.story import StillStory


def slots_of(story: StillStory) -> dict[str, int]:
    return {str(one.signature): one.slot for one in story.bank.history.records()}


def roles(reader: Reader, gaps: list[Gap]) -> dict[str, Gap]:
    with reader.file.reading() as connection:
        names = dict(connection.execute("SELECT address, role FROM addresses"))
    return {names[one.address]: one for one in gaps}


def test_a_ledger_that_begins_late(told: StillStory, reading: Reading) -> None:
    slots = slots_of(told)
    second = second_creation(told)
    first = slots[second] - 1
    reader = reading(told)
    synced = reader.sync(Partial(told.transport(), slots, first=first))
    newer = [one for one in told.recorded if slots[one] >= first]
    assert 50 < len(newer) < len(told.recorded)
    assert reader.signatures == newer
    gaps = roles(reader, list(reader.history.gaps()))
    # The accounts of the second and third incarnations were created later: nothing of theirs is missing.
    assert set(gaps) == {"instance", "coordinator_account", "authorization"}
    assert len(list(reader.history.gaps())) == synced.totals.gaps == 3
    gap = gaps["instance"]
    assert (gap.after_signature, gap.signature, gap.first_slot) == (None, None, first)
    assert gap.before_signature == next(one for one in newer)
    assert gap.reason == f"the ledger of the endpoint begins at slot {first:,}"
    assert [one.created_by is None for one in reader.history.incarnations()] == [True, False, False]
    again = reader.sync(Partial(told.transport(), slots, first=first))
    assert (again.listed, again.totals.gaps) == (0, 3)
    filled = reader.sync(told.transport())
    assert reader.signatures == told.recorded
    assert filled.totals.gaps == 0
    assert [one.created_by is None for one in reader.history.incarnations()] == [False, False, False]


def second_creation(told: StillStory) -> str:
    """The first transaction of the second incarnation, which ends the first one."""
    calls = [str(one.signature) for one in told.bank.history.records() if "FreeCoordinator" in "".join(one.logs)]
    return calls[0]


def test_a_gap_that_is_filled_in_parts(told: StillStory, reading: Reading) -> None:
    slots = slots_of(told)
    chosen = sorted({slots[one] for one in told.recorded})
    reader = reading(told)
    for first in (chosen[-2], chosen[len(chosen) // 2], chosen[3]):
        reader.sync(Partial(told.transport(), slots, first=first))
        assert reader.signatures == [one for one in told.recorded if slots[one] >= first]
        assert reader.history.totals().gaps > 0
    reader.sync(told.transport())
    assert reader.signatures == told.recorded
    assert reader.history.totals().gaps == 0


def test_a_gap_between_two_syncs(reading: Reading) -> None:
    story = StillStory()
    story.begin()
    reader = reading(story)
    reader.sync(story.transport())
    known = list(story.recorded)
    for _ in range(3):
        story.wait(10)
        story.fail_to_tick()
    slots = slots_of(story)
    new = [one for one in story.recorded if one not in known]
    first = slots[new[2]]
    synced = reader.sync(Partial(story.transport(), slots, first=first))
    assert reader.signatures == [*known, new[2]]
    gap = roles(reader, list(reader.history.gaps()))["instance"]
    assert (gap.after_signature, gap.before_signature, gap.first_slot) == (known[-1], new[2], first)
    assert synced.totals.gaps > 0
    reader.sync(story.transport())
    assert reader.signatures == story.recorded
    assert reader.history.totals().gaps == 0


def test_transactions_that_are_listed_but_not_there(told: StillStory, reading: Reading) -> None:
    slots = slots_of(told)
    first = slots[second_creation(told)]
    reader = reading(told)
    synced = reader.sync(Partial(told.transport(), slots, first=first, lists_all=True))
    older = {one for one in told.recorded if slots[one] < first}
    gaps = [one for one in reader.history.gaps() if one.signature is not None]
    assert {one.signature for one in gaps} <= older
    assert {one.reason for one in gaps} == {f"the ledger of the endpoint begins at slot {first:,}"}
    assert synced.totals.gaps >= len(gaps) > 10
    assert reader.clock.sleeps == []  # the endpoint will not have them later
    reader.sync(told.transport())
    assert reader.signatures == told.recorded
    assert reader.history.totals().gaps == 0


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (None, "the endpoint lists it, but does not return it"),
        (-32001, "the endpoint has deleted its block"),
        (-32004, "the endpoint does not have its block"),
        (-32007, "the endpoint does not have its block"),
        (-32009, "the endpoint does not have its block"),
        (-32015, "its version is not supported"),
        (-32603, "the endpoint rejects the request with error -32603"),
        ("damaged", "the endpoint returns it in an invalid form: the transaction has no err field"),
    ],
)
def test_one_transaction_that_is_not_returned(told: StillStory, reading: Reading, code: Any, reason: str) -> None:
    lost = told.recorded[20]

    def change(request: dict[str, Any], answer: dict[str, Any]) -> None:
        if request["method"] != "getTransaction" or request["params"][0] != lost:
            return
        if code == "damaged":
            del answer["result"]["meta"]["err"]
        elif code is None:
            answer["result"] = None
        else:
            del answer["result"]
            answer["error"] = {"code": code, "message": "no"}

    reader = reading(told)
    for _ in range(2):
        reader.sync(Altered(told.transport(), change))
        assert reader.signatures == [one for one in told.recorded if one != lost]
        [gap] = reader.history.gaps()
        assert (gap.signature, gap.reason) == (lost, reason)
    assert len(reader.clock.sleeps) == (4 if code is None else 0)  # only the first sync waits for it
    reader.sync(told.transport())
    assert reader.signatures == told.recorded
    assert reader.history.totals().gaps == 0


def test_an_endpoint_that_does_not_know_where_the_listing_was(told: StillStory, reading: Reading) -> None:
    """Another node behind the same URL answers the second page: it has all blocks, but not this transaction."""
    pages = 0

    def change(request: dict[str, Any], answer: dict[str, Any]) -> None:
        nonlocal pages
        if request["method"] == "getSignaturesForAddress" and "before" in request["params"][1]:
            answer["result"] = []
        elif request["method"] == "getSignaturesForAddress":
            pages += 1
            answer["result"] = answer["result"][:5]
        elif request["method"] == "getSignatureStatuses":
            answer["result"]["value"] = [None for _ in answer["result"]["value"]]

    reader = reading(told)
    reader.sync(Altered(told.transport(), change))
    assert pages > 0
    gap = roles(reader, list(reader.history.gaps()))["instance"]
    assert (gap.first_slot, gap.reason) == (None, "the endpoint does not know the transaction after it")
    reader.sync(told.transport())
    assert reader.signatures == told.recorded
    assert reader.history.totals().gaps == 0


def test_a_validator_that_keeps_few_transactions(reading: Reading) -> None:
    story = StillStory()
    story.bank.history = Record(capacity=30)
    story.tell()
    reader = reading(story)
    reader.sync(story.transport())
    assert reader.signatures[-25:] == story.recorded[-25:]
    assert reader.history.totals().gaps > 0


def test_a_gap_after_the_newest_transaction_is_recorded_once(reading: Reading) -> None:
    story = StillStory()
    story.begin()
    reader = reading(story)
    reader.sync(story.transport())
    known = list(story.recorded)
    story.wait(100)
    first = story.bank.slot
    for _ in range(3):
        reader.sync(Partial(story.transport(), slots_of(story), first=first))
        gap = roles(reader, list(reader.history.gaps()))["instance"]
        assert (gap.after_signature, gap.before_signature, gap.first_slot) == (known[-1], None, first)
        assert reader.history.totals().gaps == 3
    story.fail_to_tick()
    reader.sync(story.transport())
    assert reader.signatures == story.recorded
    assert reader.history.totals().gaps == 0
