"""A history is complete after random faults of the endpoint, and nothing in it is twice."""

from __future__ import annotations

from contextlib import suppress

import pytest

from psyche_cli.errors import HttpStatusError
from tests.history.conftest import Reading
from tests.history.faulty import FaultyTransport
from tests.history.story import StillStory


@pytest.mark.parametrize("takes_batches", [True, False])
def test_random_faults(told: StillStory, reading: Reading, takes_batches: bool, full: bool) -> None:
    for seed in range(40 if full else 4):
        reader = reading(told)
        endpoint = FaultyTransport(told.transport(), seed, takes_batches=takes_batches)
        reader.sync(endpoint)
        reader.sync(told.transport())  # what the endpoint did not return four times
        assert reader.signatures == told.recorded, seed
        assert reader.history.totals().gaps == 0
        assert endpoint.faults > 3


def test_an_endpoint_that_fails_for_long_is_given_up_and_nothing_is_lost(told: StillStory, reading: Reading) -> None:
    reader = reading(told)
    attempts, done = 0, False
    while not done:
        attempts += 1
        started = reader.clock.now
        with suppress(HttpStatusError):
            reader.sync(Breaking(told, attempts))
            done = True
        assert done or 30 < reader.clock.now - started < 100
        assert attempts < 40
    assert attempts > 3
    assert reader.signatures == told.recorded


class Breaking(FaultyTransport):
    """An endpoint that responds to 6 requests, and then only that it is overloaded."""

    def __init__(self, told: StillStory, seed: int) -> None:
        super().__init__(told.transport(), seed, rate=0)
        self._left = 6

    def send(self, body: bytes, *, timeout: float) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise HttpStatusError("503", status=503)
        return super().send(body, timeout=timeout)
