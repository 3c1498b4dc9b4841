"""The bank: the state of the chain, and the one place where transactions are executed.

It owns the LiteSVM. Everything that a cluster does around its VM happens here: blockhash age, duplicates, account
locks, durable nonces, slots and their sysvars, the account index, the history. A transaction that was executed is
final; there are no forks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from solders.account import Account
from solders.clock import Clock
from solders.hash import Hash
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction_metadata import FailedTransactionMetadata, SimulatedTransactionInfo

from psyche_cli.localnet.account_index import AccountIndex
from psyche_cli.localnet.blockhashes import MAX_BLOCKS_AT_ONCE, Block, BlockChain
from psyche_cli.localnet.genesis import Genesis, create_vm, programs_last, put_account
from psyche_cli.localnet.history import DEFAULT_CAPACITY, History, ProcessedMessages, TransactionRecord
from psyche_cli.localnet.known_addresses import SYSTEM_PROGRAM, SYSVAR_OWNER
from psyche_cli.localnet.loaded_keys import LoadedKeys, load_keys
from psyche_cli.localnet.nonces import nonce_is_current, used_up
from psyche_cli.localnet.outcomes import inner_instructions, return_data, token_balances, transaction_error
from psyche_cli.localnet.parsed_accounts import TOKEN_PROGRAMS, is_mint, mint_decimals
from psyche_cli.localnet.rent import may_become, rent_error
from psyche_cli.localnet.rpc_fault import Json
from psyche_cli.localnet.timekeeping import Timekeeper
from psyche_cli.localnet.wire import MAX_ACCOUNT_LOCKS, WireTransaction

LAMPORTS_PER_SIGNATURE: Final = 5000
_NEVER_EXECUTED: Final = Signature.default()


class TransactionRejected(Exception):
    """A transaction that is not executed and costs nothing. ``error`` is the cluster's transaction error as JSON."""

    def __init__(self, error: Json) -> None:
        super().__init__(str(error))
        self.error = error


class BankListener(Protocol):
    """Whoever is told what happens, right after it happened."""

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
        """An earlier state was restored; every account that is different now was told before."""
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


