"""A history is complete after random faults of the endpoint and kills of the sync, and nothing in it is twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from solders.pubkey import Pubkey

from psyche_cli.errors import HttpStatusError
from psyche_cli.history.decoding import decode_new
from psyche_cli.history.events import decode
from psyche_cli.localnet.chain.timekeeping import ClockMode
from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.wallet import Wallet
from tests.history.conftest import Reader, Reading
from tests.history.faulty import FaultyTransport
from tests.history.story import START, StillStory, Story

ROOT = Path(__file__).parents[2]


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


def test_kills_at_random_moments(tmp_path: Path, full: bool, request: pytest.FixtureRequest) -> None:
    wanted, chance = 100 if full else 4, random.Random(request.config.getoption("random_seed"))
    options = LocalnetOptions(rpc_port=0, slot_seconds=0, clock_mode=ClockMode("fixed", START))
    with LocalValidator(options) as validator, closing(validator.open_transport()) as transport:
        story = Story(transport, Wallet.generate())
        story.rpc.request_airdrop(story.owner.address, 10**11)
        story.tell()
        genesis_hash = str(story.rpc.genesis_hash())
        kills = attempts = folders = 0
        while kills < wanted:
            folder, longest = tmp_path / str(folders), 0.6
            folders += 1
            done = False
            while not done:
                attempts += 1
                seconds = chance.uniform(0.001, longest)
                words = (validator.rpc_url, str(folder), story.run_id, str(attempts), str(seconds))
                process = subprocess.run([sys.executable, "-m", "tests.history.killed", *words], cwd=ROOT, check=False)
                done = process.returncode == 0
                assert process.returncode in (0, -signal.SIGALRM)
                kills += not done
                if kills >= wanted:
                    break
            check(folder, story, genesis_hash)


def check(folder: Path, story: Story, genesis_hash: str) -> None:
    """Finish a history, and compare it with the validator's own record."""
    with closing(Reader(folder, story.run_id, genesis_hash)) as reader:
        reader.sync(story.rpc._transport)
        decode_new(reader.history, PUBLISHED)
        recorded = {one.signature: one.slot for address in story.addresses for one in listed(story, address)}
        transactions = list(reader.history.transactions())
        assert {one.signature: one.slot for one in transactions} == recorded
        main = [one.signature for one in reversed(listed(story, story.instance.address))]
        assert [one.signature for one in transactions if one.signature in set(main)] == main
        events = [one.event for one in reader.history.events()]
        assert events == [event for one in transactions for event in decode(one)]
        assert reader.history.totals().gaps == 0
        assert len(reader.history.incarnations()) == 3
        with reader.file.reading() as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


class Listed(NamedTuple):
    signature: str
    slot: int


def listed(story: Story, address: Pubkey) -> list[Listed]:
    """The transactions of an address, newest first, by the validator."""
    return [Listed(str(one.signature), one.slot) for one in story.rpc.signatures_for_address(address)]
