"""The bank: the state of the chain and all changes to it.

It owns the LiteSVM, the blocks, the accounts and the history, and keeps them consistent with the time. Every change is
recorded in the journal before it becomes visible; a change that cannot be recorded is undone. An executed transaction
is final; there are no forks.
"""

from __future__ import annotations

from contextlib import suppress

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.archive import Archive
from psyche_cli.localnet.chain.bank_listener import BankListener
from psyche_cli.localnet.chain.blockhashes import MAX_BLOCKS_AT_ONCE, Block, BlockChain
from psyche_cli.localnet.chain.cluster_identity import IDENTITY
from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.localnet.chain.executor import Executor
from psyche_cli.localnet.chain.genesis import Genesis, create_vm, programs_last
from psyche_cli.localnet.chain.history import DEFAULT_CAPACITY, History, TransactionRecord
from psyche_cli.localnet.chain.journal import ChainTime, Journal, NoJournal, NotRecorded
from psyche_cli.localnet.chain.known_addresses import TIME_SYSVARS
from psyche_cli.localnet.chain.loaded_keys import LoadedKeys
from psyche_cli.localnet.chain.simulation import Simulation
from psyche_cli.localnet.chain.slot_ends import SOON_SECONDS, EarlySlotEnds, Urgency
from psyche_cli.localnet.chain.snapshots import AccountSnapshots, Contents, Snapshot
from psyche_cli.localnet.chain.stored_accounts import StoredAccounts
from psyche_cli.localnet.chain.sysvars import TimeSysvars
from psyche_cli.localnet.chain.timekeeping import Timekeeper
from psyche_cli.localnet.chain.unseen_landings import UnseenLandings


class PreflightFailed(Exception):
    """A transaction failed and was undone; ``record`` says how."""

    def __init__(self, record: TransactionRecord) -> None:
        super().__init__(str(record.error))
        self.record = record


