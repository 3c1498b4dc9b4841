"""Instructions in, a receipt out: simulate, sign once, send, and wait for the verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from solders.instruction import Instruction
from solders.signature import Signature

from psyche_cli.cluster.delivery import LOOK_UP, Rhythm, TransactionDelivery
from psyche_cli.cluster.jsonrpc import Json
from psyche_cli.cluster.rpc import RpcClient
from psyche_cli.cluster.rpc_types import Simulation
from psyche_cli.cluster.transaction import SignedTransaction, sign_transaction
from psyche_cli.cluster.verdict import (
    DescribeFailure,
    describe_any_failure,
    preflight_error,
    preflight_logs,
    refusal,
)
from psyche_cli.cluster.wallet import Wallet
from psyche_cli.environment import Clock
from psyche_cli.errors import Interrupted, PsycheError, RpcError, TimedOut

# Transaction errors of a simulation that a newer blockhash cures.
_WANTS_NEWER_BLOCKHASH = ("BlockhashNotFound", "AlreadyProcessed")
_BLOCKHASH_PATIENCE = 15.0
_BLOCKHASH_PAUSE = 0.4


@dataclass(frozen=True)
class Receipt:
    """A transaction that landed without an error.

    ``logs`` is empty and ``fee_lamports`` None when the endpoint did not hand the transaction out again.
    """

    signature: Signature
    slot: int
    logs: tuple[str, ...]
    fee_lamports: int | None


class Sender:
    """Sends transactions one after the other and says of each what became of it.

    ``notify`` takes one line for the user whenever something is sent. ``describe_failure`` turns what a program
    returned into an error.
    """

    def __init__(
        self,
        rpc: RpcClient,
        clock: Clock,
        notify: Callable[[str], None],
        *,
        deadline_seconds: float = Rhythm.deadline,
        describe_failure: DescribeFailure = describe_any_failure,
    ) -> None:
        self._rpc = rpc
        self._clock = clock
        self._notify = notify
        self._rhythm = Rhythm(deadline=deadline_seconds)
        self._describe_failure = describe_failure
        self._used_signatures: set[Signature] = set()

    def simulate(
        self, instructions: Sequence[Instruction], wallet: Wallet, extra_signers: Sequence[Wallet] = ()
    ) -> Simulation:
        """What the transaction would do now, without sending anything. Raises as ``send`` does before it sends."""
        return self._prepare(instructions, wallet, extra_signers)[1]

    def send(
        self,
        instructions: Sequence[Instruction],
        wallet: Wallet,
        extra_signers: Sequence[Wallet] = (),
        *,
        label: str = "transaction",
    ) -> Receipt:
        """One legacy transaction of ``instructions``, paid by ``wallet``, until it has landed at the commitment.

        Nothing was sent when this raises TransactionTooLarge, NetworkError, or ProgramRefused, InsufficientFunds or
        another Refused with ``context["sent"]`` False. It was sent with ``sent`` True (it failed on-chain, the fee was
        paid), TransactionExpired (it never will land) and TransactionUnknown (it may). Interrupted (Ctrl-C) says which.
        """
        under_way: TransactionDelivery | None = None
        try:
            signed, _ = self._prepare(instructions, wallet, extra_signers)
            self._used_signatures.add(signed.signature)
            self._notify(f"Sending {label}: {signed.signature}")
            under_way = TransactionDelivery(self._rpc, self._clock, signed, self._rhythm)
            return self._receipt(under_way, signed)
        except KeyboardInterrupt:
            raise _interrupted(label, under_way) from None

    def _receipt(self, under_way: TransactionDelivery, signed: SignedTransaction) -> Receipt:
        try:
            status = under_way.run()
        except RpcError as error:
            # Some endpoints run preflight although it is not asked for.
            err = preflight_error(error)
            if err is None:
                raise
            raise self._refusal(err, preflight_logs(error), signed, sent=False) from error
        ledger = under_way.landed_transaction()
        logs = ledger.logs if ledger else ()
        if status.err is not None:
            raise self._refusal(status.err, logs, signed, sent=True)
        return Receipt(signed.signature, status.slot, logs, ledger.fee_lamports if ledger else None)

    def _prepare(
        self, instructions: Sequence[Instruction], wallet: Wallet, extra_signers: Sequence[Wallet]
    ) -> tuple[SignedTransaction, Simulation]:
        """Sign with a fresh blockhash and simulate these very bytes.

        Two equal transactions with the same blockhash have the same signature and are one to the cluster: the second
        would seem to land and pay nothing. So a signature that was used already, here or (says the simulation) by
        another process, waits for the next blockhash. A node that does not know its blockhash yet gets time as well.
        """
        started = self._clock.monotonic()
        while True:
            signed = sign_transaction(instructions, wallet, extra_signers, self._rpc.latest_blockhash())
            if signed.signature not in self._used_signatures:
                simulation = self._rpc.simulate(signed.raw)
                if simulation.err is None:
                    return signed, simulation
                if simulation.err not in _WANTS_NEWER_BLOCKHASH:
                    raise self._refusal(simulation.err, simulation.logs, signed, sent=False)
            if self._clock.monotonic() - started >= _BLOCKHASH_PATIENCE:
                raise TimedOut(
                    f"{self._rpc.label} gave no usable new blockhash within {_BLOCKHASH_PATIENCE:g} seconds.",
                    hint="Nothing was sent. Does the cluster make progress?",
                    endpoint=self._rpc.label,
                )
            self._clock.sleep(_BLOCKHASH_PAUSE)

    def _refusal(self, err: Json, logs: Sequence[str], signed: SignedTransaction, *, sent: bool) -> PsycheError:
        error = refusal(err, logs, signed, self._describe_failure)
        error.context.update(sent=sent, logs=list(logs))
        if sent:
            error.context["signature"] = str(signed.signature)
            error.hint = f"{error.hint} Transaction {signed.signature} failed on-chain, its fee was paid.".strip()
        return error


def _interrupted(label: str, under_way: TransactionDelivery | None) -> Interrupted:
    """What Ctrl-C means for the transaction."""
    if under_way is None or not under_way.perhaps_sent:
        return Interrupted(f"Interrupted before {label} was sent.", hint="Nothing happened.", sent=False)
    signature = str(under_way.signature)
    if under_way.landed:
        return Interrupted(f"Interrupted after {label} had landed as {signature}.", sent=True, signature=signature)
    return Interrupted(
        f"Interrupted while {label} was under way as {signature}: it may still land.",
        hint=LOOK_UP,
        sent=True,
        signature=signature,
    )
