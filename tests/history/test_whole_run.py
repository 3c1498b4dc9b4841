"""The history of a run that was really played is complete, and so are its replayed states, whatever interrupts it.

The validator's own record has every transaction and the accounts after each of them. The history is read from an
endpoint that fails at random, by processes that are killed at random moments.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

from solders.pubkey import Pubkey

from psyche_cli.history.comparison import account_differences, treasury_differences
from psyche_cli.history.decoding import decode_new
from psyche_cli.history.events import decode
from psyche_cli.history.moments import TreasuryMoment
from psyche_cli.history.records import Incarnation, Place, RawTransaction
from psyche_cli.history.replay import Replay
from psyche_cli.history.states import RunStates
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.protocol.accounts.coordinator_account import decode_coordinator_account
from psyche_cli.protocol.accounts.small_accounts import decode_participant, decode_treasurer_run
from psyche_cli.protocol.accounts.token_accounts import decode_token_account
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.programs import TOKEN_PROGRAM
from psyche_cli.solana.raw_account import RawAccount
from tests.history.conftest import Reader
from tests.history.endpoint_server import FAULTS, RandomEndpoint, random_endpoint
from tests.history.recorded import Keeper
from tests.history.story import StillStory
from tests.support.counts import Loads
from tests.support.patience import PATIENCE
from tests.support.run_driver import CONFIG, Failed

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
_CONFIG = {
    **CONFIG,
    "epoch_time": 100,
    "total_steps": 10**6,
    "global_batch_size_start": 32,
    "global_batch_size_end": 64,
    "global_batch_size_warmup_tokens": 100_000,
}


class WholeStory(StillStory):
    """Two incarnations of a run without and with a treasurer, and everything that its owner and its members may do."""

    def __init__(self) -> None:
        super().__init__()
        self.keeper = Keeper(self.bank)

    def tell_at_length(self, epochs: int) -> None:
        """Both incarnations have ``epochs`` epochs; after each, the owner changes something while the run is paused."""
        self.create(_CONFIG)
        self._remember()
        self._play(epochs)
        self.close()
        self.create_with_treasurer()
        self._remember()
        self.update(config=_CONFIG)
        self.top_up(10**6)
        self._play(epochs)
        self.resume()
        self.join(0)

    def _play(self, epochs: int) -> None:
        chance = random.Random(epochs)
        self.set_rates(earning=500, slashing=10)
        for number in range(epochs):
            self.resume()
            self.join(*range(chance.randrange(1, 4)))
            self.fail_to_tick()
            if chance.random() < 0.3:
                self.pause()  # at the end of the epoch
                self.resume()
            goal = number + 1
            self.play(lambda run, goal=goal: run.account.epoch >= goal, clients=5, seed=number % 3)  # type: ignore[misc]
            self.fail_to_tick()
            self.pause_for_good()
            self._change(number, chance)

    def _change(self, number: int, chance: random.Random) -> None:
        config: dict[str, Any] = {**_CONFIG, "cooldown_time": chance.randrange(5, 9)}
        metadata = {"name": f"<b>{number}</b>", "description": "\u202e\n", "num_parameters": number, "vocab_size": 9}
        two = self.change("update", config=config), self.change("update", metadata=metadata)
        self.send(self.owner, *two[: chance.randrange(1, 3)])
        self.send(self.owner, self.change("update_client_version", new_version=f"v{number}"))
        with suppress(Failed):  # invalid
            self.update(config={**_CONFIG, "min_clients": 0})
        self.set_rates(earning=chance.randrange(1000))
        if self.mint is not None:
            self.top_up(chance.randrange(1, 500), 2)
            self.mint_into_vault(5)
            for points in (0, 1, 10**9):
                with suppress(Failed):
                    self.claim(0, points)


def test_a_whole_run(tmp_path: Path, random_seed: int, loads: Loads) -> None:
    story = WholeStory()
    story.tell_at_length(loads.of(usual=1, ci=2, full=20))
    wanted, seeds = loads.of(usual=2, ci=6, full=100), loads.of(usual=1, ci=2, full=20)
    chance, kills, folders, faults = random.Random(random_seed), 0, 0, Counter[str]()
    while kills < wanted or folders < seeds:
        folder = tmp_path / str(folders)
        with random_endpoint(story.transport(), random_seed + folders, rate=0.1) as endpoint:
            while not read(story, endpoint, folder, chance if kills < wanted else None):
                kills += 1
            faults += endpoint.faults
        check_history(story, folder, with_states=folders == 0)
        folders += 1
    if loads.level == "full":
        assert {*faults} == {*FAULTS}
        assert len(story.recorded) > 3000


def read(story: WholeStory, endpoint: RandomEndpoint, folder: Path, chance: random.Random | None) -> bool:
    """Bring a history up to date in a process that is killed at a random moment. Returns whether it had finished."""
    words = (endpoint.url, str(folder), story.run_id, str(story.rpc.genesis_hash()))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.history.killed", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "syncing\n"
        seconds = PATIENCE
        if chance is not None and chance.random() < 0.8:
            endpoint.at_request(int(10 ** chance.uniform(0, 2)), process.kill)
        elif chance is not None:
            process.stdout.readline()
            seconds = chance.uniform(0, 0.5)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.kill()
    assert process.returncode in (0, -9)
    return process.returncode == 0


def check_history(story: WholeStory, folder: Path, *, with_states: bool) -> None:
    """Finish a history, and compare it with the validator's own record."""
    with closing(Reader(folder, story.run_id, str(story.rpc.genesis_hash()))) as reader:
        reader.sync(story.transport())  # what a faulty endpoint did not return four times
        decode_new(reader.history, PUBLISHED)
        transactions = list(reader.history.transactions())
        records = [one for one in story.bank.history.records() if story.addresses.intersection(one.keys)]
        assert [*map(told, transactions)] == [*map(recorded, records)]
        events = [one.event for one in reader.history.events()]
        assert events == [event for one in transactions for event in decode(one)]
        assert reader.history.totals().gaps == 0
        incarnations = reader.history.incarnations()
        assert [one.closed_by is None for one in incarnations] == [False, True]
        with reader.file.reading() as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        if with_states:
            for incarnation in incarnations:
                check_states(story, reader, incarnation)