class Bank:
    """One chain. Not thread-safe."""

    def __init__(
        self,
        genesis: Genesis,
        timekeeper: Timekeeper,
        *,
        first_slot: int = 1,
        first_height: int = 1,
        history_capacity: int = DEFAULT_CAPACITY,
        archive: Archive | None = None,
    ) -> None:
        self.genesis = genesis
        self.timekeeper = timekeeper
        self.listeners: list[BankListener] = []
        self.journal: Journal = NoJournal()
        self.history = History(history_capacity, archive)
        self._vm, self.accounts = create_vm(genesis)
        self._first_slot = first_slot
        self._slots_due_at_start = timekeeper.slots_due()
        self.chain = BlockChain(
            genesis.blockhash,
            timekeeper.unix_time(),
            slot=max(first_slot, 1) - 1,
            height=max(first_height, 1) - 1,
        )
        self.chain.append(max(first_slot, 1), timekeeper.unix_time())
        self.epoch_schedule = self._vm.get_epoch_schedule()
        self._sysvars = TimeSysvars(self._vm, self.chain, self.epoch_schedule)
        self._sysvars.begin_slot()
        self.accounts.before_reading_time = self._sysvars.complete
        self.executor = Executor(self._vm, self.accounts, self.chain, self.history, self._sysvars.prepare)
        self._early_ends = EarlySlotEnds(timekeeper)
        self.unseen = UnseenLandings(timekeeper.clock)
        self._closed_slot = -1
        self._leader_earned = False
        self.stored = StoredAccounts(self.accounts, genesis)
        self._account_snapshots = AccountSnapshots()
        self._snapshots: dict[int, Snapshot] = {}
        self.at_genesis = self.save()

    @property
    def slot(self) -> int:
        """The current slot."""
        return self.chain.tip.slot

    @property
    def first_available_slot(self) -> int:
        """The slot from which all transactions are stored; slots without a transaction may have no block."""
        oldest = self.history.oldest
        return 0 if self.history.is_complete or oldest is None else min(oldest.slot + 1, self.slot)

    def block(self, slot: int) -> Block | None:
        """The block of a slot, which is stored if it is recent or has a stored transaction."""
        return self.chain.block(slot) or self.history.block(slot)

    def slots(self, first: int, last: int) -> list[int]:
        """The slots with stored blocks from ``first`` to ``last``, both inclusive."""
        older = self.history.slots(first, min(last, self.chain.oldest_slot - 1))
        return older + self.chain.slots(first, last)

    @property
    def time(self) -> ChainTime:
        """The current time of the chain."""
        tip = self.chain.tip
        return ChainTime(tip.slot, tip.height, tip.unix_time, self.timekeeper.warped_seconds)

    def catch_up(self, *, back_in_time: bool = False) -> None:
        """Begin the slots that are due. Called before every request and, by the server, every slot.

        While the journal cannot record, slots do not advance.
        """
        with suppress(NotRecorded):
            self._advance(back_in_time=back_in_time)
        if self._early_ends.is_due():
            self._end_slot()

    @property
    def seconds_to_catch_up(self) -> float:
        """The seconds after which ``catch_up`` should be called again, if no request calls it before."""
        return min(self.timekeeper.seconds_to_next_slot(), SOON_SECONDS)

    def end_slot_if_used(self, urgency: Urgency = Urgency.USEFUL) -> None:
        """End the slot if a transaction with its blockhash has landed, so that the latest blockhash is a new one.

        If too many slots have ended early, or the journal cannot record, the slot stays.
        """
        if self.executor.processed.uses(self.chain.tip.blockhash) and (
            self._closed_slot == self.slot or self._early_ends.take(urgency)
        ):
            self._end_slot()

    def close_block(self, slot: int) -> bool:
        """Before the block of a slot is read, make sure that no transaction lands in it any more.

        False for the current slot if too many slots have ended early: its block is not available yet.
        """
        if slot == self.slot != self._closed_slot:
            has_transactions = self.history.block(slot) is not None
            if not self._early_ends.take(Urgency.READ if has_transactions else Urgency.USEFUL):
                return False
            self._closed_slot = slot
        return True

    def _end_slot(self) -> None:
        with suppress(NotRecorded):
            self.warp_slots(1)

    def _reach_slot_for(self, transaction: DecodedTransaction) -> LoadedKeys:
        """End the slot if it is closed, or if the transaction needs a later one. The accounts of the transaction."""
        loaded = self.executor.load_keys(transaction)
        if self._closed_slot == self.slot or (
            self.executor.needs_later_slot(transaction, loaded) and self._early_ends.take(Urgency.NECESSARY)
        ):
            self._end_slot()
        return loaded

    def warp_seconds(self, seconds: int) -> None:
        """Advance the clock, and the slot by as many slots as fit into this time, at least one. Raises NotRecorded."""
        self._warp(seconds=seconds, slots=1 if self.timekeeper.slots_in(seconds) == 0 else 0)

    def warp_slots(self, slots: int) -> None:
        """Advance the slot without advancing the clock. Raises NotRecorded."""
        self._warp(seconds=0, slots=slots)

    def _warp(self, *, seconds: int, slots: int) -> None:
        before = self.timekeeper.warped
        self.timekeeper.warp_seconds(seconds)
        self.timekeeper.warp_slots(slots)
        try:
            self._advance()
        except NotRecorded:
            self.timekeeper.warped = before
            raise

    def _slot_due(self) -> int:
        """The slot that the chain should have reached by now."""
        return max(self.slot, self._first_slot + self.timekeeper.slots_due() - self._slots_due_at_start)

    def _time_due(self) -> ChainTime:
        """The time that the chain should have reached by now."""
        tip, slot = self.chain.tip, self._slot_due()
        return ChainTime(
            slot,
            tip.height + min(slot - tip.slot, MAX_BLOCKS_AT_ONCE),
            self.timekeeper.unix_time(),
            self.timekeeper.warped_seconds,
        )

    def _advance(self, *, back_in_time: bool = False) -> None:
        if self._slot_due() == self.slot and self.journal.problem is None:
            return
        due = self._time_due()
        self.journal.advance(due)
        for slot in range(due.slot - (due.height - self.chain.tip.height) + 1, due.slot + 1):
            self.executor.processed.forget(self.chain.append(slot, due.unix_time, back_in_time=back_in_time))
            for listener in self.listeners:
                listener.on_block(self.chain.tip)
        if self._leader_earned:
            self._leader_earned = False
            self._announce(IDENTITY)
        self._sysvars.begin_slot()
        self._early_ends.on_slot()

    def set_account(self, address: Pubkey, account: Account) -> None:
        """Create, overwrite or (with 0 lamports) remove an account, bypassing all program rules.

        Raises AccountRefused for a program or a sysvar that the VM rejects, NotRecorded.
        """
        before = self.accounts.get(address)
        self.accounts.put(address, account)
        try:
            self.journal.account(address, self.accounts.get(address))
        except BaseException:
            self.accounts.put(address, before)
            raise
        self._account_snapshots.changed(address, before, self.accounts.get(address))
        self._announce(address)

    def _announce(self, address: Pubkey) -> None:
        for listener in self.listeners:
            listener.on_account(address)

    def save(self) -> Snapshot:
        """Take a snapshot of the current state, for ``restore``."""
        number = self._account_snapshots.take()
        snapshot = Snapshot(number, self.history.mark(), self.timekeeper.warped_seconds)
        self._snapshots[number] = snapshot
        return snapshot

    def drop(self, snapshot: Snapshot) -> None:
        """Forget a snapshot other than ``at_genesis``."""
        self._account_snapshots.drop(snapshot.number)
        del self._snapshots[snapshot.number]
        self._remove_unseen_history()

    def _remove_unseen_history(self) -> None:
        self.history.retain(snapshot.history for snapshot in self._snapshots.values())

    def restore(self, snapshot: Snapshot) -> None:
        """Restore a snapshot: accounts, history, warped time. Slots and blockhashes continue with a new slot.

        Takes time for the accounts that were changed since. Raises NotRecorded.
        """
        contents = self._account_snapshots.contents(snapshot.number)
        changes = {address: account for address, account in contents.items() if self.accounts.get(address) != account}
        before = self.timekeeper.warped
        self.timekeeper.unwarp_time(snapshot.warped_seconds)
        self.timekeeper.warp_slots(1)
        try:
            self.journal.restore(changes, snapshot.history, self._time_due())
        except BaseException:
            self.timekeeper.warped = before
            raise
        self._write(changes)
        self._account_snapshots.restored(contents, self.accounts.get)
        self.unseen.clear()
        self.history.restore(snapshot.history)
        self._remove_unseen_history()
        self.catch_up(back_in_time=True)
        for listener in self.listeners:
            listener.on_restore()

    def simulate(self, transaction: DecodedTransaction) -> Simulation:
        """Check and execute a transaction without effects."""
        return self.executor.simulate(transaction, self._reach_slot_for(transaction))

    def _write(self, changes: Contents) -> None:
        removed = [address for address, account in changes.items() if account is None]
        written = programs_last({address: account for address, account in changes.items() if account is not None})
        for address, account in [*((address, None) for address in removed), *written]:
            before = self.accounts.get(address)
            self.accounts.put(address, account)
            self._account_snapshots.changed(address, before, account)
            self._announce(address)

    def resume(self, accounts: Contents, warped_seconds: int) -> None:
        """Continue a stored chain: set its accounts, and remove those of genesis that it does not contain.

        Programs that every start loads are kept, unless it contains them with another content or None.
        """
        self.timekeeper.unwarp_time(warped_seconds)
        self.timekeeper.warp_slots(1)
        changed: Contents = {
            address: account
            for address, account in accounts.items()
            if address not in TIME_SYSVARS and self.accounts.get(address) != account
        }
        self._write({**self.stored.absent_from(accounts), **changed})
        self.catch_up(back_in_time=True)

    def execute(self, transaction: DecodedTransaction, *, preflight: bool = False) -> TransactionRecord:
        """Check and execute a transaction; its record contains the outcome.

        Raises TransactionRejected or NotRecorded and, with ``preflight``, PreflightFailed if the transaction fails; in
        each case nothing has changed.
        """
        execution = self.executor.execute(transaction, self._reach_slot_for(transaction))
        record = execution.record
        if preflight and record.error is not None:
            self.executor.undo(execution)
            raise PreflightFailed(record)
        try:
            self.journal.transaction(self.history.next_number, record, self.chain.tip, execution.changes)
        except BaseException:
            self.executor.undo(execution)
            raise
        self.executor.keep(execution)
        for key, account in execution.changes.items():
            self._account_snapshots.changed(key, execution.before[key], account)
        self._leader_earned = self._leader_earned or record.leader_reward > 0
        self.history.add(record, self.chain.tip)
        self._early_ends.on_landing()
        self.unseen.add(record)
        for listener in self.listeners:
            listener.on_transaction(record)
        return record
