"""Execution of transactions, including the steps that a cluster performs outside its VM.

Before execution: checks of blockhash age, duplicates, account locks, the payer's rent and the data that it loads. After
execution: rent checks, the fee of a failed transaction, and durable nonces.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from solders.account import Account
from solders.hash import Hash
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata, SimulatedTransactionInfo, TransactionMetadata

from psyche_cli.json_values import Json
from psyche_cli.limits import MAX_ACCOUNT_LOCKS
from psyche_cli.localnet.chain.accounts import Accounts
from psyche_cli.localnet.chain.blockhashes import BlockChain
from psyche_cli.localnet.chain.cluster_identity import IDENTITY
from psyche_cli.localnet.chain.compute_budget import budget_request_of
from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.localnet.chain.history import History, TransactionRecord
from psyche_cli.localnet.chain.later_slots import needs_later_slot
from psyche_cli.localnet.chain.leader_fees import leader_share, paid
from psyche_cli.localnet.chain.loaded_keys import LoadedKeys, load_keys
from psyche_cli.localnet.chain.mmx_registers import empty_mmx_registers
from psyche_cli.localnet.chain.nonces import advanced_nonce, is_of_this_slot, nonce_is_current
from psyche_cli.localnet.chain.outcomes import Outcome, outcome_of
from psyche_cli.localnet.chain.processed_messages import ProcessedMessages
from psyche_cli.localnet.chain.program_accounts import is_program_data
from psyche_cli.localnet.chain.rent import rent_error, transition_allowed
from psyche_cli.localnet.chain.reports import Contents, record_of, simulation_of
from psyche_cli.localnet.chain.simulation import Simulation
from psyche_cli.localnet.chain.transaction_cost import loaded_bytes
from psyche_cli.localnet.chain.undeployed import as_on_a_cluster
from psyche_cli.localnet.chain.vm_accounts import NO_ACCOUNT
from psyche_cli.localnet.chain.vm_features import CHARGES_PRIORITY_FEES
from psyche_cli.solana.programs import SYSTEM_PROGRAM


class TransactionRejected(Exception):
    """A transaction is not executed and pays no fee. ``error`` is the transaction error in its JSON-RPC form."""

    def __init__(self, error: Json) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass
class Execution:
    """A transaction that has been executed in the VM, to be kept or undone.

    ``before`` and ``after`` are its writable accounts and the leader's. ``by_nonce`` means that it uses a durable
    nonce, which prevents it from landing again.
    """

    transaction: DecodedTransaction
    record: TransactionRecord
    before: Contents
    after: Contents
    by_nonce: bool

    @property
    def changes(self) -> dict[Pubkey, Account | None]:
        """The accounts whose content has changed, including the leader's, which has earned a share of the fee."""
        changes = {key: self.after[key] for key in self.record.changed}
        if self.record.leader_reward:
            changes[IDENTITY] = self.after[IDENTITY]
        return changes


