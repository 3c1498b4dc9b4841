"""One signed transaction on its way: send, resend the same bytes, and ask until its fate is certain.

Nothing here signs. However often the bytes are sent, the cluster executes them once, so an answer that got lost can
never lead to a second payment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from solders.signature import Signature

from psyche_cli.cluster.rpc import RpcClient
from psyche_cli.cluster.rpc_types import LandedTransaction, SignatureStatus
from psyche_cli.cluster.transaction import SignedTransaction
from psyche_cli.cluster.verdict import Delivery, Fate, delivery, fate
from psyche_cli.environment import Clock
from psyche_cli.errors import (
    NetworkError,
    RpcError,
    TimedOut,
    TransactionExpired,
    TransactionUnknown,
    Unreachable,
)

_NO_HISTORY = -32011
LOOK_UP = "Look the signature up in an explorer or with `solana confirm` before repeating."


@dataclass(frozen=True)
class Rhythm:
    """How a delivery waits. Seconds throughout.

    A blockhash lives for 150 blocks, 60 to 90 seconds, so the default deadline mostly leaves time for the verdict
    "expired", which is worth more than "unknown".
    """

    deadline: float = 120.0
    resend: float = 2.0
    first_poll: float = 0.05
    longest_poll: float = 1.0
    poll_growth: float = 1.5
    lost_after: float = 30.0
    """Without any answer for so long, the endpoint is given up."""
    never_sent_after: float = 5.0
    """The same while the bytes certainly never left."""
    request_timeout: float = 5.0


class TransactionDelivery:
    """The state of one delivery.

    ``perhaps_sent`` tells whether the cluster may have the bytes, ``landed`` whether it executed them without error.
    """

    def __init__(self, rpc: RpcClient, clock: Clock, transaction: SignedTransaction, rhythm: Rhythm) -> None:
        self._rpc = rpc.without_retries(rhythm.request_timeout)
        self._clock = clock
        self._transaction = transaction
        self._rhythm = rhythm
        self._started = self._heard = clock.monotonic()
        self._retry_after = 0.0
        self._expired_slot: int | None = None
        self._send_error: NetworkError | None = None
        self.perhaps_sent = False
        self.landed = False

    @property
    def signature(self) -> Signature:
        """What identifies the transaction."""
        return self._transaction.signature

    def run(self) -> SignatureStatus:
        """Bring the transaction to its fate and return the status that decided it: landed, or failed with ``err``.

        Raises TransactionExpired, TransactionUnknown, or, when the bytes certainly never left, the NetworkError of the
        last attempt to send.
        """
        rhythm = self._rhythm
        next_send = self._started
        pause = rhythm.first_poll
        while True:
            if self._clock.monotonic() >= next_send:
                if next_send > self._started:
                    self._check_block_height()
                if self._expired_slot is None:
                    self._send()
                next_send = self._clock.monotonic() + rhythm.resend
            status = self._status()
            if status is not None and fate(status, self._rpc.commitment) is not Fate.PENDING:
                self.landed = status.err is None
                return status
            self._give_up_when_pointless()
            self._clock.sleep(max(pause, self._retry_after))
            self._retry_after = 0.0
            pause = min(pause * rhythm.poll_growth, rhythm.longest_poll)

    def landed_transaction(self) -> LandedTransaction | None:
        """The transaction with its logs and fee, or None when the endpoint does not tell within a few attempts."""
        for _ in range(3):
            try:
                landed = self._rpc.landed_transaction(self._transaction.signature)
            except NetworkError:
                landed = None
            if landed is not None:
                return landed
            self._clock.sleep(self._rhythm.first_poll * 4)
        return None

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
            judged = delivery(error)
            if judged in (Delivery.ARRIVED, Delivery.UNCLEAR):
                return
            self.perhaps_sent = before
            self._send_error = error
            if judged is Delivery.REFUSED and not before:
                raise
        else:
            self._heard = self._clock.monotonic()

    def _status(self) -> SignatureStatus | None:
        """The status now, None when unknown. After the blockhash expired, raise as soon as that is the last word."""
        signature = self.signature
        try:
            if self._expired_slot is None:
                slot, status = self._rpc.signature_status_and_slot(signature)
            else:
                slot, status = self._status_with_history()
        except NetworkError as error:
            self._note(error)
            return None
        self._heard = self._clock.monotonic()
        # Behind one URL there may be many nodes. Only one that has seen the slot in which the blockhash was too old
        # can know that the transaction is in none before.
        if status is None and self._expired_slot is not None and slot >= self._expired_slot:
            self._raise_expired()
        return status

    def _status_with_history(self) -> tuple[int, SignatureStatus | None]:
        signature = self.signature
        try:
            return self._rpc.signature_status_and_slot(signature, search_history=True)
        except RpcError as error:
            if error.context.get("rpc_code") != _NO_HISTORY:
                raise
        # A node without a ledger still remembers twice as many slots as a blockhash lives.
        return self._rpc.signature_status_and_slot(signature)

    def _check_block_height(self) -> None:
        if self._expired_slot is not None:
            return
        try:
            position = self._rpc.chain_position()
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
        retry_after = error.context.get("retry_after")
        if isinstance(retry_after, int):
            self._retry_after = min(float(retry_after), self._rhythm.lost_after)

    def _give_up_when_pointless(self) -> None:
        now = self._clock.monotonic()
        rhythm = self._rhythm
        patience = rhythm.lost_after if self.perhaps_sent else rhythm.never_sent_after
        if now - self._started >= rhythm.deadline:
            self._raise_unknown(f"within {rhythm.deadline:g} seconds")
        if now - self._heard >= patience:
            self._raise_unknown(f"because {self._rpc.label} no longer answers")

    def _raise_unknown(self, why: str) -> NoReturn:
        self._raise_send_error_if_never_sent()
        signature = str(self._transaction.signature)
        raise TransactionUnknown(
            f"Transaction {signature} was sent, and whether it landed could not be learnt {why}.",
            hint=LOOK_UP,
            **self._context(),
        )

    def _raise_expired(self) -> NoReturn:
        self._raise_send_error_if_never_sent()
        signature = str(self._transaction.signature)
        raise TransactionExpired(
            f"Transaction {signature} was sent but did not land before its blockhash expired, and never will.",
            hint="Nothing happened and nothing was paid. Repeating it is safe.",
            **self._context(),
        )

    def _raise_send_error_if_never_sent(self) -> None:
        if not self.perhaps_sent and self._send_error is not None:
            error = self._send_error
            error.hint = f"{error.hint} Nothing was sent.".strip()
            raise error

    def _context(self) -> dict[str, str | int]:
        return {
            "signature": str(self._transaction.signature),
            "last_valid_block_height": self._transaction.last_valid_block_height,
            "endpoint": self._rpc.label,
        }
