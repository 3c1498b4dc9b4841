"""The bank: the state of the chain, and the one place where transactions are executed.

It owns the LiteSVM. Everything that a cluster does around its VM happens here: blockhash age, duplicates, account
locks, durable nonces, slots and their sysvars, the account index, the history. Every change is recorded in the journal
before anybody can see it; one that cannot be recorded is undone. A transaction that was executed is final; there are
no forks.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from solders.account import Account
from solders.clock import Clock
from solders.hash import Hash
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction_metadata import FailedTransactionMetadata, SimulatedTransactionInfo

from psyche_cli.json_values import Json
from psyche_cli.limits import LAMPORTS_PER_SIGNATURE, MAX_ACCOUNT_LOCKS
from psyche_cli.localnet.chain.account_index import AccountIndex
from psyche_cli.localnet.chain.blockhashes import MAX_BLOCKS_AT_ONCE, Block, BlockChain
from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.localnet.chain.genesis import Genesis, create_vm, programs_last, put_account
from psyche_cli.localnet.chain.history import DEFAULT_CAPACITY, History, ProcessedMessages, TransactionRecord
from psyche_cli.localnet.chain.journal import BankState, ChainTime, Journal, NoJournal, NotRecorded
from psyche_cli.localnet.chain.known_addresses import TIME_SYSVARS
from psyche_cli.localnet.chain.loaded_keys import LoadedKeys, load_keys
from psyche_cli.localnet.chain.nonces import nonce_is_current, used_up
from psyche_cli.localnet.chain.outcomes import inner_instructions, return_data, token_balances, transaction_error
from psyche_cli.localnet.chain.rent import may_become, rent_error
from psyche_cli.localnet.chain.timekeeping import Timekeeper
from psyche_cli.localnet.chain.token_state import TOKEN_PROGRAMS, mint_of
from psyche_cli.solana.programs import SYSTEM_PROGRAM, SYSVAR_OWNER

_NEVER_EXECUTED: Final = Signature.default()
_NO_ACCOUNT: Final = Account(0, b"", SYSTEM_PROGRAM)


class TransactionRejected(Exception):
    """A transaction that is not executed and costs nothing. ``error`` is the cluster's transaction error as JSON."""

    def __init__(self, error: Json) -> None:
        super().__init__(str(error))
        self.error = error


class BankListener(Protocol):
    """Listener for bank events, called right after each event."""

    def on_transaction(self, record: TransactionRecord) -> None:
        """A transaction was executed."""
        ...

    def on_account(self, address: Pubkey) -> None:
        """An account was written without a transaction."""
        ...

    def on_block(self, block: Block) -> None:
        """A slot began."""
        ...

    def on_restore(self) -> None:
        """An earlier state was restored; every changed account was reported before."""
        ...


@dataclass(frozen=True)
class Simulation:
    """What a transaction would do. ``accounts`` are the written ones afterwards; empty after an error."""

    error: Json
    logs: tuple[str, ...]
    units: int
    return_data: Json
    inner_instructions: Json
    accounts: dict[Pubkey, Account]


