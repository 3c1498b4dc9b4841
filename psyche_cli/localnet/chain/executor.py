"""Executing transactions, with what a cluster does around its VM.

That is: blockhash age, duplicates, account locks and the payer's rent before the execution; rent, the fee of a failed
transaction and durable nonces after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from solders.account import Account
from solders.hash import Hash
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction_metadata import FailedTransactionMetadata, SimulatedTransactionInfo

from psyche_cli.json_values import Json
from psyche_cli.limits import LAMPORTS_PER_SIGNATURE, MAX_ACCOUNT_LOCKS
from psyche_cli.localnet.chain.accounts import NO_ACCOUNT, Accounts
from psyche_cli.localnet.chain.blockhashes import BlockChain
from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.localnet.chain.history import ProcessedMessages, TransactionRecord
from psyche_cli.localnet.chain.loaded_keys import LoadedKeys, load_keys
from psyche_cli.localnet.chain.nonces import nonce_is_current, used_up
from psyche_cli.localnet.chain.outcomes import inner_instructions, return_data, token_balances, transaction_error
from psyche_cli.localnet.chain.rent import may_become, rent_error
from psyche_cli.localnet.chain.token_state import TOKEN_PROGRAMS
from psyche_cli.solana.programs import SYSTEM_PROGRAM

_NEVER_EXECUTED: Final = Signature.default()


class TransactionRejected(Exception):
    """A transaction that is not executed and costs nothing. ``error`` is the cluster's transaction error as JSON."""

    def __init__(self, error: Json) -> None:
        super().__init__(str(error))
        self.error = error


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
class Execution:
    """A transaction that was executed in the VM, and is yet to be kept or undone.

    ``before`` and ``after`` are the accounts that it may write, None where there is none. ``by_nonce``: it landed by a
    durable nonce, which keeps it from landing again.
    """

    transaction: DecodedTransaction
    record: TransactionRecord
    before: Mapping[Pubkey, Account | None]
    after: Mapping[Pubkey, Account | None]
    by_nonce: bool

    @property
    def changes(self) -> dict[Pubkey, Account | None]:
        """The accounts that have another content than before."""
        return {key: self.after[key] for key in self.record.changed}


class Executor:
    """Executes transactions in a VM, for a chain whose blocks it is shown. ``processed`` are those it has kept."""

    def __init__(self, vm: LiteSVM, accounts: Accounts, chain: BlockChain) -> None:
        self._vm = vm
        self._accounts = accounts
        self._chain = chain
        self.processed = ProcessedMessages()

    def check(self, transaction: DecodedTransaction) -> None:
        """Refuse what a cluster refuses before execution, signatures excepted. Raises TransactionRejected."""
        keys = self.load_keys(transaction).keys
        if len(keys) > MAX_ACCOUNT_LOCKS:
            raise TransactionRejected("TooManyAccountLocks")
        if len(set(keys)) < len(keys):
            raise TransactionRejected("AccountLoadedTwice")
        if not self.may_land(transaction):
            raise TransactionRejected("BlockhashNotFound")
        if transaction in self.processed:
            raise TransactionRejected("AlreadyProcessed")
        payer = self._accounts.get(keys[0])
        fee = _fee(transaction)
        if (
            payer is not None
            and payer.lamports >= fee
            and not may_become(payer, payer.lamports - fee, len(payer.data), self._accounts.rent_exempt_minimum)
        ):
            raise TransactionRejected({"InsufficientFundsForRent": {"account_index": 0}})

    def may_land(self, transaction: DecodedTransaction) -> bool:
        """Whether its blockhash is young enough, or is the current value of the nonce account that it advances."""
        if self._chain.is_usable(transaction.recent_blockhash):
            return True
        nonce = transaction.nonce_account
        return nonce is not None and nonce_is_current(transaction, self._accounts.get(nonce))

    def load_keys(self, transaction: DecodedTransaction) -> LoadedKeys:
        """All accounts of a transaction, those of look-up tables included."""
        return load_keys(transaction, self._accounts.get)

    def simulate(self, transaction: DecodedTransaction) -> Simulation:
        """Execute a transaction on the current state and forget it. Blockhash and duplicates are not checked."""
        result = self._vm.simulate_transaction(transaction.versioned)
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
        """Check and execute a transaction; its record says whether it succeeded. ``keep`` or ``undo`` comes next.

        Raises TransactionRejected, and then nothing has changed.
        """
        self.check(transaction)
        loaded = self.load_keys(transaction)
        keys, writable = loaded.keys, loaded.writable
        tokens = [key for key in keys if key not in writable and self._accounts.index.owner_of(key) in TOKEN_PROGRAMS]
        before = {key: self._accounts.get(key) for key in writable}
        unchanged = {key: self._accounts.get(key) for key in tokens}
        pre_balances = [self._accounts.balance(key) for key in keys]

        result = self._vm.send_transaction(transaction.versioned)
        failed = isinstance(result, FailedTransactionMetadata)
        meta = result.meta() if isinstance(result, FailedTransactionMetadata) else result
        error = None
        if isinstance(result, FailedTransactionMetadata):
            error = transaction_error(result, transaction, self._accounts.get)
        if failed and meta.signature() == _NEVER_EXECUTED:
            raise TransactionRejected(error)
        if error is None:
            written = {key: self._accounts.get(key) for key in writable}
            error = rent_error(keys, before, written, self._accounts.rent_exempt_minimum)
            if error is not None:
                self._take_back(before)
                self._charge(keys[0], _fee(transaction))
        by_nonce = not self._chain.is_usable(transaction.recent_blockhash)
        if by_nonce and error is not None and transaction.nonce_account is not None:
            self._use_nonce_up(transaction.nonce_account, transaction.recent_blockhash)

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
            # Programs move lamports about, only the fee leaves.
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
        """Leave every account as it was before the transaction."""
        self._take_back(execution.before)

    def keep(self, execution: Execution) -> None:
        """Make the effects of the transaction part of the chain, and refuse it from now on."""
        for key, account in execution.after.items():
            self._accounts.index.record(key, account.owner if account is not None else None)
        if not execution.by_nonce:
            self.processed.add(execution.transaction)

    def _settled(self, address: Pubkey) -> Account | None:
        """An account after a transaction. One left without lamports loses its data and owner, as on a cluster."""
        account = self._vm.get_account(address)
        if account is None or account.lamports:
            return account
        if account.data or account.owner != SYSTEM_PROGRAM:
            self._vm.set_account(address, NO_ACCOUNT)
        return None

    def _take_back(self, before: Mapping[Pubkey, Account | None]) -> None:
        """Undo what the VM did to these accounts."""
        for key, account in before.items():
            if self._accounts.get(key) != account:
                self._vm.set_account(key, account or NO_ACCOUNT)

    def _charge(self, payer: Pubkey, fee: int) -> None:
        """Take a fee of so many lamports."""
        account = self._accounts.get(payer)
        if account is not None:
            self._vm.set_account(payer, Account(account.lamports - fee, account.data, account.owner))

    def _use_nonce_up(self, address: Pubkey, used: Hash) -> None:
        """Advance a nonce although its transaction failed: LiteSVM rolls the advance back with the rest."""
        account = self._vm.get_account(address)
        if account is not None:
            self._vm.set_account(address, used_up(account, used))


def _fee(transaction: DecodedTransaction) -> int:
    """Lamports that a transaction costs."""
    return LAMPORTS_PER_SIGNATURE * transaction.message.header.num_required_signatures