class Executor:
    """Executes transactions in a VM, for the chain ``chain``. ``processed`` are the kept transactions.

    ``prepare`` is called before the VM executes or simulates a transaction.
    """

    def __init__(
        self,
        vm: LiteSVM,
        accounts: Accounts,
        chain: BlockChain,
        history: History,
        prepare: Callable[[DecodedTransaction], None],
    ) -> None:
        self._vm = vm
        self._accounts = accounts
        self._chain = chain
        self._prepare = prepare
        self.processed = ProcessedMessages(history)

    def check(self, transaction: DecodedTransaction, loaded: LoadedKeys) -> None:
        """Raise TransactionRejected if a cluster would reject the transaction before execution.

        ``loaded`` are its accounts. Does not check signatures.
        """
        keys = loaded.keys
        if loaded.error is not None:
            raise TransactionRejected(loaded.error)
        if len(keys) > MAX_ACCOUNT_LOCKS:
            raise TransactionRejected("TooManyAccountLocks")
        if len(set(keys)) < len(keys):
            raise TransactionRejected("AccountLoadedTwice")
        if not self.may_land(transaction):
            raise TransactionRejected("BlockhashNotFound")
        if transaction in self.processed:
            raise TransactionRejected("AlreadyProcessed")
        self._check_payer(transaction)

    def _check_payer(self, transaction: DecodedTransaction) -> None:
        payer = self._accounts.get(transaction.static_keys[0])
        if payer is None:
            return  # the VM reports it
        lamports, fee = payer.lamports, transaction.fee
        if lamports < fee:
            # The VM checks the base fee, after the owner of the account.
            if lamports >= fee - transaction.priority_fee:
                raise TransactionRejected("InsufficientFundsForFee")
        elif not transition_allowed(payer, lamports - fee, len(payer.data), self._accounts.rent_exempt_minimum):
            raise TransactionRejected({"InsufficientFundsForRent": {"account_index": 0}})

    def may_land(self, transaction: DecodedTransaction) -> bool:
        """Whether its blockhash is recent enough, or is the current value of the nonce account that it advances."""
        if self._chain.is_usable(transaction.recent_blockhash):
            return True
        nonce = transaction.nonce_account
        return nonce is not None and nonce_is_current(transaction, self._accounts.get(nonce))

    def _for_vm(self, transaction: DecodedTransaction) -> VersionedTransaction:
        """The transaction as the VM must see it.

        The VM takes the blockhash of a transaction for the latest one of the chain, from which new nonces derive.
        """
        self._prepare(transaction)
        if not transaction.nonces:
            return transaction.versioned
        latest = self._chain.tip.blockhash
        if any(is_of_this_slot(self._accounts.get(nonce), latest) for nonce in transaction.nonces):
            return transaction.versioned  # the slot could not end before
        return transaction.with_blockhash(latest).versioned

    def needs_later_slot(self, transaction: DecodedTransaction, loaded: LoadedKeys) -> bool:
        """Whether the transaction, with the accounts ``loaded``, can only succeed in a later slot than this one."""
        return needs_later_slot(transaction, loaded, self._accounts, self._chain.tip)

    def load_keys(self, transaction: DecodedTransaction) -> LoadedKeys:
        """All accounts of a transaction, including those from lookup tables."""
        return load_keys(transaction, self._accounts.get, self._chain.tip.slot)

    def simulate(self, transaction: DecodedTransaction, loaded: LoadedKeys) -> Simulation:
        """Check and execute a transaction with the accounts ``loaded`` on the current state, without effects."""
        try:
            self.check(transaction, loaded)
        except TransactionRejected as rejected:
            return self._not_processed(transaction, loaded, rejected.error)
        before = self._read(loaded.writable)
        size = loaded_bytes(loaded.keys, before, self._accounts)
        if _is_too_much(size, transaction):
            outcome = Outcome.of_too_much_data()
        else:
            uncharged = _not_charged_by_vm(transaction)
            self._charge(loaded.keys[0], uncharged)
            outcome = self._outcome(self._vm.simulate_transaction, self._for_vm(transaction), transaction)
            self._charge(loaded.keys[0], -uncharged)
        if not outcome.executed and not outcome.fees_only:
            return self._not_processed(transaction, loaded, outcome.error)
        after = dict(before)
        for key, account in outcome.accounts.items():
            after[key] = account if account.lamports else None
        error = outcome.error or rent_error(loaded.keys, before, after, self._accounts.rent_exempt_minimum)
        if error is not None:
            after = dict(before)
            payer = before[loaded.keys[0]]
            if payer is not None:
                after[loaded.keys[0]] = _charged(payer, transaction.fee)
        return simulation_of(transaction, loaded, before, after, outcome, error, size, self._accounts)

    def _not_processed(self, transaction: DecodedTransaction, loaded: LoadedKeys, error: Json) -> Simulation:
        before = self._read(loaded.writable)
        return simulation_of(transaction, loaded, before, before, None, error, 0, self._accounts)

    def execute(self, transaction: DecodedTransaction, loaded: LoadedKeys) -> Execution:
        """Check and execute a transaction with the accounts ``loaded``; its record contains the outcome.

        Must be followed by ``keep`` or ``undo``. Raises TransactionRejected, in which case nothing has changed.
        """
        self.check(transaction, loaded)
        keys, writable = loaded.keys, loaded.writable
        before = self._read(writable)
        versioned = self._for_vm(transaction)
        uncharged = _not_charged_by_vm(transaction)
        self._charge(keys[0], uncharged)
        size = loaded_bytes(loaded.keys, before, self._accounts)
        if _is_too_much(size, transaction):
            outcome = Outcome.of_too_much_data()
        else:
            outcome = self._outcome(partial(self._run, before), versioned, transaction)
        error = outcome.error
        if not outcome.executed:
            if not outcome.fees_only:
                self._charge(keys[0], -uncharged)
                raise TransactionRejected(error)
            self._charge(keys[0], transaction.fee - uncharged)
        by_nonce = not self._chain.is_usable(transaction.recent_blockhash)
        after = {key: self._settled(key) for key in writable}
        if error is None:
            error = rent_error(keys, before, after, self._accounts.rent_exempt_minimum)
            if error is not None:
                self._revert(before)
                self._charge(keys[0], transaction.fee)
                after = {key: self._settled(key) for key in writable}
        if by_nonce and error is not None and transaction.nonce_account is not None:
            self._advance_nonce(transaction.nonce_account, versioned.message.recent_blockhash)
            after[transaction.nonce_account] = self._accounts.get(transaction.nonce_account)
        record = record_of(transaction, loaded, before, after, outcome, error, size, self._accounts, self._chain.tip)
        self._pay_leader(record, transaction, before, after)
        return Execution(transaction, record, before, after, by_nonce)

    def _pay_leader(
        self,
        record: TransactionRecord,
        transaction: DecodedTransaction,
        before: dict[Pubkey, Account | None],
        after: dict[Pubkey, Account | None],
    ) -> None:
        """Pay the leader's share of the fee, and add its account to those ``before`` and ``after``."""
        leader, share = self._accounts.get(IDENTITY), leader_share(record.fee, transaction)
        richer = paid(leader, share)
        if richer is not None:
            self._vm.set_account(IDENTITY, richer)
            before.setdefault(IDENTITY, leader)
            after[IDENTITY] = richer
            record.leader_reward, record.leader_balance = share, richer.lamports

    def _run(
        self, before: Contents, transaction: VersionedTransaction
    ) -> TransactionMetadata | FailedTransactionMetadata:
        """Execute a transaction in the VM.

        LiteSVM panics, or keeps the code, when a transaction closes a program. So the accounts of a transaction that
        writes to program data are computed without effects, and written afterwards.
        """
        if not any(map(is_program_data, before.values())):
            return self._vm.send_transaction(transaction)
        result = self._vm.simulate_transaction(transaction)
        if not isinstance(result, SimulatedTransactionInfo):
            return self._vm.send_transaction(transaction)
        after = dict(result.post_accounts())
        self._accounts.put_in_vm(
            {key: after[key] for key, account in before.items() if after.get(key, account) != account}
        )
        return result.meta()

    def _outcome(
        self,
        run: Callable[
            [VersionedTransaction], TransactionMetadata | FailedTransactionMetadata | SimulatedTransactionInfo
        ],
        versioned: VersionedTransaction,
        transaction: DecodedTransaction,
    ) -> Outcome:
        removed = self._accounts.removed_programs
        if removed and not removed.isdisjoint(transaction.programs):
            return Outcome.of_missing_program()
        result = run(versioned)
        empty_mmx_registers()
        outcome = outcome_of(result, transaction, self._accounts.get)
        if self._accounts.undeployed:
            outcome.logs, outcome.error = as_on_a_cluster(outcome.logs, outcome.error, self._accounts.undeployed)
        return outcome

    def undo(self, execution: Execution) -> None:
        """Restore every account to its content before the transaction."""
        self._revert(execution.before)

    def keep(self, execution: Execution) -> None:
        """Make the effects of the transaction permanent, and reject duplicates of it from now on."""
        for key, account in execution.changes.items():
            self._accounts.changed(key, account)
        if not execution.by_nonce:
            self.processed.add(execution.transaction)

    def _read(self, addresses: tuple[Pubkey, ...]) -> dict[Pubkey, Account | None]:
        return {address: self._accounts.get(address) for address in addresses}

    def _settled(self, address: Pubkey) -> Account | None:
        """An account after a transaction. Without lamports, it loses its data and owner, as on a cluster."""
        account = self._vm.get_account(address)
        if account is None or account.lamports:
            return account
        if account.data or account.owner != SYSTEM_PROGRAM:
            self._vm.set_account(address, NO_ACCOUNT)
        return None

    def _revert(self, before: Contents) -> None:
        """Revert the changes of the VM to these accounts."""
        self._accounts.put_in_vm(
            {key: account for key, account in before.items() if self._accounts.get(key) != account}
        )

    def _charge(self, payer: Pubkey, fee: int) -> None:
        """Deduct a fee that LiteSVM does not charge, in lamports. Negative: give it back."""
        if fee == 0:
            return
        account = self._accounts.get(payer)
        if account is not None:
            self._vm.set_account(payer, _charged(account, fee))

    def _advance_nonce(self, address: Pubkey, blockhash: Hash) -> None:
        """Advance a nonce after its transaction failed, since LiteSVM rolls back the advance with the rest."""
        account = self._vm.get_account(address)
        if account is not None:
            self._vm.set_account(address, advanced_nonce(account, blockhash))


def _not_charged_by_vm(transaction: DecodedTransaction) -> int:
    """The part of the fee, in lamports, that the VM does not charge for a transaction that it executes."""
    return 0 if CHARGES_PRIORITY_FEES else transaction.priority_fee


def _is_too_much(size: int, transaction: DecodedTransaction) -> bool:
    """Whether a transaction may not load ``size`` bytes. A limit of 0 is refused by the VM."""
    return 0 < budget_request_of(transaction).loaded_bytes < size


def _charged(account: Account, fee: int) -> Account:
    return Account(account.lamports - fee, account.data, account.owner, account.executable, account.rent_epoch)
