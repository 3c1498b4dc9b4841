"""Execution of transactions, including the steps that a cluster performs outside its VM.

Before execution: checks of blockhash age, duplicates, account locks and the payer's rent. After execution: rent checks,
the fee of a failed transaction, and durable nonces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from solders.account import Account
from solders.hash import Hash
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction_metadata import FailedTransactionMetadata, SimulatedTransactionInfo

from psyche_cli.json_values import Json
from psyche_cli.limits import MAX_ACCOUNT_LOCKS
from psyche_cli.localnet.chain.accounts import NO_ACCOUNT, Accounts
from psyche_cli.localnet.chain.blockhashes import BlockChain
from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.localnet.chain.history import ProcessedMessages, TransactionRecord
from psyche_cli.localnet.chain.loaded_keys import LoadedKeys, load_keys
from psyche_cli.localnet.chain.mmx_registers import empty_mmx_registers
from psyche_cli.localnet.chain.nonces import advanced_nonce, nonce_is_current
from psyche_cli.localnet.chain.outcomes import inner_instructions, return_data, token_balances, transaction_error
from psyche_cli.localnet.chain.rent import rent_error, transition_allowed
from psyche_cli.solana.programs import SYSTEM_PROGRAM
from psyche_cli.solana.token_state import TOKEN_PROGRAMS

_NEVER_EXECUTED: Final = Signature.default()
_NO_FEE: Final = "InsufficientFundsForFee"


class TransactionRejected(Exception):
    """A transaction is not executed and pays no fee. ``error`` is the transaction error in its JSON-RPC form."""

    def __init__(self, error: Json) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True)
class Simulation:
    """The result of a simulation. ``accounts`` are the written accounts afterwards; empty after an error."""

    error: Json
    logs: tuple[str, ...]
    units: int
    return_data: Json
    inner_instructions: Json
    accounts: dict[Pubkey, Account]


@dataclass(frozen=True)
class Execution:
    """A transaction that has been executed in the VM, to be kept or undone.

    ``before`` and ``after`` are its writable accounts, with None for each that does not exist. ``by_nonce`` means that
    it uses a durable nonce, which prevents it from landing again.
    """

    transaction: DecodedTransaction
    record: TransactionRecord
    before: Mapping[Pubkey, Account | None]
    after: Mapping[Pubkey, Account | None]
    by_nonce: bool

    @property
    def changes(self) -> dict[Pubkey, Account | None]:
        """The accounts whose content has changed."""
        return {key: self.after[key] for key in self.record.changed}


class Executor:
    """Executes transactions in a VM, for the chain ``chain``. ``processed`` are the kept transactions."""

    def __init__(self, vm: LiteSVM, accounts: Accounts, chain: BlockChain) -> None:
        self._vm = vm
        self._accounts = accounts
        self._chain = chain
        self.processed = ProcessedMessages()

    def check(self, transaction: DecodedTransaction) -> None:
        """Raise TransactionRejected if a cluster would reject the transaction before execution. Does not check
        signatures."""
        keys = self.load_keys(transaction).keys
        if len(keys) > MAX_ACCOUNT_LOCKS:
            raise TransactionRejected("TooManyAccountLocks")
        if len(set(keys)) < len(keys):
            raise TransactionRejected("AccountLoadedTwice")
        if not self.may_land(transaction):
            raise TransactionRejected("BlockhashNotFound")
        if transaction in self.processed:
            raise TransactionRejected("AlreadyProcessed")
        if self._lacks_priority_fee(transaction):
            raise TransactionRejected(_NO_FEE)
        payer = self._accounts.get(keys[0])
        fee = transaction.fee
        if (
            payer is not None
            and payer.lamports >= fee
            and not transition_allowed(payer, payer.lamports - fee, len(payer.data), self._accounts.rent_exempt_minimum)
        ):
            raise TransactionRejected({"InsufficientFundsForRent": {"account_index": 0}})

    def may_land(self, transaction: DecodedTransaction) -> bool:
        """Whether its blockhash is recent enough, or is the current value of the nonce account that it advances."""
        if self._chain.is_usable(transaction.recent_blockhash):
            return True
        nonce = transaction.nonce_account
        return nonce is not None and nonce_is_current(transaction, self._accounts.get(nonce))

    def load_keys(self, transaction: DecodedTransaction) -> LoadedKeys:
        """All accounts of a transaction, including those from lookup tables."""
        return load_keys(transaction, self._accounts.get)

    def simulate(self, transaction: DecodedTransaction) -> Simulation:
        """Execute a transaction on the current state without effects. Blockhash and duplicates are not checked."""
        if self._lacks_priority_fee(transaction):
            return Simulation(error=_NO_FEE, logs=(), units=0, return_data=None, inner_instructions=[], accounts={})
        with self._priority_fee_paid(transaction, keep=False):
            result = self._vm.simulate_transaction(transaction.versioned)
            empty_mmx_registers()
        meta = result.meta()
        accounts: dict[Pubkey, Account] = {}
        error: Json = None
        if isinstance(result, SimulatedTransactionInfo):
            accounts = dict(result.post_accounts())
            keys = self.load_keys(transaction).keys
            before = {key: self._accounts.get(key) for key in accounts}
            after = {key: account if account.lamports else None for key, account in accounts.items()}
            error = rent_error(keys, before, after, self._accounts.rent_exempt_minimum)
        else:
            error = transaction_error(result, transaction, self._accounts.get)
        return Simulation(
            error=error,
            logs=tuple(meta.logs()),
            units=meta.compute_units_consumed(),
            return_data=return_data(meta),
            inner_instructions=inner_instructions(meta),
            accounts={} if error is not None else accounts,
        )

    def execute(self, transaction: DecodedTransaction) -> Execution:
        """Check and execute a transaction; its record contains the outcome. Must be followed by ``keep`` or ``undo``.

        Raises TransactionRejected, in which case nothing has changed.
        """
        self.check(transaction)
        loaded = self.load_keys(transaction)
        keys, writable = loaded.keys, loaded.writable
        tokens = [key for key in keys if key not in writable and self._accounts.index.owner_of(key) in TOKEN_PROGRAMS]
        before = {key: self._accounts.get(key) for key in writable}
        unchanged = {key: self._accounts.get(key) for key in tokens}
        pre_balances = [self._accounts.balance(key) for key in keys]

        with self._priority_fee_paid(transaction, keep=True):
            result = self._vm.send_transaction(transaction.versioned)
            empty_mmx_registers()
        failed = isinstance(result, FailedTransactionMetadata)
        meta = result.meta() if isinstance(result, FailedTransactionMetadata) else result
        error = None
        if isinstance(result, FailedTransactionMetadata):
            error = transaction_error(result, transaction, self._accounts.get)
        if failed and meta.signature() == _NEVER_EXECUTED:
            self._charge(keys[0], -transaction.priority_fee)
            raise TransactionRejected(error)
        if error is None:
            written = {key: self._accounts.get(key) for key in writable}
            error = rent_error(keys, before, written, self._accounts.rent_exempt_minimum)
            if error is not None:
                self._revert(before)
                self._charge(keys[0], transaction.fee)
        by_nonce = not self._chain.is_usable(transaction.recent_blockhash)
        if by_nonce and error is not None and transaction.nonce_account is not None:
            self._advance_nonce(transaction.nonce_account, transaction.recent_blockhash)

        after = {key: self._settled(key) for key in writable}
        post_balances = [self._accounts.balance(key) for key in keys]
        tip = self._chain.tip
        record = TransactionRecord(
            signature=transaction.signature,
            raw=transaction.raw,
            slot=tip.slot,
            unix_time=tip.unix_time,
            keys=keys,
            looked_up_writable=loaded.looked_up_writable,
            looked_up_readonly=loaded.looked_up_readonly,
            error=error,
            # Programs only transfer lamports between accounts, so the difference is the fee.
            fee=sum(pre_balances) - sum(post_balances),
            pre_balances=tuple(pre_balances),
            post_balances=tuple(post_balances),
            pre_token_balances=token_balances(keys, {**unchanged, **before}, self._accounts.mint_decimals),
            post_token_balances=token_balances(keys, {**unchanged, **after}, self._accounts.mint_decimals),
            logs=tuple(meta.logs()),
            inner_instructions=inner_instructions(meta),
            units=meta.compute_units_consumed(),
            return_data=return_data(meta),
            changed=tuple(key for key in writable if before[key] != after[key]),
        )
        return Execution(transaction, record, before, after, by_nonce)

    def undo(self, execution: Execution) -> None:
        """Restore every account to its content before the transaction."""
        self._revert(execution.before)

    def keep(self, execution: Execution) -> None:
        """Make the effects of the transaction permanent, and reject duplicates of it from now on."""
        for key, account in execution.after.items():
            self._accounts.index.record(key, account.owner if account is not None else None)
        if not execution.by_nonce:
            self.processed.add(execution.transaction)

    def _settled(self, address: Pubkey) -> Account | None:
        """An account after a transaction. Without lamports, it loses its data and owner, as on a cluster."""
        account = self._vm.get_account(address)
        if account is None or account.lamports:
            return account
        if account.data or account.owner != SYSTEM_PROGRAM:
            self._vm.set_account(address, NO_ACCOUNT)
        return None

    def _revert(self, before: Mapping[Pubkey, Account | None]) -> None:
        """Revert the changes of the VM to these accounts."""
        for key, account in before.items():
            if self._accounts.get(key) != account:
                self._vm.set_account(key, account or NO_ACCOUNT)

    @contextmanager
    def _priority_fee_paid(self, transaction: DecodedTransaction, *, keep: bool) -> Iterator[None]:
        """Deduct the priority fee, which LiteSVM does not charge, before a transaction; restore it unless ``keep``."""
        payer, fee = transaction.static_keys[0], transaction.priority_fee
        self._charge(payer, fee)
        yield
        if not keep:
            self._charge(payer, -fee)

    def _lacks_priority_fee(self, transaction: DecodedTransaction) -> bool:
        """Whether the payer cannot pay the fee with its priority fee; LiteSVM checks the base fee."""
        payer = self._accounts.get(transaction.static_keys[0])
        return transaction.priority_fee > 0 and payer is not None and payer.lamports < transaction.fee

    def _charge(self, payer: Pubkey, fee: int) -> None:
        """Deduct a fee, in lamports. Negative: give it back."""
        if fee == 0:
            return
        account = self._accounts.get(payer)
        if account is not None:
            self._vm.set_account(payer, Account(account.lamports - fee, account.data, account.owner))

    def _advance_nonce(self, address: Pubkey, used: Hash) -> None:
        """Advance a nonce after its transaction failed, since LiteSVM rolls back the advance with the rest."""
        account = self._vm.get_account(address)
        if account is not None:
            self._vm.set_account(address, advanced_nonce(account, used))
