"""The sysvars that follow the time of the chain, and the votes of its validator."""

from __future__ import annotations

from typing import Final

from solders.clock import Clock
from solders.epoch_schedule import EpochSchedule
from solders.litesvm import LiteSVM

from psyche_cli.localnet.chain.blockhashes import BlockChain
from psyche_cli.localnet.chain.cluster_identity import VOTE_ACCOUNT, vote_account, votes_for
from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.solana.programs import (
    ASSOCIATED_TOKEN_PROGRAM,
    COMPUTE_BUDGET_PROGRAM,
    MEMO_PROGRAMS,
    SYSTEM_PROGRAM,
    TOKEN_PROGRAM,
)

_NEVER_LOOK: Final = frozenset(
    {SYSTEM_PROGRAM, COMPUTE_BUDGET_PROGRAM, TOKEN_PROGRAM, ASSOCIATED_TOKEN_PROGRAM, *MEMO_PROGRAMS}
)
"""Programs that read no slot hashes, nor call a program that might."""


class TimeSysvars:
    """The Clock, set in each slot, and SlotHashes, set when it may be read: it takes fifty times as long.

    With SlotHashes, the vote account of the validator is set, which is not recorded: it follows from the time.
    """

    def __init__(self, vm: LiteSVM, chain: BlockChain, schedule: EpochSchedule) -> None:
        self._vm = vm
        self._chain = chain
        self._schedule = schedule
        self._epoch: int | None = None
        self._epoch_began = 0
        self._stale = True

    def begin_slot(self) -> None:
        """Set the Clock for the slot at the tip of the chain."""
        tip = self._chain.tip
        epoch = self._schedule.get_epoch(tip.slot)
        if epoch != self._epoch:
            self._epoch, self._epoch_began = epoch, tip.unix_time
        self._vm.set_clock(
            Clock(
                slot=tip.slot,
                epoch_start_timestamp=min(self._epoch_began, tip.unix_time),
                epoch=epoch,
                leader_schedule_epoch=epoch + 1,
                unix_timestamp=tip.unix_time,
            )
        )
        self._stale = True

    def prepare(self, transaction: DecodedTransaction) -> None:
        """Set SlotHashes if the transaction may read it."""
        if self._stale and not (_NEVER_LOOK.issuperset(transaction.programs) and not transaction.lookups):
            self.complete()

    def complete(self) -> None:
        """Set SlotHashes and the vote account if they do not contain the newest slots."""
        if self._stale:
            self._vm.set_slot_hashes(self._chain.slot_hashes())
            if lamports := self._vm.get_balance(VOTE_ACCOUNT):
                votes = votes_for(self._chain, self._schedule)
                self._vm.set_account(VOTE_ACCOUNT, vote_account(lamports, votes))
            self._stale = False
