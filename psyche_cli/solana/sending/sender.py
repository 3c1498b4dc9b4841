"""Instructions in, a receipt out: simulate, sign once, send, and wait for the verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from solders.instruction import Instruction
from solders.signature import Signature

from psyche_cli.environment import Clock
from psyche_cli.errors import LOOK_UP, Interrupted, Json, PsycheError, TimedOut
from psyche_cli.results import Receipt
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.deadline import Deadline
from psyche_cli.solana.rpc.types import Simulation
from psyche_cli.solana.sending.delivery import DeliveryTimes, TransactionDelivery
from psyche_cli.solana.sending.transaction import (
    LegacyTransaction,
    SignedTransaction,
    sign_transaction,
    unsigned_transaction,
)
from psyche_cli.solana.sending.verdict import DescribeFailure, Fate, describe_any_failure, refusal
from psyche_cli.solana.wallet import Wallet

WRITING_SECONDS = 118.0
"""So many seconds after its start a command that writes asks no endpoint any more. Two more, for Python's own start and
for the report, make the documented 120. A blockhash lives for 150 blocks, 60 to 90 seconds, and its end is finalized 13
to 19 seconds later, so this mostly leaves time for the verdict "expired"."""

# Transaction errors of a simulation that a newer blockhash cures.
_WANTS_NEWER_BLOCKHASH = ("BlockhashNotFound", "AlreadyProcessed")
_BLOCKHASH_PATIENCE = 15.0
_BLOCKHASH_PAUSE = 0.4
# With less time left than this share of the whole, nothing is sent any more: most likely its fate would stay unknown.
_LEAST_SHARE = 0.1


class Sender:
    """Sends transactions one after the other and says of each what became of it.

    ``notify`` takes one line for the user whenever something is sent. ``describe_failure`` turns what a program
    returned into an error. Everything ends by the deadline of ``rpc``, or, where that has none, each call within
    ``deadline_seconds``.
    """

    def __init__(
        self,
        rpc: RpcClient,
        clock: Clock,
        notify: Callable[[str], None],
        *,
        deadline_seconds: float = WRITING_SECONDS,
        describe_failure: DescribeFailure = describe_any_failure,
    ) -> None:
        self._rpc = rpc
        self._clock = clock
        self._notify = notify
        self._deadline_seconds = deadline_seconds
        self._describe_failure = describe_failure
        self._used_signatures: set[Signature] = set()
        self._deliveries: list[TransactionDelivery] = []

    def simulate(
        self, instructions: Sequence[Instruction], wallet: Wallet, extra_signers: Sequence[Wallet] = ()
    ) -> Simulation:
        """What the transaction would do now, without sending anything. Raises as ``send`` does before it sends."""
        with self.accounting():
            return self._prepare(instructions, wallet, extra_signers, self._deadline())[1]

    def send(
        self,
        instructions: Sequence[Instruction],
        wallet: Wallet,
        extra_signers: Sequence[Wallet] = (),
        *,
        label: str = "transaction",
    ) -> Receipt:
        """One legacy transaction of ``instructions``, paid by ``wallet``, until it has landed at the commitment.

        Every error says by ``sent`` and ``signature`` whether this transaction, or an earlier one of this sender, may
        have reached the cluster. ``sent`` is False with TransactionTooLarge, with a NetworkError, and with
        ProgramRefused, InsufficientFunds or another Refused when it was the simulation that failed. It is True when
        the transaction failed on-chain (the fee was paid), with TransactionExpired (it never will land) and
        TransactionUnknown (it may). Interrupted (by a signal) may come with either.
        """
        with self.accounting(label):
            deadline = self._deadline()
            signed, _ = self._prepare(instructions, wallet, extra_signers, deadline)
            self._require_time(deadline, label)
            self._used_signatures.add(signed.signature)
            self._notify(f"Sending {label}: {signed.signature}")
            under_way = TransactionDelivery(
                self._rpc, self._clock, signed, deadline, label=label, times=DeliveryTimes()
            )
            self._deliveries.append(under_way)
            return self._receipt(under_way, signed)

    @contextmanager
    def accounting(self, label: str = "anything") -> Iterator[None]:
        """Let every error that passes say what was sent, and make a signal to stop such an error.

        For everything around the sending, too: whoever looks, sends, and looks again may fail in between. ``label``
        says what an interruption found not yet sent.
        """
        try:
            yield
        except KeyboardInterrupt as stop:
            raise self._account_for(self._interrupted(stop, label)) from None
        except PsycheError as error:
            self._account_for(error)
            raise

    def _account_for(self, error: PsycheError) -> PsycheError:
        gone = [delivery for delivery in self._deliveries if delivery.perhaps_sent]
        error.sent = bool(gone)
        if gone:
            error.signature = error.signature or str(gone[-1].signature)
            error.landed = tuple(str(delivery.signature) for delivery in gone if delivery.fate is Fate.LANDED)
        return error

    def _interrupted(self, stop: KeyboardInterrupt, label: str) -> Interrupted:
        """What a signal means for the last transaction."""
        last = self._deliveries[-1] if self._deliveries else None
        if last is None or not last.perhaps_sent:
            return Interrupted.by(stop, f"Interrupted before sending {label}.")
        if last.fate is Fate.LANDED:
            return Interrupted.by(stop, f"Interrupted after {last.label} landed in transaction {last.signature}.")
        if last.fate is Fate.FAILED:
            return Interrupted.by(
                stop, f"Interrupted after {last.label} failed on-chain in transaction {last.signature}."
            )
        return Interrupted.by(
            stop,
            f"Interrupted while waiting for {last.label}, transaction {last.signature}, which may still land.",
            hint=LOOK_UP,
        )

    def _deadline(self) -> Deadline:
        return self._rpc.deadline or Deadline(self._clock, self._deadline_seconds)

    def _require_time(self, deadline: Deadline, label: str) -> None:
        if deadline.remaining < deadline.seconds * _LEAST_SHARE:
            raise TimedOut(
                f"{self._rpc.label} is so slow that too little of the {deadline.seconds:g} seconds is left to send and "
                f"confirm {label}.",
                hint="The transaction was not sent. Use another endpoint, or try again later.",
                endpoint=self._rpc.label,
            )

    def _receipt(self, under_way: TransactionDelivery, signed: SignedTransaction) -> Receipt:
        status = under_way.run()
        ledger = under_way.landed_transaction()
        logs = ledger.logs if ledger else ()
        if status.err is not None:
            error = self._refusal(status.err, logs, signed)
            error.hint = f"{error.hint} Transaction {signed.signature} failed on-chain; its fee was paid.".strip()
            raise error
        fee = ledger.fee_lamports if ledger else None
        return Receipt(under_way.label, str(signed.signature), status.slot, logs, fee)

    def _prepare(
        self,
        instructions: Sequence[Instruction],
        wallet: Wallet,
        extra_signers: Sequence[Wallet],
        deadline: Deadline,
    ) -> tuple[SignedTransaction, Simulation]:
        """Simulate, and sign what was simulated.

        The transaction that is simulated has no signatures, so nothing that could land leaves this process. The node
        puts its latest blockhash in and says which that is, so the message that is signed is the one that it ran.

        Two equal transactions with the same blockhash have the same signature and are one to the cluster: the second
        would seem to land and pay nothing. So a signature that was used already, here or (says the simulation) by
        another process, waits for the next blockhash.
        """
        rpc = self._rpc.within(deadline)
        started = self._clock.monotonic()
        unsigned = unsigned_transaction(instructions, wallet.address)
        while True:
            simulation = rpc.simulate_unsigned(unsigned.raw)
            if simulation.err is None:
                blockhash = simulation.blockhash or rpc.latest_blockhash()
                signed = sign_transaction(instructions, wallet, extra_signers, blockhash)
                if simulation.blockhash is None:
                    # An old node, which does not say it: the one that was asked for may be another.
                    simulation = rpc.simulate(signed.raw)
                if simulation.err is None and signed.signature not in self._used_signatures:
                    return signed, simulation
            if simulation.err is not None and simulation.err not in _WANTS_NEWER_BLOCKHASH:
                raise self._refusal(simulation.err, simulation.logs, unsigned)
            if self._clock.monotonic() - started >= _BLOCKHASH_PATIENCE:
                raise TimedOut(
                    f"{rpc.label} returned no usable new blockhash within {_BLOCKHASH_PATIENCE:g} seconds.",
                    hint="The transaction was not sent. Check that the cluster is producing blocks.",
                    endpoint=rpc.label,
                )
            self._clock.sleep(min(_BLOCKHASH_PAUSE, deadline.remaining))

    def _refusal(self, err: Json, logs: Sequence[str], transaction: LegacyTransaction) -> PsycheError:
        error = refusal(err, logs, transaction, self._describe_failure, self._rpc.label)
        error.logs = tuple(logs)
        return error
