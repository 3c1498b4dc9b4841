"""Sending of transactions: simulate, sign once, send, and wait for the outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from solders.hash import Hash
from solders.instruction import Instruction
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.environment import Clock
from psyche_cli.errors import LOOK_UP, AlreadySent, Interrupted, PsycheError, TimedOut, TransactionExpired
from psyche_cli.receipts import Receipt
from psyche_cli.solana.nonces import NonceUse
from psyche_cli.solana.public_clusters import explorer_link
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.deadline import Deadline, in_seconds
from psyche_cli.solana.rpc.types import Blockhash, Simulation
from psyche_cli.solana.sending.delivery import DeliveryTimes, TransactionDelivery
from psyche_cli.solana.sending.journal import JournalEntry, RecordState
from psyche_cli.solana.sending.preparing import Check, Prepared, Preparer
from psyche_cli.solana.sending.priority_fee import PriorityFee, PriorityFees, priority_fee_of
from psyche_cli.solana.sending.settle import Settlement, delivery_of, settle
from psyche_cli.solana.sending.transaction import SignedTransaction, Signer, sign_transaction, transaction_fee
from psyche_cli.solana.sending.verdict import FailureDescriber, Fate, describe_any_failure

if TYPE_CHECKING:
    from psyche_cli.solana.sending.recording import Recorder

WRITING_SECONDS = 118.0
"""The deadline of a command that sends transactions, in seconds after its start. Two more seconds, for the start of
Python and for the output, make the documented 120. A blockhash is valid for 150 blocks, 60 to 90 seconds, and its
expiry is finalized 13 to 19 seconds later, so there is usually time for the verdict "expired"."""

# With less than this share of the time left, nothing is sent, since the outcome would most likely remain unknown.
_MIN_TIME_SHARE = 0.1


class Sender:
    """Sends transactions one at a time and determines the outcome of each.

    ``notify`` receives a line for the user whenever a transaction is sent. ``describe_failure`` maps a transaction
    error to an exception. All calls end by the deadline of ``rpc`` or, if it has none, each call within
    ``deadline_seconds``. With a ``recorder``, every transaction is recorded before it is sent. ``advise`` maps the
    signature of a transaction whose outcome is unknown to a hint. ``fee`` is the priority fee of every transaction;
    ``notify`` receives a line about it.
    """

    def __init__(
        self,
        rpc: RpcClient,
        clock: Clock,
        notify: Callable[[str], None],
        *,
        deadline_seconds: float = WRITING_SECONDS,
        describe_failure: FailureDescriber = describe_any_failure,
        recorder: Recorder | None = None,
        advise: Callable[[str], str] = lambda _: LOOK_UP,
        fee: PriorityFee | None = None,
    ) -> None:
        self._rpc = rpc
        self._clock = clock
        self._notify = notify
        self._deadline_seconds = deadline_seconds
        self._recorder = recorder
        self._advise = advise
        fees = None if fee is None else PriorityFees(fee, notify)
        self._preparer = Preparer(rpc, clock, describe_failure, identifies=recorder is not None, fees=fees)
        self._used_signatures: set[Signature] = set()
        self._deliveries: list[TransactionDelivery] = []

    def simulate(
        self, instructions: Sequence[Instruction], wallet: Signer, extra_signers: Sequence[Signer] = ()
    ) -> Simulation:
        """Simulate the transaction without sending it. Raises the errors that ``send`` raises before sending."""
        with self.annotating_errors():
            return self._prepare(instructions, wallet, extra_signers, self._deadline())[1]

    def prepare(
        self,
        instructions: Sequence[Instruction],
        payer: Pubkey,
        *,
        label: str = "transaction",
        limit: Blockhash | NonceUse | None = None,
        check: Check | None = None,
    ) -> Prepared:
        """Simulate the transaction, without keys. Raises the errors that ``send`` raises before sending."""
        with self.annotating_errors(label):
            return self._preparer.prepare(
                instructions, payer, self._deadline(), lambda prepared: prepared, limit, check
            )

    def send(
        self,
        instructions: Sequence[Instruction],
        wallet: Signer,
        extra_signers: Sequence[Signer] = (),
        *,
        label: str = "transaction",
        creates: Mapping[str, str] | None = None,
        pays_again: bool = False,
        limit: Blockhash | NonceUse | None = None,
        check: Check | None = None,
    ) -> Receipt:
        """Send a legacy transaction of ``instructions``, paid by ``wallet``, and wait until it has landed.

        With a ``limit``, it has this blockhash, or uses this durable nonce. Raises BlockhashNotValid if that is not
        valid, and AlreadySent if an earlier command has sent the same transaction. It is signed only if its simulation
        passes the ``check``.

        ``creates`` are the accounts with their own key that it creates: address to role, for the journal. With
        ``pays_again``, a repetition of the command would pay again, so the journal treats the transaction as unfinished
        until the user has been told that it landed.

        The fields ``sent`` and ``signature`` of every error report whether this transaction, or an earlier one of this
        sender, may have reached the cluster. ``sent`` is False for TransactionTooLarge, for a NetworkError, and for
        ProgramRefused, InsufficientFunds or another Refused if the simulation failed. It is True if the transaction
        failed on-chain (and the fee was paid), for TransactionExpired (it will never land) and for TransactionUnknown
        (it may land). For Interrupted (by a signal), it may be either.
        """
        with self.annotating_errors(label):
            deadline = self._deadline()
            signed, slot = self._signed(
                instructions, wallet, extra_signers, deadline, label, creates or {}, limit, check
            )
            return self._deliver(signed, slot, deadline, label=label, pays_again=pays_again)

    def send_signed(
        self,
        signed: SignedTransaction,
        *,
        label: str,
        creates: Mapping[str, str] | None = None,
        pays_again: bool = False,
    ) -> Receipt:
        """Send a transaction that was signed elsewhere, and wait until it has landed.

        It is simulated first, with its signatures. Raises the errors of ``send``.
        """
        with self.annotating_errors(label):
            deadline = self._deadline()
            slot = self._preparer.check_signed(signed, deadline).slot
            self._require_time(deadline, label)
            if not self._record(signed, label, slot, creates or {}):
                raise AlreadySent("Another process is sending this transaction.", signature=str(signed.signature))
            return self._deliver(signed, slot, deadline, label=label, pays_again=pays_again)

    def _deliver(
        self, signed: SignedTransaction, slot: int, deadline: Deadline, *, label: str, pays_again: bool
    ) -> Receipt:
        """Send a recorded transaction, which could land in ``slot``, and record the outcome."""
        self._notify(f"Sending {label}: {signed.signature}")
        delivery = TransactionDelivery(
            self._rpc,
            self._clock,
            signed,
            deadline,
            label=label,
            times=DeliveryTimes(),
            advice=self._advise(str(signed.signature)),
            valid_slot=slot,
        )
        self._deliveries.append(delivery)
        with self._recording(delivery, pays_again=pays_again):
            return self._receipt(delivery, signed)

    def fee(self, instructions: Sequence[Instruction], payer: Pubkey) -> int:
        """The fee of a transaction in lamports: 5,000 per signature, and the priority fee if one is paid.

        A priority fee requires a simulation, whose result is used for sending. Raises FeeAboveMaximum.
        """
        return transaction_fee(instructions, payer) + self._preparer.priority_fee(instructions, payer)

    def size(self, instructions: Sequence[Instruction], payer: Pubkey) -> int:
        """The size of the signed transaction in bytes; the maximum is MAX_TRANSACTION_BYTES."""
        return self._preparer.size(instructions, payer)

    def identify_cluster(self) -> Hash:
        """The genesis hash of the cluster, which is requested once."""
        return self._preparer.identify_cluster()

    def settle(self, entry: JournalEntry) -> Settlement:
        """Determine the outcome of a transaction that an earlier process recorded, and resend it while it can land.

        Errors report it like a transaction of this sender. Raises TransactionUnknown.
        """
        with self.annotating_errors(entry.label):
            advice = self._advise(entry.signature)
            delivery = delivery_of(entry, self._rpc, self._clock, self._deadline(), DeliveryTimes(), advice)
            self._deliveries.append(delivery)
            return settle(entry, delivery, self._rpc)

    @contextmanager
    def _recording(self, delivery: TransactionDelivery, *, pays_again: bool) -> Iterator[None]:
        """Record the outcome of the delivery in the block, unless it is unknown."""
        recorder, signature = self._recorder, str(delivery.signature)
        if recorder is None:
            yield
            return
        try:
            yield
        except TransactionExpired:
            recorder.settle(signature, RecordState.EXPIRED)
            raise
        except (PsycheError, KeyboardInterrupt):
            status = delivery.status
            if delivery.fate is Fate.FAILED and status is not None:
                recorder.settle(signature, RecordState.FAILED, slot=status.slot, error=status.err)
            elif not delivery.maybe_sent:
                recorder.settle(signature, RecordState.NOT_SENT)
            raise
        status = delivery.status
        assert status is not None  # it has landed
        if pays_again:
            recorder.settle_after_output(signature, status.slot)
        else:
            recorder.settle(signature, RecordState.LANDED, slot=status.slot)

    @contextmanager
    def annotating_errors(self, label: str = "anything") -> Iterator[None]:
        """Record in every exception what has been sent, and turn KeyboardInterrupt into Interrupted.

        Also for use around code that reads before and after sending, which may fail at any point. ``label`` describes
        the transaction that has not been sent yet, for an interrupt.
        """
        try:
            yield
        except KeyboardInterrupt as stop:
            raise self._annotate(self._interrupted(stop, label)) from None
        except PsycheError as error:
            self._annotate(error)
            raise

    def _annotate(self, error: PsycheError) -> PsycheError:
        sent = [delivery for delivery in self._deliveries if delivery.maybe_sent]
        error.sent = bool(sent)
        if sent:
            error.signature = error.signature or str(sent[-1].signature)
            error.landed = tuple(str(delivery.signature) for delivery in sent if delivery.fate is Fate.LANDED)
        return error

    def _interrupted(self, stop: KeyboardInterrupt, label: str) -> Interrupted:
        """The error for a signal, with the state of the last transaction."""
        last = self._deliveries[-1] if self._deliveries else None
        if last is None or not last.maybe_sent:
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
            hint=last.advice,
        )

    def _deadline(self) -> Deadline:
        return self._rpc.deadline or Deadline(self._clock, self._deadline_seconds)

    def _require_time(self, deadline: Deadline, label: str) -> None:
        if deadline.remaining < deadline.seconds * _MIN_TIME_SHARE:
            raise TimedOut(
                f"{self._rpc.label} is so slow that only {in_seconds(deadline.remaining)} of {deadline.seconds:g} are "
                f"left to send and confirm {label}.",
                hint="The transaction was not sent. Use another endpoint, or try again later.",
                endpoint=self._rpc.label,
            )

    def _receipt(self, delivery: TransactionDelivery, signed: SignedTransaction) -> Receipt:
        status = delivery.run()
        self._rpc.require_slot(status.slot)
        ledger = delivery.landed_transaction()
        logs = ledger.logs if ledger else ()
        if status.err is not None:
            error = self._preparer.refusal(status.err, logs, signed)
            error.hint = f"{error.hint} Transaction {signed.signature} failed on-chain; its fee was paid.".strip()
            raise error
        fee = ledger.fee_lamports if ledger else None
        priority = priority_fee_of(signed.message)
        genesis = self._preparer.genesis
        signature = str(signed.signature)
        link = explorer_link(signature, None if genesis is None else str(genesis), self._rpc.label)
        return Receipt(delivery.label, signature, status.slot, logs, fee, priority, link)

    def _signed(
        self,
        instructions: Sequence[Instruction],
        wallet: Signer,
        extra_signers: Sequence[Signer],
        deadline: Deadline,
        label: str,
        creates: Mapping[str, str],
        limit: Blockhash | NonceUse | None,
        check: Check | None,
    ) -> tuple[SignedTransaction, int]:
        """Simulate and sign the transaction, and record it; on return it may be sent. Also returns the slot of the
        simulation."""
        while True:
            signed, simulation = self._prepare(instructions, wallet, extra_signers, deadline, limit, check)
            self._require_time(deadline, label)
            self._used_signatures.add(signed.signature)
            if self._record(signed, label, simulation.slot, creates):
                return signed, simulation.slot
            # Another process has sent the same bytes, so this waits for the next blockhash.

    def _record(self, signed: SignedTransaction, label: str, slot: int, creates: Mapping[str, str]) -> bool:
        """Record the transaction; False if another process has recorded the same bytes."""
        return self._recorder is None or self._recorder.record(
            signed,
            label=label,
            genesis=self._preparer.identify_cluster(),
            slot=slot,
            endpoint=self._rpc.label,
            creates=creates,
        )

    def _prepare(
        self,
        instructions: Sequence[Instruction],
        wallet: Signer,
        extra_signers: Sequence[Signer],
        deadline: Deadline,
        limit: Blockhash | NonceUse | None = None,
        check: Check | None = None,
    ) -> tuple[SignedTransaction, Simulation]:
        """Simulate the transaction, and sign it as simulated, with a signature that has not been used yet."""

        def sign(prepared: Prepared) -> tuple[SignedTransaction, Simulation] | None:
            signed = sign_transaction(prepared.instructions, wallet, extra_signers, prepared.blockhash)
            return None if signed.signature in self._used_signatures else (signed, prepared.simulation)

        return self._preparer.prepare(instructions, wallet.address, deadline, sign, limit, check)