class Bank:
    """One chain. To be used by one thread."""

    def __init__(
        self,
        genesis: Genesis,
        timekeeper: Timekeeper,
        *,
        first_slot: int = 1,
        first_height: int = 1,
        history_capacity: int = DEFAULT_CAPACITY,
    ) -> None:
        self.genesis = genesis
        self.timekeeper = timekeeper
        self.listeners: list[BankListener] = []
        self.journal: Journal = NoJournal()
        self.history = History(history_capacity)
        self._processed = ProcessedMessages()
        self._vm: LiteSVM
        self.accounts: AccountIndex
        self._vm, self.accounts = create_vm(genesis)
        self._first_slot = first_slot
        self._slots_due_at_start = timekeeper.slots_due()
        self.chain = BlockChain(
            genesis.blockhash, timekeeper.unix_time(), slot=max(first_slot, 1) - 1, height=max(first_height, 1) - 1
        )
        self.chain.append(max(first_slot, 1), timekeeper.unix_time())
        self.epoch_schedule = self._vm.get_epoch_schedule()
        self._set_sysvars()
        self.at_genesis = self.save()

    # -- time

    @property
    def slot(self) -> int:
        """The current slot."""
        return self.chain.tip.slot

    @property
    def time(self) -> ChainTime:
        """Where the chain is."""
        tip = self.chain.tip
        return ChainTime(tip.slot, tip.height, tip.unix_time, self.timekeeper.warped_seconds)

    def catch_up(self, *, back_in_time: bool = False) -> None:
        """Begin the slots that are due. Called before every request and, by the server, every slot.

        While the journal cannot record, slots stand still.
        """
        with suppress(NotRecorded):
            self._advance(back_in_time=back_in_time)

    def warp_seconds(self, seconds: int) -> None:
        """Let so many seconds pass at once, and the slots that fit into them, at least one. Raises NotRecorded."""
        self._warp(seconds=seconds, slots=1 if self.timekeeper.slots_in(seconds) == 0 else 0)

    def warp_slots(self, slots: int) -> None:
        """Let so many slots pass at once; the time stays. Raises NotRecorded."""
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

    def _time_due(self) -> ChainTime:
        """Where the chain should be by now."""
        tip = self.chain.tip
        slot = max(tip.slot, self._first_slot + self.timekeeper.slots_due() - self._slots_due_at_start)
        return ChainTime(
            slot,
            tip.height + min(slot - tip.slot, MAX_BLOCKS_AT_ONCE),
            self.timekeeper.unix_time(),
            self.timekeeper.warped_seconds,
        )

    def _advance(self, *, back_in_time: bool = False) -> None:
        due = self._time_due()
        if due.slot == self.slot and self.journal.problem is None:
            return
        self.journal.advance(due)
        for slot in range(due.slot - (due.height - self.chain.tip.height) + 1, due.slot + 1):
            self._processed.forget(self.chain.append(slot, due.unix_time, back_in_time=back_in_time))
            for listener in self.listeners:
                listener.on_block(self.chain.tip)
        self._set_sysvars()

    def _set_sysvars(self) -> None:
        tip = self.chain.tip
        epoch = self.epoch_schedule.get_epoch(tip.slot)
        self._vm.set_clock(
            Clock(
                slot=tip.slot,
                epoch_start_timestamp=tip.unix_time,
                epoch=epoch,
                leader_schedule_epoch=epoch + 1,
                unix_timestamp=tip.unix_time,
            )
        )
        self._vm.set_slot_hashes(self.chain.slot_hashes())

    # -- reading

    def account(self, address: Pubkey) -> Account | None:
        """The account, or None when there is none; one without lamports is none."""
        account = self._vm.get_account(address)
        return account if account is not None and account.lamports else None

    def balance(self, address: Pubkey) -> int:
        """Lamports of an account, 0 when there is none."""
        return self._vm.get_balance(address) or 0

    def rent_exempt_minimum(self, size: int) -> int:
        """Lamports that an account of ``size`` bytes must hold."""
        return self._vm.minimum_balance_for_rent_exemption(size)

    def mint_decimals(self, mint: Pubkey) -> int | None:
        """Decimal places of an SPL mint; None when there is no such mint."""
        account = self.account(mint)
        found = None if account is None else mint_of(account)
        return None if found is None else found.decimals

    # -- writing

    def set_account(self, address: Pubkey, account: Account) -> None:
        """Create, overwrite or (with 0 lamports) remove an account, bypassing all program rules.

        Raises AccountRefused for a program or a sysvar that the VM cannot use, NotRecorded.
        """
        before = self.account(address)
        self._put(address, account)
        try:
            self.journal.account(address, self.account(address))
        except BaseException:
            self._put(address, before or _NO_ACCOUNT)
            raise
        self._announce(address)
        self.journal.settle()

    def _put(self, address: Pubkey, account: Account) -> None:
        put_account(self._vm, address, account if account.lamports else _NO_ACCOUNT)
        self.accounts.record(address, account.owner if account.lamports else None)

    def _announce(self, address: Pubkey) -> None:
        for listener in self.listeners:
            listener.on_account(address)

    def save(self) -> BankState:
        """The present state, for ``restore``."""
        accounts = {}
        for address in self.accounts.addresses():
            account = self.account(address)
            if account is not None and address not in TIME_SYSVARS:
                accounts[address] = account
        return BankState(
            accounts=accounts,
            records=tuple(self.history.records()),
            total=self.history.total,
            processed=self._processed.copy(),
            warped_seconds=self.timekeeper.warped_seconds,
        )

    def restore(self, state: BankState, *, keep_programs: bool = False) -> None:
        """Go back to a saved state: accounts, history, warped time. Slots and blockhashes go on, in a new slot.

        With ``keep_programs``, programs of which the state says nothing stay. Raises NotRecorded.
        """
        before = self.timekeeper.warped
        self.timekeeper.unwarp_time(state.warped_seconds)
        self.timekeeper.warp_slots(1)
        try:
            self.journal.replace(state, self._time_due())
        except BaseException:
            self.timekeeper.warped = before
            raise
        for address in [*self.accounts.addresses()]:
            if address in state.accounts or self.accounts.owner_of(address) == SYSVAR_OWNER:
                continue
            account = self.account(address)
            if not (keep_programs and account is not None and account.executable):
                self._put(address, _NO_ACCOUNT)
                self._announce(address)
        for address, account in programs_last(state.accounts):
            if address not in TIME_SYSVARS and self.account(address) != account:
                self._put(address, account)
                self._announce(address)
        self.history.replace(state.records, state.total)
        self._processed = state.processed.copy()
        self.catch_up(back_in_time=True)
        for listener in self.listeners:
            listener.on_restore()

    def check(self, transaction: DecodedTransaction) -> None:
        """Refuse what a cluster refuses before execution, signatures excepted. Raises TransactionRejected."""
        keys = self.load_keys(transaction).keys
        if len(keys) > MAX_ACCOUNT_LOCKS:
            raise TransactionRejected("TooManyAccountLocks")
        if len(set(keys)) < len(keys):
            raise TransactionRejected("AccountLoadedTwice")
        if not self.may_land(transaction):
            raise TransactionRejected("BlockhashNotFound")
        if transaction in self._processed:
            raise TransactionRejected("AlreadyProcessed")
        payer = self.account(keys[0])
        fee = LAMPORTS_PER_SIGNATURE * transaction.message.header.num_required_signatures
        if (
            payer is not None
            and payer.lamports >= fee
            and not may_become(payer, payer.lamports - fee, len(payer.data), self.rent_exempt_minimum)
        ):
            raise TransactionRejected({"InsufficientFundsForRent": {"account_index": 0}})

    def may_land(self, transaction: DecodedTransaction) -> bool:
        """Whether its blockhash is young enough, or is the current value of the nonce account that it advances."""
        if self.chain.is_usable(transaction.recent_blockhash):
            return True
        nonce = transaction.nonce_account
        return nonce is not None and nonce_is_current(transaction, self.account(nonce))

    def execute(self, transaction: DecodedTransaction) -> TransactionRecord:
        """Check and execute a transaction; its record says whether it succeeded.

        Raises TransactionRejected, or NotRecorded, and then nothing has changed.
        """
        self.check(transaction)
        loaded = self.load_keys(transaction)
        keys, writable = loaded.keys, loaded.writable
        tokens = [key for key in keys if key not in writable and self.accounts.owner_of(key) in TOKEN_PROGRAMS]
        before = {key: self.account(key) for key in (*writable, *tokens)}
        pre_balances = [self.balance(key) for key in keys]

        result = self._vm.send_transaction(transaction.versioned)
        failed = isinstance(result, FailedTransactionMetadata)
        meta = result.meta() if isinstance(result, FailedTransactionMetadata) else result
        error = None
        if isinstance(result, FailedTransactionMetadata):
            error = transaction_error(result, transaction, self.account)
        if failed and meta.signature() == _NEVER_EXECUTED:
            raise TransactionRejected(error)
        if error is None:
            error = rent_error(keys, before, {key: self.account(key) for key in writable}, self.rent_exempt_minimum)
            if error is not None:
                self._restore_accounts(before, writable)
                self._charge(keys[0], LAMPORTS_PER_SIGNATURE * transaction.message.header.num_required_signatures)
        by_nonce = not self.chain.is_usable(transaction.recent_blockhash)
        if by_nonce and error is not None and transaction.nonce_account is not None:
            self._use_nonce_up(transaction.nonce_account, transaction.recent_blockhash)

        after = {key: self._settled(key) for key in writable}
        post_balances = [self.balance(key) for key in keys]
        tip = self.chain.tip
        record = TransactionRecord(
            signature=transaction.signature,
            raw=transaction.raw,
            slot=tip.slot,
            unix_time=tip.unix_time,
            keys=keys,
            looked_up_writable=loaded.looked_up_writable,
            looked_up_readonly=loaded.looked_up_readonly,
            error=error,
            # Programs move lamports about, only the fee leaves.
            fee=sum(pre_balances) - sum(post_balances),
            pre_balances=tuple(pre_balances),
            post_balances=tuple(post_balances),
            pre_token_balances=token_balances(keys, before, self.mint_decimals),
            post_token_balances=token_balances(keys, {**before, **after}, self.mint_decimals),
            logs=tuple(meta.logs()),
            inner_instructions=inner_instructions(meta),
            units=meta.compute_units_consumed(),
            return_data=return_data(meta),
            changed=tuple(key for key in writable if before[key] != after[key]),
        )
        try:
            self.journal.transaction(record, {key: after[key] for key in record.changed})
        except BaseException:
            self._restore_accounts(before, writable)
            raise
        for key in writable:
            account = after[key]
            self.accounts.record(key, account.owner if account is not None else None)
        if not by_nonce:
            self._processed.add(transaction)
        self.history.add(record)
        for listener in self.listeners:
            listener.on_transaction(record)
        self.journal.settle()
        return record

    def simulate(self, transaction: DecodedTransaction) -> Simulation:
        """Execute a transaction on the current state and forget it. Blockhash and duplicates are not checked."""
        result = self._vm.simulate_transaction(transaction.versioned)
        meta = result.meta()
        accounts: dict[Pubkey, Account] = {}
        error: Json = None
        if isinstance(result, SimulatedTransactionInfo):
            accounts = dict(result.post_accounts())
            keys = self.load_keys(transaction).keys
            before = {key: self.account(key) for key in accounts}
            after = {key: account if account.lamports else None for key, account in accounts.items()}
            error = rent_error(keys, before, after, self.rent_exempt_minimum)
        else:
            error = transaction_error(result, transaction, self.account)
        return Simulation(
            error=error,
            logs=tuple(meta.logs()),
            units=meta.compute_units_consumed(),
            return_data=return_data(meta),
            inner_instructions=inner_instructions(meta),
            accounts={} if error is not None else accounts,
        )

    def load_keys(self, transaction: DecodedTransaction) -> LoadedKeys:
        """All accounts of a transaction, those of look-up tables included."""
        return load_keys(transaction, self.account)

    # -- parts of an execution

    def _settled(self, address: Pubkey) -> Account | None:
        """An account after a transaction. One left without lamports loses its data and owner, as on a cluster."""
        account = self._vm.get_account(address)
        if account is None or account.lamports:
            return account
        if account.data or account.owner != SYSTEM_PROGRAM:
            self._vm.set_account(address, _NO_ACCOUNT)
        return None

    def _restore_accounts(self, before: dict[Pubkey, Account | None], written: tuple[Pubkey, ...]) -> None:
        """Undo what the VM did to the accounts that a transaction may write."""
        for key in written:
            if self.account(key) != before[key]:
                self._vm.set_account(key, before[key] or _NO_ACCOUNT)

    def _charge(self, payer: Pubkey, fee: int) -> None:
        """Take a fee of so many lamports."""
        account = self.account(payer)
        if account is not None:
            self._vm.set_account(payer, Account(account.lamports - fee, account.data, account.owner))

    def _use_nonce_up(self, address: Pubkey, used: Hash) -> None:
        """Advance a nonce although its transaction failed: LiteSVM rolls the advance back with the rest."""
        account = self._vm.get_account(address)
        if account is not None:
            self._vm.set_account(address, used_up(account, used))