@dataclass(frozen=True)
class BankState:
    """Everything that ``Bank.restore`` brings back. Sysvars are not in ``accounts``: time makes them."""

    accounts: dict[Pubkey, Account]
    records: tuple[TransactionRecord, ...]
    total: int
    processed: ProcessedMessages
    warped_seconds: int


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

    def catch_up(self, *, back_in_time: bool = False) -> None:
        """Begin the slots that are due. Called before every request and, by the server, every slot."""
        due = self._first_slot + self.timekeeper.slots_due() - self._slots_due_at_start
        if due <= self.slot:
            return
        now = self.timekeeper.unix_time()
        for slot in range(max(self.slot + 1, due - MAX_BLOCKS_AT_ONCE + 1), due + 1):
            self._processed.forget(self.chain.append(slot, now, back_in_time=back_in_time))
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
        return mint_decimals(account.data) if account is not None and is_mint(account) else None

    # -- writing

    def set_account(self, address: Pubkey, account: Account) -> None:
        """Create, overwrite or (with 0 lamports) remove an account, past all rules.

        Raises AccountRefused for a program or a sysvar that the VM cannot use.
        """
        put_account(self._vm, address, account if account.lamports else Account(0, b"", SYSTEM_PROGRAM))
        self.accounts.record(address, account.owner if account.lamports else None)
        for listener in self.listeners:
            listener.on_account(address)

    def save(self) -> BankState:
        """The present state, for ``restore``."""
        accounts = {}
        for address in self.accounts.addresses():
            account = self.account(address)
            if account is not None and account.owner != SYSVAR_OWNER:
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

        With ``keep_programs``, programs of which the state says nothing stay.
        """
        for address in [*self.accounts.addresses()]:
            if address in state.accounts or self.accounts.owner_of(address) == SYSVAR_OWNER:
                continue
            account = self.account(address)
            if not (keep_programs and account is not None and account.executable):
                self.set_account(address, Account(0, b"", SYSTEM_PROGRAM))
        for address, account in programs_last(state.accounts):
            if self.account(address) != account:
                self.set_account(address, account)
        self.history.replace(state.records, state.total)
        self._processed = state.processed.copy()
        self.timekeeper.unwarp_time(state.warped_seconds)
        self.timekeeper.warp_slots(1)
        self.catch_up(back_in_time=True)
        for listener in self.listeners:
            listener.on_restore()

    def check(self, wire: WireTransaction, *, any_blockhash: bool = False) -> None:
        """Refuse what a cluster refuses before execution, signatures excepted. Raises TransactionRejected.

        With ``any_blockhash``, neither the age of its blockhash nor a former execution speaks against it.
        """
        keys = self.load_keys(wire).keys
        if len(keys) > MAX_ACCOUNT_LOCKS:
            raise TransactionRejected("TooManyAccountLocks")
        if len(set(keys)) < len(keys):
            raise TransactionRejected("AccountLoadedTwice")
        if not any_blockhash:
            if not self.may_land(wire):
                raise TransactionRejected("BlockhashNotFound")
            if wire in self._processed:
                raise TransactionRejected("AlreadyProcessed")
        payer = self.account(keys[0])
        fee = LAMPORTS_PER_SIGNATURE * wire.message.header.num_required_signatures
        if (
            payer is not None
            and payer.lamports >= fee
            and not may_become(payer, payer.lamports - fee, len(payer.data), self.rent_exempt_minimum)
        ):
            raise TransactionRejected({"InsufficientFundsForRent": {"account_index": 0}})

    def may_land(self, wire: WireTransaction) -> bool:
        """Whether its blockhash is young enough, or is the current value of the nonce account that it advances."""
        if self.chain.is_usable(wire.recent_blockhash):
            return True
        nonce = wire.nonce_account
        return nonce is not None and nonce_is_current(wire, self.account(nonce))

    def execute(self, wire: WireTransaction) -> TransactionRecord:
        """Check and execute a transaction; its record says whether it succeeded. Raises TransactionRejected."""
        self.check(wire)
        loaded = self.load_keys(wire)
        keys, writable = loaded.keys, loaded.writable
        tokens = [key for key in keys if key not in writable and self.accounts.owner_of(key) in TOKEN_PROGRAMS]
        before = {key: self.account(key) for key in (*writable, *tokens)}
        pre_balances = [self.balance(key) for key in keys]

        result = self._vm.send_transaction(wire.transaction)
        failed = isinstance(result, FailedTransactionMetadata)
        meta = result.meta() if isinstance(result, FailedTransactionMetadata) else result
        error = transaction_error(result, wire, self.account) if isinstance(result, FailedTransactionMetadata) else None
        if failed and meta.signature() == _NEVER_EXECUTED:
            raise TransactionRejected(error)
        if error is None:
            error = rent_error(keys, before, {key: self.account(key) for key in writable}, self.rent_exempt_minimum)
            if error is not None:
                self._roll_back(keys[0], before, writable, wire)
        by_nonce = not self.chain.is_usable(wire.recent_blockhash)
        if by_nonce and error is not None and wire.nonce_account is not None:
            self._use_nonce_up(wire.nonce_account, wire.recent_blockhash)

        after = {key: self._settled(key) for key in writable}
        post_balances = [self.balance(key) for key in keys]
        for key in writable:
            account = after[key]
            self.accounts.record(key, account.owner if account is not None else None)
        tip = self.chain.tip
        record = TransactionRecord(
            signature=wire.signature,
            raw=wire.raw,
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
        if not by_nonce:
            self._processed.add(wire)
        self.history.add(record)
        for listener in self.listeners:
            listener.on_transaction(record)
        return record

    def simulate(self, wire: WireTransaction) -> Simulation:
        """Execute a transaction on the current state and forget it. Blockhash and duplicates are not checked."""
        result = self._vm.simulate_transaction(wire.transaction)
        meta = result.meta()
        accounts: dict[Pubkey, Account] = {}
        error: Json = None
        if isinstance(result, SimulatedTransactionInfo):
            accounts = dict(result.post_accounts())
            keys = self.load_keys(wire).keys
            before = {key: self.account(key) for key in accounts}
            after = {key: account if account.lamports else None for key, account in accounts.items()}
            error = rent_error(keys, before, after, self.rent_exempt_minimum)
        else:
            error = transaction_error(result, wire, self.account)
        return Simulation(
            error=error,
            logs=tuple(meta.logs()),
            units=meta.compute_units_consumed(),
            return_data=return_data(meta),
            inner_instructions=inner_instructions(meta),
            accounts={} if error is not None else accounts,
        )

    def load_keys(self, wire: WireTransaction) -> LoadedKeys:
        """All accounts of a transaction, those of look-up tables included."""
        return load_keys(wire, self.account)

    # -- parts of an execution

    def _settled(self, address: Pubkey) -> Account | None:
        """An account after a transaction. One left without lamports loses its data and owner, as on a cluster."""
        account = self._vm.get_account(address)
        if account is None or account.lamports:
            return account
        if account.data or account.owner != SYSTEM_PROGRAM:
            self._vm.set_account(address, Account(0, b"", SYSTEM_PROGRAM))
        return None

    def _roll_back(
        self, payer: Pubkey, before: dict[Pubkey, Account | None], written: tuple[Pubkey, ...], wire: WireTransaction
    ) -> None:
        """Undo a transaction that the VM executed, all but its fee."""
        for key in written:
            self._vm.set_account(key, before[key] or Account(0, b"", SYSTEM_PROGRAM))
        account = before[payer]
        if account is not None:
            fee = LAMPORTS_PER_SIGNATURE * wire.message.header.num_required_signatures
            self._vm.set_account(payer, Account(account.lamports - fee, account.data, account.owner))

    def _use_nonce_up(self, address: Pubkey, used: Hash) -> None:
        """Advance a nonce although its transaction failed: LiteSVM rolls the advance back with the rest."""
        account = self._vm.get_account(address)
        if account is not None:
            self._vm.set_account(address, used_up(account, used))
