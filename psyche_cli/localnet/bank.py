"""The bank: the state of the chain, and the one place where transactions are executed.

It owns the LiteSVM. Everything that a cluster does around its VM happens here: blockhash age, duplicates, account
locks, durable nonces, slots and their sysvars, the account index, the history. A transaction that was executed is
final; there are no forks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
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
from psyche_cli.localnet.genesis import Genesis, create_vm
from psyche_cli.localnet.history import DEFAULT_CAPACITY, History, ProcessedMessages, TransactionRecord
from psyche_cli.localnet.known_addresses import LOOKUP_TABLE_PROGRAM, SYSTEM_PROGRAM, SYSVAR_OWNER
from psyche_cli.localnet.outcomes import inner_instructions, return_data
from psyche_cli.localnet.parsed_accounts import (
    NONCE_BYTES,
    TOKEN_PROGRAMS,
    is_mint,
    is_token_account,
    lookup_table_addresses,
    mint_decimals,
    token_amount,
    token_base_units,
    token_mint,
    token_owner,
)
from psyche_cli.localnet.rpc_fault import Json
from psyche_cli.localnet.timekeeping import Timekeeper
from psyche_cli.localnet.wire import MAX_ACCOUNT_LOCKS, WireTransaction

LAMPORTS_PER_SIGNATURE: Final = 5000
_NEVER_EXECUTED: Final = Signature.default()
_DURABLE_NONCE: Final = b"DURABLE_NONCE"


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
        """Create, overwrite or (with 0 lamports) remove an account, past all rules."""
        self._vm.set_account(address, account if account.lamports else Account(0, b"", SYSTEM_PROGRAM))
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
        for address, account in state.accounts.items():
            if self.account(address) != account:
                self.set_account(address, account)
        self.history.replace(state.records, state.total)
        self._processed = state.processed.copy()
        self.timekeeper.unwarp_time(state.warped_seconds)
        self.timekeeper.warp_slots(1)
        self.catch_up(back_in_time=True)
        for listener in self.listeners:
            listener.on_restore()

    def check(self, wire: WireTransaction) -> None:
        """Refuse what a cluster refuses before execution, signatures excepted. Raises TransactionRejected."""
        keys = self._loaded_keys(wire)[0]
        if len(keys) > MAX_ACCOUNT_LOCKS:
            raise TransactionRejected("TooManyAccountLocks")
        if len(set(keys)) < len(keys):
            raise TransactionRejected("AccountLoadedTwice")
        if not self.may_land(wire):
            raise TransactionRejected("BlockhashNotFound")
        if wire in self._processed:
            raise TransactionRejected("AlreadyProcessed")

    def may_land(self, wire: WireTransaction) -> bool:
        """Whether its blockhash is young enough, or is the current value of the nonce account that it advances."""
        return self.chain.is_usable(wire.recent_blockhash) or self._nonce_is_current(wire)

    def _nonce_is_current(self, wire: WireTransaction) -> bool:
        """Whether the blockhash is the value of the nonce account that the transaction advances, by its authority."""
        if wire.nonce_account is None:
            return False
        account = self.account(wire.nonce_account)
        if account is None or account.owner != SYSTEM_PROGRAM or len(account.data) != NONCE_BYTES:
            return False
        data = account.data
        return (
            data[:8] == b"\1\0\0\0\1\0\0\0"
            and data[40:72] == bytes(wire.recent_blockhash)
            and Pubkey(data[8:40]) in wire.nonce_authority_signs
        )

    def execute(self, wire: WireTransaction) -> TransactionRecord:
        """Check and execute a transaction; its record says whether it succeeded. Raises TransactionRejected."""
        self.check(wire)
        keys, looked_up_writable, looked_up_readonly = self._loaded_keys(wire)
        writable = self._writable(wire, keys, looked_up_writable)
        tokens = [key for key in keys if key not in writable and self.accounts.owner_of(key) in TOKEN_PROGRAMS]
        before = {key: self.account(key) for key in (*writable, *tokens)}
        pre_balances = [self.balance(key) for key in keys]

        result = self._vm.send_transaction(wire.transaction)
        failed = isinstance(result, FailedTransactionMetadata)
        meta = result.meta() if isinstance(result, FailedTransactionMetadata) else result
        error = self._error(result, wire) if isinstance(result, FailedTransactionMetadata) else None
        if failed and meta.signature() == _NEVER_EXECUTED:
            raise TransactionRejected(error)
        by_nonce = not self.chain.is_usable(wire.recent_blockhash)
        if by_nonce and failed and wire.nonce_account is not None:
            self._advance_nonce(wire.nonce_account, wire.recent_blockhash)

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
            keys=tuple(keys),
            looked_up_writable=looked_up_writable,
            looked_up_readonly=looked_up_readonly,
            error=error,
            # Programs move lamports about, only the fee leaves.
            fee=sum(pre_balances) - sum(post_balances),
            pre_balances=tuple(pre_balances),
            post_balances=tuple(post_balances),
            pre_token_balances=self._token_balances(keys, before),
            post_token_balances=self._token_balances(keys, {**before, **after}),
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
        else:
            error = self._error(result, wire)
        return Simulation(
            error=error,
            logs=tuple(meta.logs()),
            units=meta.compute_units_consumed(),
            return_data=return_data(meta),
            inner_instructions=inner_instructions(meta),
            accounts=accounts,
        )

    def loaded_keys(self, wire: WireTransaction) -> list[Pubkey]:
        """All addresses of a transaction, those of look-up tables last."""
        return self._loaded_keys(wire)[0]

    # -- parts of an execution

    def _loaded_keys(self, wire: WireTransaction) -> tuple[list[Pubkey], int, int]:
        """All addresses of a transaction; how many of them are looked up writable, and how many read-only.

        A look-up that cannot be resolved gives no addresses: the VM refuses such a transaction with the right error.
        """
        writable: list[Pubkey] = []
        readonly: list[Pubkey] = []
        for table, writable_indexes, readonly_indexes in wire.lookups:
            account = self.account(table)
            if account is None or account.owner != LOOKUP_TABLE_PROGRAM:
                return wire.static_keys, 0, 0
            addresses = lookup_table_addresses(account.data)
            if max(writable_indexes + readonly_indexes, default=0) >= len(addresses):
                return wire.static_keys, 0, 0
            writable += [addresses[index] for index in writable_indexes]
            readonly += [addresses[index] for index in readonly_indexes]
        return [*wire.static_keys, *writable, *readonly], len(writable), len(readonly)

    def _writable(self, wire: WireTransaction, keys: list[Pubkey], looked_up_writable: int) -> list[Pubkey]:
        static = len(wire.static_keys)
        return [
            key
            for index, key in enumerate(keys)
            if (wire.is_static_key_writable(index) if index < static else index < static + looked_up_writable)
        ]

    def _settled(self, address: Pubkey) -> Account | None:
        """An account after a transaction. One left without lamports loses its data and owner, as on a cluster."""
        account = self._vm.get_account(address)
        if account is None or account.lamports:
            return account
        if account.data or account.owner != SYSTEM_PROGRAM:
            self._vm.set_account(address, Account(0, b"", SYSTEM_PROGRAM))
        return None

    def _advance_nonce(self, address: Pubkey, used: Hash) -> None:
        """Use a nonce up although its transaction failed: LiteSVM rolls the advance back with the rest."""
        account = self._vm.get_account(address)
        if account is None or account.data[40:72] != bytes(used):
            return
        following = sha256(_DURABLE_NONCE + bytes(used)).digest()
        data = account.data[:40] + following + account.data[72:]
        self._vm.set_account(
            address, Account(account.lamports, data, account.owner, account.executable, account.rent_epoch)
        )

    def _error(self, failed: FailedTransactionMetadata, wire: WireTransaction) -> Json:
        error = json.loads(failed.to_json())["err"]
        if error == "InvalidProgramForExecution":
            keys = wire.static_keys
            programs = {keys[instruction.program_id_index] for instruction in wire.message.instructions}
            if any(self.account(program) is None for program in programs):
                return "ProgramAccountNotFound"
        return error

    def _token_balances(self, keys: list[Pubkey], accounts: dict[Pubkey, Account | None]) -> Json:
        balances = []
        for index, key in enumerate(keys):
            account = accounts.get(key)
            if account is None or not is_token_account(account):
                continue
            mint = token_mint(account.data)
            decimals = self.mint_decimals(mint)
            if decimals is not None:
                balances.append(
                    {
                        "accountIndex": index,
                        "mint": str(mint),
                        "owner": str(token_owner(account.data)),
                        "programId": str(account.owner),
                        "uiTokenAmount": token_amount(token_base_units(account.data), decimals),
                    }
                )
        return balances
