"""Preparation of transactions: they are composed, and simulated with a recent blockhash before anything is signed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from solders.hash import Hash
from solders.instruction import Instruction
from solders.pubkey import Pubkey
from solders.system_program import AdvanceNonceAccountParams, advance_nonce_account

from psyche_cli.environment import Clock
from psyche_cli.errors import AlreadySent, FeeAboveMaximum, Json, NetworkError, PsycheError, TimedOut
from psyche_cli.solana.nonces import NonceUse
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.deadline import Deadline, in_seconds
from psyche_cli.solana.rpc.types import Blockhash, Simulation
from psyche_cli.solana.sending.priority_fee import UNPRICED, PriorityFees, priority_fee_of
from psyche_cli.solana.sending.transaction import (
    LegacyTransaction,
    SignedTransaction,
    transaction_fee,
    transaction_size,
    unsigned_transaction,
)
from psyche_cli.solana.sending.verdict import FailureDescriber, refusal

# Simulation errors that do not occur with a newer blockhash.
_SOLVED_BY_NEWER_BLOCKHASH = ("BlockhashNotFound", "AlreadyProcessed")
_BLOCKHASH_TIMEOUT = 15.0
_BLOCKHASH_PAUSE = 0.4

_Value = TypeVar("_Value")


def _advance(nonce: NonceUse) -> Instruction:
    return advance_nonce_account(
        AdvanceNonceAccountParams(nonce_pubkey=nonce.account, authorized_pubkey=nonce.authority)
    )


class Prepared(NamedTuple):
    """A transaction whose simulation succeeded: its instructions, fee payer and blockhash, and the simulation."""

    instructions: Sequence[Instruction]
    payer: Pubkey
    blockhash: Blockhash
    simulation: Simulation

    @property
    def fee_lamports(self) -> int:
        """The fee of the transaction."""
        message = unsigned_transaction(self.instructions, self.payer).message
        return transaction_fee(self.instructions, self.payer) + priority_fee_of(message)


class Check(Protocol):
    """Checks the effects of a transaction before it is signed. ``accounts`` are those whose content it needs."""

    @property
    def accounts(self) -> Sequence[Pubkey]:
        """At most as many accounts as the transaction has."""
        ...

    @property
    def reads(self) -> Sequence[Pubkey]:
        """The accounts to read again together with the next simulation; none before the first one."""
        ...

    def accepts(self, prepared: Prepared) -> bool:
        """Whether the transaction may be signed; if not, it is simulated again. Raises the error that refuses it."""
        ...


class Preparer:
    """Prepares transactions at one endpoint.

    ``describe_failure`` maps a transaction error to an exception. With ``identifies``, the first simulation also asks
    for the genesis hash, ``genesis``, which the journal needs. ``fees`` adds a priority fee to every transaction.
    """

    def __init__(
        self,
        rpc: RpcClient,
        clock: Clock,
        describe_failure: FailureDescriber,
        *,
        identifies: bool,
        fees: PriorityFees | None = None,
    ) -> None:
        self._rpc = rpc
        self._clock = clock
        self._describe_failure = describe_failure
        self._identifies = identifies
        self._fees = fees
        self.genesis: Hash | None = None

    def identify_cluster(self) -> Hash:
        """The genesis hash of the cluster, which is requested once."""
        if self.genesis is None:
            self.genesis = self._rpc.genesis_hash()
        return self.genesis

    def prepare(
        self,
        instructions: Sequence[Instruction],
        payer: Pubkey,
        deadline: Deadline,
        accept: Callable[[Prepared], _Value | None],
        limit: Blockhash | NonceUse | None = None,
        check: Check | None = None,
    ) -> _Value:
        """Simulate the transaction, and return what ``accept`` makes of it, which is what is sent.

        With a ``check``, ``accept`` receives only what it accepts. With a ``limit``, the transaction has this
        blockhash, or uses this durable nonce, which a first instruction then advances. There is no next blockhash to
        wait for then. Raises BlockhashNotValid.

        The simulated transaction is unsigned, so it cannot land. The node inserts its latest blockhash and reports it,
        so the accepted message is the one that was simulated. docs/decisions/simulate-then-sign.md explains why that is
        safe with any set of nodes.

        Two equal transactions with the same blockhash have the same signature and are executed only once: the second
        would seem to land but pay nothing. If ``accept`` returns None, or according to the simulation the transaction
        has already been processed, this waits for the next blockhash.
        """
        rpc = self._rpc.within(deadline)
        if limit is not None:
            return self._with_limit(rpc, instructions, payer, accept, limit, check)
        with rpc.waits.showing("Preparing the transaction"):
            return self._with_new_blockhash(rpc, instructions, payer, accept, deadline, check)

    def _with_new_blockhash(
        self,
        rpc: RpcClient,
        instructions: Sequence[Instruction],
        payer: Pubkey,
        accept: Callable[[Prepared], _Value | None],
        deadline: Deadline,
        check: Check | None,
    ) -> _Value:
        started = self._clock.monotonic()
        given = instructions
        priced_before = self._fees is not None and self._fees.knows(given, payer)
        instructions = self._with_fee(given, payer, rpc)
        unsigned = unsigned_transaction(instructions, payer)
        accounts = () if check is None else check.accounts
        while True:
            reads = () if check is None else check.reads
            simulation = self._simulate(rpc, unsigned, accounts, reads)
            blockhash = simulation.blockhash
            if simulation.err is None and blockhash is None:
                # An old node does not return the blockhash it used, so the message is simulated with a known one.
                blockhash = rpc.latest_blockhash()
                known = unsigned_transaction(instructions, payer, blockhash.hash)
                simulation = rpc.simulate_unsigned(known.raw, replace_blockhash=False, accounts=accounts, reads=reads)
            if simulation.err is None and blockhash is not None:
                prepared = Prepared(instructions, payer, blockhash, simulation)
                if check is not None and not check.accepts(prepared):
                    continue
                accepted = accept(prepared)
                if accepted is not None:
                    return accepted
            if simulation.err not in (None, *_SOLVED_BY_NEWER_BLOCKHASH):
                if self._fees is not None and priced_before:
                    # The accounts may have changed since then, and the transaction may need more units.
                    priced_before = False
                    self._fees.forget(given, payer)
                    instructions = self._with_fee(given, payer, rpc)
                    unsigned = unsigned_transaction(instructions, payer)
                    continue
                raise self.refusal(simulation.err, simulation.logs, unsigned)
            elapsed = self._clock.monotonic() - started
            if elapsed >= _BLOCKHASH_TIMEOUT:
                raise TimedOut(
                    f"{rpc.label} returned no usable new blockhash within {in_seconds(elapsed)}.",
                    hint="The transaction was not sent. Check that the cluster is producing blocks. A local validator "
                    "without slots that end by themselves produces one by: psyche-cli localnet warp --slots 1",
                    endpoint=rpc.label,
                )
            rpc.waits.sleep(self._clock, min(_BLOCKHASH_PAUSE, deadline.remaining))

    def _with_limit(
        self,
        rpc: RpcClient,
        instructions: Sequence[Instruction],
        payer: Pubkey,
        accept: Callable[[Prepared], _Value | None],
        limit: Blockhash | NonceUse,
        check: Check | None,
    ) -> _Value:
        if isinstance(limit, NonceUse):
            # First of all, also before the instructions of a priority fee: otherwise it is not a use of the nonce.
            advance = _advance(limit)
            priced = self._with_fee([advance, *instructions], payer, rpc)
            instructions = [advance, *(one for one in priced if one != advance)]
            limit = Blockhash(limit.value, None)
        else:
            instructions = self._with_fee(instructions, payer, rpc)
        transaction = unsigned_transaction(instructions, payer, limit.hash)
        accounts = () if check is None else check.accounts
        while True:
            reads = () if check is None else check.reads
            simulation = rpc.simulate_unsigned(transaction.raw, replace_blockhash=False, accounts=accounts, reads=reads)
            if simulation.err is not None:
                raise self.refusal(simulation.err, simulation.logs, transaction)
            prepared = Prepared(instructions, payer, limit, simulation)
            if check is None or check.accepts(prepared):
                break
        accepted = accept(prepared)
        if accepted is None:
            raise AlreadySent("This transaction, with this blockhash, was already sent.")
        return accepted

    def priority_fee(self, instructions: Sequence[Instruction], payer: Pubkey) -> int:
        """The priority fee of a transaction in lamports, 0 if its simulation fails. Raises FeeAboveMaximum."""
        if self._fees is None:
            return 0
        try:
            return self._fees.budget(instructions, payer, self._rpc, self.refusal).lamports
        except (FeeAboveMaximum, NetworkError):
            raise
        except PsycheError:  # sending the transaction raises it again
            return 0

    def size(self, instructions: Sequence[Instruction], payer: Pubkey) -> int:
        """The size of the signed transaction in bytes, with the instructions of a priority fee if it pays one."""
        return transaction_size(instructions if self._fees is None else UNPRICED.added_to(instructions), payer)

    def _with_fee(self, instructions: Sequence[Instruction], payer: Pubkey, rpc: RpcClient) -> Sequence[Instruction]:
        if self._fees is None:
            return instructions
        return self._fees.budget(instructions, payer, rpc, self.refusal).added_to(instructions)

    def check_signed(self, signed: SignedTransaction, deadline: Deadline) -> Simulation:
        """Simulate a transaction with its signatures and its blockhash. Raises what refuses it.

        One that has just been processed is not refused: its status is looked up after sending.
        """
        simulation = self._rpc.within(deadline).simulate(signed.raw)
        if simulation.err not in (None, "AlreadyProcessed"):
            raise self.refusal(simulation.err, simulation.logs, signed)
        return simulation

    def refusal(self, err: Json, logs: Sequence[str], transaction: LegacyTransaction) -> PsycheError:
        """The exception for a transaction error, with the program's logs."""
        error = refusal(err, logs, transaction, self._describe_failure, self._rpc.label)
        error.logs = tuple(logs)
        return error

    def _simulate(
        self, rpc: RpcClient, transaction: LegacyTransaction, accounts: Sequence[Pubkey], reads: Sequence[Pubkey]
    ) -> Simulation:
        if not self._identifies or self.genesis is not None:
            return rpc.simulate_unsigned(transaction.raw, accounts=accounts, reads=reads)
        simulation, self.genesis = rpc.simulate_and_identify(transaction.raw, accounts)
        return simulation
