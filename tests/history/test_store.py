"""Reading a history in parts, its events, and images of accounts."""

from __future__ import annotations

import pytest

from psyche_cli.history import store
from psyche_cli.history.decoding import decode_new
from psyche_cli.history.events import DECODER, decode
from psyche_cli.history.records import Event, Place
from psyche_cli.protocol.programs import PUBLISHED
from tests.history.conftest import Reader, Reading
from tests.history.endpoints import Partial
from tests.history.story import StillStory
from tests.history.test_gaps import slots_of


@pytest.fixture(params=[3, 500])
def reader(
    told: StillStory, reading: Reading, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Reader:
    """A decoded history, which is read in small or in large portions."""
    monkeypatch.setattr(store, "_PORTION", request.param)
    reader = reading(told)
    reader.sync(told.transport())
    decode_new(reader.history, PUBLISHED)
    return reader


def test_transactions_between_two_places(reader: Reader) -> None:
    every = list(reader.history.transactions())
    places = [one.place for one in every]
    assert places == sorted(set(places))
    assert list(reader.history.transactions(after=places[9])) == every[10:]
    assert list(reader.history.transactions(after=places[9], until=places[20])) == every[10:21]
    assert list(reader.history.transactions(until=Place(-1, 5))) == []


def test_events(reader: Reader) -> None:
    transactions = list(reader.history.transactions())
    expected = [(one.place, one.fee, one.block_time, event) for one in transactions for event in decode(one)]
    found = [(one.place, one.fee, one.block_time, one.event) for one in reader.history.events()]
    assert found == expected
    place = transactions[30].place
    later = [one.event for one in reader.history.events(after=place)]
    assert later == [event for at, *_, event in expected if at > place]
    some = [one.event for one in reader.history.events(until=place, kinds=["tick", "witness"])]
    assert some == [event for at, *_, event in expected if at <= place and event.kind in ("tick", "witness")]
    assert len(some) > 3
    assert reader.history.totals().events == len(expected)


def test_only_new_transactions_are_decoded(reader: Reader) -> None:
    assert decode_new(reader.history, PUBLISHED) == 0
    signature = reader.signatures[4]
    reader.history.write_events([(signature, []), ("unknown", [])], DECODER - 1)
    assert signature not in {one.event.signature for one in reader.history.events()}
    assert decode_new(reader.history, PUBLISHED) == 1
    assert signature in {one.event.signature for one in reader.history.events()}


def test_events_keep_their_values(reader: Reader) -> None:
    signature = reader.signatures[0]
    event = Event(
        signature=signature,
        outer=0,
        inner=2,
        program="coordinator",
        kind="tick",
        signers=("a", "b"),
        accounts={"user": "c"},
        arguments={"big": 2**64 - 1, "text": "é\ud800\0", "none": None, "list": [1.5, True]},
        effects={},
        failed=True,
        error="No.",
    )
    reader.history.write_events([(signature, [event])], DECODER)
    assert [one.event for one in reader.history.events(until=next(reader.history.transactions()).place)] == [event]


def test_images(told: StillStory, reader: Reader) -> None:
    history = reader.history
    assert history.image("account", Place(9, 9), DECODER) is None
    for place, data in ((Place(5, 0), b"first"), (Place(5, 3), None), (Place(7, 0), b"third")):
        history.write_image("account", place, data, DECODER)
    history.write_image("account", Place(7, 0), b"again", DECODER)
    assert history.image("account", Place(5, 2), DECODER) == (Place(5, 0), b"first")
    assert history.image("account", Place(6, 0), DECODER) == (Place(5, 3), None)
    assert history.image("account", Place(7, 0), DECODER) == (Place(7, 0), b"again")
    assert history.image("account", Place(7, 0), DECODER + 1) is None
    assert history.image("other", Place(7, 0), DECODER) is None


def test_images_are_removed_with_the_order_that_they_depend_on(told: StillStory, reading: Reading) -> None:
    slots, reader = slots_of(told), reading(told)
    first = slots[told.recorded[60]]
    reader.sync(Partial(told.transport(), slots, first=first))
    for slot in (first - 1, first, told.bank.slot):
        reader.history.write_image("account", Place(slot, 0), b"image", DECODER)
    reader.sync(told.transport())
    assert reader.history.image("account", Place(told.bank.slot, 9), DECODER) is None
