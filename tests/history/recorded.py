"""Runs on a local validator, of which every transaction and the accounts after it are kept to compare a replay with."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.errors import Json
from psyche_cli.history.execution import RunAddresses
from psyche_cli.history.records import RawTransaction
from psyche_cli.history.rows import read_raw_transaction
from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.programs import TOKEN_PROGRAM
from tests.faults.player import Player
from tests.members.conftest import StillRun
from tests.support.run_driver import Failed
from tests.support.treasury_driver import TreasuryDriver


class Kept(NamedTuple):
    """A transaction, and those accounts of the programs and of tokens that it changed: None for one that it closed."""

    signature: str
    accounts: dict[Pubkey, bytes | None]


class Keeper:
    """A listener of the bank that keeps every transaction."""

    def __init__(self, bank: Bank) -> None:
        self.kept: list[tuple[str, dict[Pubkey, bytes | None]]] = []
        self._bank = bank
        bank.listeners.append(self)

    def on_transaction(self, record: TransactionRecord) -> None:
        found: dict[Pubkey, bytes | None] = {}
        for address in record.changed:
            account = self._bank.accounts.get(address)
            if account is None or account.owner in (*PUBLISHED, TOKEN_PROGRAM):
                found[address] = None if account is None else zlib.compress(bytes(account.data), 1)
        self.kept.append((str(record.signature), found))

    def __iter__(self) -> Iterator[Kept]:
        for signature, accounts in self.kept:
            yield Kept(signature, {at: data and zlib.decompress(data) for at, data in accounts.items()})

    def on_account(self, _: object) -> None: ...
    def on_block(self, _: object) -> None: ...
    def on_restore(self) -> None: ...


class Recording(TreasuryDriver):
    """A run on a validator of its own, which keeps everything from its genesis on."""

    keeper: Keeper

    @property
    def addresses(self) -> RunAddresses:
        """The accounts of the run."""
        treasury = self.treasury
        account = str(self.instance.coordinator_account)
        return RunAddresses(account, *(() if treasury is None else (str(treasury.run), str(treasury.vault))))

    def transaction(self, signature: str) -> RawTransaction:
        """A transaction, as the validator answers getTransaction."""
        options: Json = {"commitment": "confirmed", "encoding": "base64", "maxSupportedTransactionVersion": 0}
        answer: Json = self.rpc.call("getTransaction", [signature, options], lambda result: result)
        transaction = read_raw_transaction(answer, signature, "confirmed")
        assert transaction is not None
        return transaction

    def transactions(self) -> list[RawTransaction]:
        """All transactions in order."""
        return [self.transaction(one.signature) for one in self.keeper]

    def fails(self, action: Callable[..., object], *arguments: Any, **others: Any) -> None:
        """Let an action fail in a transaction that lands."""
        try:
            action(*arguments, **others)
        except Failed:
            return
        raise AssertionError("it succeeded")


class RecordedRun(Recording, StillRun):
    """A run that the test drives."""

    def __init__(self, *, in_step: bool = False) -> None:
        StillRun.__init__(self, in_step=in_step)
        self.keeper = Keeper(self.bank)


class PlayedRun(Recording, Player):
    """A run whose owner and members act at random: some instructions fail, and some transactions have several."""

    def __init__(self, seed: str) -> None:
        still = StillRun()
        Player.__init__(self, still.bank, "test", still.owner, [], random.Random(seed))
        self.keeper = Keeper(still.bank)
        self.begin()
        self.add_members(max(4 - len(self.members), 0))
