"""Delivery of a signed transaction: send it, resend the same bytes, and poll until its outcome is known.

Nothing is signed here. The cluster executes a transaction only once however often it is sent, so a lost response can
never cause a second payment.

Expiry
------
A user may repeat a payment that is reported as expired, so this verdict must never be wrong, whichever node responds.
It requires two conditions:

1. A block above ``last_valid_block_height`` is *finalized*. Every block that could contain the transaction is then
   either an ancestor of that block or on an abandoned fork, so the outcome is final. The block height at ``confirmed``,
   or of a node's latest block, is not sufficient: the transaction may be in a block of the majority fork that the
   responding node has not seen.
2. In two responses at least ``second_look`` seconds apart, and in all responses between them, the transaction is
   unknown to a node whose bank has reached that finalized slot, and not in its ledger. A signature status comes from
   the bank of the responding node, and the request cannot require a node that has finalized a given slot. Responses
   from a node that is behind are recognized by their slot and ignored. A node on a minority fork cannot be recognized;
   but a slot is finalized 32 slots (at least 12.8 seconds) after it was produced, so for two wrong responses the node
   would have to miss the majority's blocks for about 18 seconds and still receive requests. Such a node does not
   finalize slots, so if it is the only node, the first condition is never met.

A transaction with a durable nonce has no last valid block height. It can no longer land once the nonce account has
another value in a finalized bank that is not older than the one in which the transaction was simulated. This replaces
the first condition; the second one is the same.

A node without a ledger only has the status cache of the last 300 rooted slots. This is sufficient: a transaction is
valid for 150 blocks, and both steps take about 45 slots more.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple, NoReturn

from solders.signature import Signature

from psyche_cli.environment import Clock, Wait
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
from psyche_cli.solana.nonces import nonce_in
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.codes import TRANSACTION_HISTORY_NOT_AVAILABLE
from psyche_cli.solana.rpc.deadline import Deadline, in_seconds
from psyche_cli.solana.rpc.types import LandedTransaction, SignatureStatus
from psyche_cli.solana.sending.transaction import SignedTransaction
from psyche_cli.solana.sending.verdict import Delivery, Fate, delivery, fate

_LOG_ATTEMPTS = 3


def expired_in(transaction: SignedTransaction, rpc: RpcClient, valid_slot: int) -> int | None:
    """The slot of a finalized bank in which the transaction can no longer land; None if it may still land.

    ``valid_slot`` is a slot in which it could land.
    """
    nonce = transaction.nonce
    if nonce is None:
        position = rpc.chain_position("finalized")
        assert transaction.last_valid_block_height is not None  # one of the two limits it
        return position.slot if position.block_height > transaction.last_valid_block_height else None
    slot, account = rpc.finalized_account(nonce.account)
    found = None if account is None else nonce_in(account.owner, account.data)
    is_advanced = found is None or found.value != nonce.value
    return slot if is_advanced and slot >= valid_slot else None


class DeliveryTimes(NamedTuple):
    """The intervals and timeouts of a delivery, in seconds."""

    resend: float = 2.0
    first_poll: float = 0.05
    longest_poll: float = 0.2
    """The maximum pause between polls; public endpoints allow 40 requests per method in 10 seconds."""
    poll_growth: float = 1.5
    late_after: float = 30.0
    """When polling slows down: a transaction that has not landed within about 75 slots rarely does."""
    late_poll: float = 1.0
    """The pause between polls after ``late_after``, which reduces the load on the endpoint to a fifth."""
    lost_after: float = 30.0
    """The endpoint is considered lost after this time without a response; also the maximum Retry-After honored."""
    never_sent_after: float = 5.0
    """The same as long as the transaction has definitely not been sent."""
    request_timeout: float = 5.0
    second_look: float = 5.0
    """The minimum interval between the two responses that establish expiry."""
    last_look: float = 5.0
    """How long before the deadline polling resumes, even if the endpoint requested a longer pause."""


class TransactionDelivery:
    """The delivery of one transaction.

    ``label`` describes the transaction. ``maybe_sent`` is True if the cluster may have received it; ``fate`` is its
    last known state, from ``status``. ``deadline`` limits the whole delivery. ``sent_before`` is True for the bytes of
    an earlier process, which the cluster may have received. ``advice`` says what to do if the outcome remains unknown.
    ``valid_slot`` is a slot in which the transaction could land, which matters for a durable nonce: a bank of an
    earlier slot may contain an earlier value.
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
        sent_before: bool = False,
        advice: str = LOOK_UP,
        valid_slot: int = 0,
    ) -> None:
        self._valid_slot = valid_slot
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
        self.advice = advice
        self.maybe_sent = sent_before
        self.status: SignatureStatus | None = None
        self.fate = Fate.PENDING

    @property
    def signature(self) -> Signature:
        """The signature, which identifies the transaction."""
        return self._transaction.signature

    def run(self) -> SignatureStatus:
        """Deliver the transaction and return its final status: landed, or failed with ``err``.

        The first poll also fetches logs and fee, in case it landed immediately, as on a local validator.

        Raises TransactionExpired, TransactionUnknown or, if the transaction was definitely never sent, the NetworkError
        of the last attempt to send it.
        """
        with self._rpc.waits.showing(f"Waiting for {self.label} to be {self._rpc.commitment}") as wait:
            return self._run(wait)

    def _run(self, wait: Wait) -> SignatureStatus:
        times = self._times
        next_send = self._started
        pause = times.first_poll
        look = self._status_from_ledger
        polls = sends = 0
        while True:
            if self._clock.monotonic() >= next_send:
                if next_send > self._started:
                    self._check_expiry()
                if self._expired_slot is None:
                    self._send()
                    sends += 1
                next_send = self._clock.monotonic() + times.resend
            status = look()
            look = self._status
            if status is not None:
                self.status = status
                self.fate = fate(status, self._rpc.commitment)
                if self.fate is not Fate.PENDING:
                    return status
            self._check_time_limits()
            polls += 1
            resends = f", resend {sends - 1}" if sends > 1 else ""
            if self._retry_after > pause:
                wait.now(f"the endpoint asks to pause, poll {polls + 1} in {{}} s", self._retry_after)
            else:
                wait.now(f"poll {polls}{resends}, {{}} s left", self._deadline.remaining)
            self._wait(pause)
            pause = self._next_pause(pause)

    def landed_transaction(self) -> LandedTransaction | None:
        """The transaction with its logs and fee, or None if the endpoint does not return it within a few attempts."""
        for attempt in range(_LOG_ATTEMPTS):
            if self._landed is not None:
                break
            if attempt:
                self._wait(self._times.first_poll * 4)
            with suppress(NetworkError):
                self._landed = self._rpc.landed_transaction(self.signature)
        return self._landed

    def _send(self) -> None:
        """Send the transaction once. Raises a definite rejection, unless an earlier attempt may have succeeded."""
        before = self.maybe_sent
        # Set first, since an interrupt may occur between the last byte and the response.
        self.maybe_sent = True
        try:
            # No preflight: the transaction has already been simulated, and a resend would fail as already processed.
            # No retries by the node, since they are made here.
            self._rpc.send_transaction(self._transaction.raw, skip_preflight=True, max_retries=0)
        except NetworkError as error:
            self._record_error(error)
            self._send_error = error
            judged = delivery(error)
            if judged is Delivery.UNCLEAR:
                return
            self.maybe_sent = before
            if judged is Delivery.REFUSED and not before:
                raise
        else:
            self._accepted = True
            self._heard = self._clock.monotonic()

    def _status_from_ledger(self) -> SignatureStatus | None:
        """The status of a transaction that is already in the ledger at the requested commitment, else None."""
        if not self._accepted:
            return self._status()
        try:
            landed = self._landed = self._rpc.landed_transaction(self.signature)
        except NetworkError as error:
            self._record_error(error)
            return None
        self._heard = self._clock.monotonic()
        return None if landed is None else SignatureStatus(landed.slot, landed.err, self._rpc.commitment)

    def _status(self) -> SignatureStatus | None:
        """The current status, or None if it is unknown. Raises TransactionExpired once expiry is established."""
        signature = self.signature
        try:
            if self._expired_slot is None:
                slot, status = self._rpc.signature_status_and_slot(signature)
            else:
                slot, status = self._status_with_history()
        except NetworkError as error:
            self._record_error(error)
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
        """Record the slot of a finalized bank in which the transaction can no longer land, once there is one."""
        if self._expired_slot is not None:
            return
        try:
            expired_slot = expired_in(self._transaction, self._rpc, self._valid_slot)
        except NetworkError as error:
            self._record_error(error)
            return
        self._heard = self._clock.monotonic()
        self._expired_slot = expired_slot

    def _record_error(self, error: NetworkError) -> None:
        """After a failed request, record whether the endpoint responds at all, and its Retry-After."""
        if not isinstance(error, (Unreachable, TimedOut)):
            self._heard = self._clock.monotonic()
        if isinstance(error, HttpStatusError) and error.retry_after is not None:
            self._retry_after = min(float(error.retry_after), self._times.lost_after)

    def _wait(self, pause: float) -> None:
        """Wait for ``pause`` seconds, or longer for a Retry-After, but leave ``last_look`` seconds for polling."""
        remaining = self._deadline.remaining
        most = max(remaining - self._times.last_look, min(pause, remaining))
        self._rpc.waits.sleep(self._clock, min(max(pause, self._retry_after), most))
        self._retry_after = 0.0

    def _next_pause(self, pause: float) -> float:
        times = self._times
        if self._clock.monotonic() - self._started >= times.late_after:
            return times.late_poll
        return min(pause * times.poll_growth, times.longest_poll)

    def _check_time_limits(self) -> None:
        patience = self._times.lost_after if self.maybe_sent else self._times.never_sent_after
        if self._deadline.passed:
            self._raise_unknown(f"within {in_seconds(self._deadline.elapsed)}")
        if self._clock.monotonic() - self._heard >= patience:
            self._raise_unknown(f"because {self._rpc.label} stopped responding")

    def _raise_unknown(self, why: str) -> NoReturn:
        self._raise_send_error_if_never_sent()
        raise TransactionUnknown(
            f"Transaction {self.signature} was sent, but its outcome could not be determined {why}.",
            hint=f"{self._unaccepted()}{self.advice}",
            last_valid_block_height=self._transaction.last_valid_block_height,
            endpoint=self._rpc.label,
        )

    def _raise_expired(self) -> NoReturn:
        self._raise_send_error_if_never_sent()
        if self._transaction.nonce is None:
            reason = "did not land before its blockhash expired"
        else:
            reason = f"did not land before another transaction advanced its nonce {self._transaction.nonce.account}"
        raise TransactionExpired(
            f"Transaction {self.signature} was sent but {reason}, and can no longer land.",
            hint=f"{self._unaccepted()}Nothing was executed and nothing was paid. It is safe to run the command again.",
            last_valid_block_height=self._transaction.last_valid_block_height,
            endpoint=self._rpc.label,
        )

    def _raise_send_error_if_never_sent(self) -> None:
        if not self.maybe_sent and self._send_error is not None:
            error = self._send_error
            error.hint = f"{error.hint} The transaction was not sent.".strip()
            raise error

    def _unaccepted(self) -> str:
        """The error of the last attempt to send, as a sentence, if no attempt was accepted; else empty."""
        error = self._send_error
        return "" if self._accepted or error is None else f"Every attempt to send it failed: {error.message} "