def told(one: RawTransaction) -> tuple[object, ...]:
    """What the history has of a transaction."""
    balances = one.lamports_before, one.lamports_after
    return one.signature, one.slot, one.block_time, one.error, one.fee, one.units, one.content, *balances, one.logs


def recorded(one: TransactionRecord) -> tuple[object, ...]:
    """The same by the validator's own record."""
    balances = one.pre_balances, one.post_balances
    signature = str(one.signature)
    return signature, one.slot, one.unix_time, one.error, one.fee, one.units, one.raw, *balances, one.logs


def check_states(story: WholeStory, reader: Reader, incarnation: Incarnation) -> None:
    """Compare the run after each transaction, byte for byte, with the accounts that the validator had then."""
    states = RunStates(reader.history, incarnation, PUBLISHED)
    account = Pubkey.from_string(incarnation.coordinator_account)
    replay = Replay(states.addresses)
    kept = {one.signature: one.accounts for one in story.keeper}
    accounts: dict[Pubkey, bytes | None] = {}
    moments = []
    for transaction in reader.history.transactions():
        accounts |= kept[transaction.signature]
        replay.add(transaction)
        assert replay.data == accounts.get(account), transaction
        if incarnation.treasurer_run is not None:
            check_treasury(story, replay.now.treasury, accounts)
        moments.append((transaction.place, replay.now))
    assert (replay.problems, replay.times) == ([], {})
    assert [*{one.transaction.place: one.after for one in states.happened()}.items()] == [
        (place, moment) for place, moment in moments if in_life(incarnation, place)
    ]
    raw = story.rpc.account(account)
    found = None if raw is None or raw.lamports == 0 else decode_coordinator_account(raw)
    assert account_differences(replay.account, found) == []


def in_life(incarnation: Incarnation, place: Place) -> bool:
    """Whether a place is between the creation of an incarnation and its end."""
    return place.slot >= (incarnation.created_slot or 0) and (
        incarnation.closed_slot is None or place.slot <= incarnation.closed_slot
    )


def check_treasury(story: WholeStory, moment: TreasuryMoment | None, accounts: Mapping[Pubkey, bytes | None]) -> None:
    """Compare the treasurer's accounts with those that the validator had."""
    treasury = story.treasury
    run = None if treasury is None else read_as(decode_treasurer_run, treasury.run, accounts, PUBLISHED.treasurer)
    assert (moment is None) == (run is None)
    if moment is None or run is None or treasury is None:
        return
    vault = read_as(decode_token_account, treasury.vault, accounts, TOKEN_PROGRAM)
    participants = {
        str(wallet.address): read_as(
            decode_participant, treasury.participant(wallet.address), accounts, PUBLISHED.treasurer
        )
        for wallet in story.members
    }
    assert vault is not None
    assert treasury_differences(moment, run, vault.amount, participants) == []


def read_as(
    decode_account: Callable[[RawAccount], T], address: Pubkey, accounts: Mapping[Pubkey, bytes | None], owner: Pubkey
) -> T | None:
    """An account that the validator had; None if it did not exist."""
    data = accounts.get(address)
    return None if data is None else decode_account(RawAccount(address, owner, 1, data))
