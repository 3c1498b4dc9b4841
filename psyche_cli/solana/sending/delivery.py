"""One signed transaction on its way: send, resend the same bytes, and ask until its fate is certain.

Nothing here signs. However often the bytes are sent, the cluster executes them once, so an answer that got lost can
never lead to a second payment.

When a transaction has expired
------------------------------
"Expired" invites the user to repeat a payment, so it must never be wrong, whichever node answers. It takes two things:

1. A block above ``last_valid_block_height`` is *finalized*. Every block that could hold the transaction is then an
   ancestor of that block or belongs to an abandoned fork: whether it landed is decided for good. The height at
   ``confirmed``, or of a node's own latest block, proves less: the transaction may sit in a block of the majority's
   fork that the node that answers has not seen.
2. Twice, ``second_look`` seconds apart, a node whose own bank has reached that finalized slot does not know the
   transaction, its ledger included, and nobody in between does. The signature's status comes from the bank of whichever
   node answers, and the question has no way to ask for one that has finalized a slot. A node that lags behind gives
   itself away by its slot and is not believed. A node on a minority fork does not; but a slot is finalized 32 slots
   (12.8 seconds or more) after it was produced, so to be wrong twice it must have missed the majority's blocks for
   about 18 seconds and still be asked. Its own view of what is finalized stands still meanwhile, so a single node on a
   fork cannot even pass the first step.

A node without a ledger answers from memory, which holds the last 300 rooted slots. That is enough: a transaction lives
for 150 blocks, and both steps together take some 45 slots more.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from solders.signature import Signature

from psyche_cli.environment import Clock
from psyche_cli.errors import (
    LOOK_UP,
    HttpStatusError,
    NetworkError,
    RpcError,
    TimedOut,
    TransactionExpired,
    TransactionUnknown,
    Unreachable,
)
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.codes import TRANSACTION_HISTORY_NOT_AVAILABLE
from psyche_cli.solana.rpc.deadline import Deadline
from psyche_cli.solana.rpc.types import LandedTransaction, SignatureStatus
from psyche_cli.solana.sending.transaction import SignedTransaction
from psyche_cli.solana.sending.verdict import Delivery, Fate, delivery, fate

_LOG_ATTEMPTS = 3


@dataclass(frozen=True)
class DeliveryTimes:
    """How long a delivery waits for what. Seconds throughout."""

    resend: float = 2.0
    first_poll: float = 0.05
    longest_poll: float = 0.2
    """Four questions a second at most: public endpoints allow 40 of a kind in 10 seconds."""
    poll_growth: float = 1.5
    late_after: float = 30.0
    """A transaction that has not landed by then, 75 slots after it was first sent, rarely does."""
    late_poll: float = 1.0
    """The pause from then on: nobody waits for the fraction of a second, and the endpoint gets a fifth of the
    requests."""
    lost_after: float = 30.0
    """Without any answer for so long, the endpoint is given up. Nor is a longer Retry-After honoured."""
    never_sent_after: float = 5.0
    """The same while the bytes certainly never left."""
    request_timeout: float = 5.0
    second_look: float = 5.0
    """Between the two answers that make a transaction expired."""
    last_look: float = 5.0
    """Before the deadline, polling resumes even if the endpoint asked for a longer pause."""


class TransactionDelivery:
    """The state of one delivery.

    ``label`` says what the transaction does. ``perhaps_sent`` tells whether the cluster may have the bytes, ``fate``
    what became of them as far as it is known. ``deadline`` bounds everything here.
    """

    def __init__(
        self,
        rpc: RpcClient,
        clock: Clock,
        transaction: SignedTransaction,
        deadline: Deadline,
        *,
        label: str,
        times: DeliveryTimes,
    ) -> None:
        self._rpc = rpc.within(deadline).without_retries(times.request_timeout)
        self._clock = clock
        self._transaction = transaction
        self._deadline = deadline
        self._times = times
        self._started = self._heard = clock.monotonic()
        self._retry_after = 0.0
        self._expired_slot: int | None = None
        self._first_look: float | None = None
        self._send_error: NetworkError | None = None
        self._accepted = False
        self._landed: LandedTransaction | None = None
        self.label = label
        self.perhaps_sent = False
        self.fate = Fate.PENDING

    @property
    def signature(self) -> Signature:
        """What identifies the transaction."""
        return self._transaction.signature

    def run(self) -> SignatureStatus:
        """Bring the transaction to its fate and return the status that decided it: landed, or failed with ``err``.

        Where transactions land at once, as on a local validator, the first look fetches logs and fee as well.

        Raises TransactionExpired, TransactionUnknown, or, when the bytes certainly never left, the NetworkError of the
        last attempt to send.
        """
        times = self._times
        next_send = self._started
        pause = times.first_poll
        look = self._landed_at_once
        while True:
            if self._clock.monotonic() >= next_send:
                if next_send > self._started:
                    self._check_expiry()
                if self._expired_slot is None:
                    self._send()
                next_send = self._clock.monotonic() + times.resend
            status = look()
            look = self._status
            if status is not None:
                self.fate = fate(status, self._rpc.commitment)
                if self.fate is not Fate.PENDING:
                    return status
            self._give_up_when_pointless()
            self._wait(pause)
            pause = self._next_pause(pause)

    def landed_transaction(self) -> LandedTransaction | None:
        """The transaction with its logs and fee, or None when the endpoint does not tell within a few attempts."""
        for attempt in range(_LOG_ATTEMPTS):
            if self._landed is not None:
                break
            if attempt:
                self._wait(self._times.first_poll * 4)
            with suppress(NetworkError):
                self._landed = self._rpc.landed_transaction(self.signature)
        return self._landed

    def _send(self) -> None:
        """Send the bytes once. Only a refusal that is certain, and of bytes that never left, is raised."""
        before = self.perhaps_sent
        # Set first: Ctrl-C may come between the last byte and the answer.
        self.perhaps_sent = True
        try:
            # The bytes have been simulated. Preflight would do that again, and refuse a resend as already processed.
            # The node's own repetitions (max_retries) are off because the repetitions are made here.
            self._rpc.send_transaction(self._transaction.raw, skip_preflight=True, max_retries=0)
        except NetworkError as error:
            self._note(error)
            self._send_error = error
            judged = delivery(error)
            if judged is Delivery.UNCLEAR:
                return
            self.perhaps_sent = before
            if judged is Delivery.REFUSED and not before:
                raise
        else:
            self._accepted = True
            self._heard = self._clock.monotonic()

    def _landed_at_once(self) -> SignatureStatus | None:
        """The status of a transaction that is in the ledger at the commitment already, else None."""
        if not self._accepted:
            return self._status()
        try:
            landed = self._landed = self._rpc.landed_transaction(self.signature)
        except NetworkError as error:
            self._note(error)
            return None
        self._heard = self._clock.monotonic()
        return None if landed is None else SignatureStatus(landed.slot, landed.err, self._rpc.commitment)

    def _status(self) -> SignatureStatus | None:
        """The status now, None when unknown. Raises TransactionExpired as soon as that is certain."""
        signature = self.signature
        try:
            if self._expired_slot is None:
                slot, status = self._rpc.signature_status_and_slot(signature)
            else:
                slot, status = self._status_with_history()
        except NetworkError as error:
            self._note(error)
            return None
        self._heard = now = self._clock.monotonic()
        if status is not None:
            self._first_look = None
        elif self._expired_slot is not None and slot >= self._expired_slot:
            if self._first_look is None:
                self._first_look = now
            elif now - self._first_look >= self._times.second_look:
                self._raise_expired()
        return status

    def _status_with_history(self) -> tuple[int, SignatureStatus | None]:
        signature = self.signature
        try:
            return self._rpc.signature_status_and_slot(signature, search_history=True)
        except RpcError as error:
            if error.rpc_code != TRANSACTION_HISTORY_NOT_AVAILABLE:
                raise
        return self._rpc.signature_status_and_slot(signature)

    def _check_expiry(self) -> None:
        """Note the slot of a finalized block in which the blockhash was too old, once there is one."""
        if self._expired_slot is not None:
            return
        try:
            position = self._rpc.chain_position("finalized")
        except NetworkError as error:
            self._note(error)
            return
        self._heard = self._clock.monotonic()
        if position.block_height > self._transaction.last_valid_block_height:
            self._expired_slot = position.slot

    def _note(self, error: NetworkError) -> None:
        """Remember whether the endpoint is there at all, and how long it wants to be left alone."""
        if not isinstance(error, (Unreachable, TimedOut)):
            self._heard = self._clock.monotonic()
        if isinstance(error, HttpStatusError) and error.retry_after is not None:
            self._retry_after = min(float(error.retry_after), self._times.lost_after)

    def _wait(self, pause: float) -> None:
        """Wait for ``pause`` seconds, or as long as the endpoint asks for, but leave time for a last look."""
        remaining = self._deadline.remaining
        most = max(remaining - self._times.last_look, min(pause, remaining))
        self._clock.sleep(min(max(pause, self._retry_after), most))
        self._retry_after = 0.0

    def _next_pause(self, pause: float) -> float:
        times = self._times
        if self._clock.monotonic() - self._started >= times.late_after:
            return times.late_poll
        return min(pause * times.poll_growth, times.longest_poll)

    def _give_up_when_pointless(self) -> None:
        patience = self._times.lost_after if self.perhaps_sent else self._times.never_sent_after
        if self._deadline.passed:
            self._raise_unknown(f"within {self._deadline.seconds:g} seconds")
        if self._clock.monotonic() - self._heard >= patience:
            self._raise_unknown(f"because {self._rpc.label} stopped responding")

    def _raise_unknown(self, why: str) -> NoReturn:
        self._raise_send_error_if_never_sent()
        raise TransactionUnknown(
            f"Transaction {self.signature} was sent, but its outcome could not be determined {why}.",
            hint=f"{self._unaccepted()}{LOOK_UP}",
            last_valid_block_height=self._transaction.last_valid_block_height,
            endpoint=self._rpc.label,
        )

    def _raise_expired(self) -> NoReturn:
        self._raise_send_error_if_never_sent()
        raise TransactionExpired(
            f"Transaction {self.signature} was sent but did not land before its blockhash expired, and can no longer "
            "land.",
            hint=f"{self._unaccepted()}Nothing was executed and nothing was paid. It is safe to run the command again.",
            last_valid_block_height=self._transaction.last_valid_block_height,
            endpoint=self._rpc.label,
        )

    def _raise_send_error_if_never_sent(self) -> None:
        if not self.perhaps_sent and self._send_error is not None:
            error = self._send_error
            error.hint = f"{error.hint} The transaction was not sent.".strip()
            raise error

    def _unaccepted(self) -> str:
        """What the endpoint answered to the last attempt to send, if it never said that it took the bytes."""
        error = self._send_error
        return "" if self._accepted or error is None else f"Every attempt to send it failed: {error.message} "
