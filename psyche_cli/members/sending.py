"""Transactions of members: simulated, signed once, and resent as the same bytes until they land.

They are not written to a journal: the program refuses what it has already recorded, so a member that was interrupted
looks at the run and continues.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Sequence
from typing import Final, NamedTuple

from solders.compute_budget import set_compute_unit_limit
from solders.instruction import Instruction
from solders.signature import Signature

from psyche_cli.environment import Clock
from psyche_cli.errors import Json, PsycheError
from psyche_cli.protocol.errors.program_errors import failure_describer
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.receipts import Receipt
from psyche_cli.solana.rpc.answers import as_list, read_signature_status, slot_and_value
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.deadline import Deadline
from psyche_cli.solana.rpc.types import Blockhash, SignatureStatus
from psyche_cli.solana.sending.delivery import DeliveryTimes, TransactionDelivery
from psyche_cli.solana.sending.transaction import SignedTransaction, Signer, sign_transaction
from psyche_cli.solana.sending.verdict import Fate, fate, refusal

_UNITS: Final = 1_000_000
"""The compute unit limit of a transaction, apart from a number that makes each transaction unique."""
_DISTINCT: Final = 300_000
_SECONDS: Final = 90.0
_PER_BATCH: Final = 64


class Outgoing(NamedTuple):
    """A transaction to send: its instructions, the wallet that signs and pays, and other signers."""

    wallet: Signer
    instructions: Sequence[Instruction]
    label: str
    others: Sequence[Signer] = ()


class MemberSender:
    """Sends transactions and waits until they have landed, each within ``seconds``.

    With ``simulates``, a single transaction is sent only if its simulation succeeds.
    """

    def __init__(
        self,
        rpc: RpcClient,
        clock: Clock,
        programs: ProgramIds = PUBLISHED,
        *,
        seconds: float = _SECONDS,
        simulates: bool = True,
    ) -> None:
        self._rpc = rpc
        self._clock = clock
        self._describe = failure_describer(programs)
        self._seconds = seconds
        self._simulates = simulates
        self._numbers = itertools.cycle(range(_DISTINCT))

    def send(self, outgoing: Outgoing) -> Receipt:
        """Send one transaction.

        Raises ProgramRefused or InsufficientFunds if it fails, in the simulation or on-chain; TransactionExpired,
        TransactionUnknown, and the NetworkError of an endpoint that has definitely not received it. ``sent`` and
        ``signature`` of the error state what the cluster may have received.
        """
        signed = self._signed(outgoing, self._rpc.latest_blockhash())
        if self._simulates:
            simulation = self._rpc.simulate(signed.raw)
            if simulation.err is not None:
                raise self._failed(signed, simulation.err, simulation.logs, sent=False)
        return self._delivered(signed, outgoing.label)

    def send_all(self, transactions: Sequence[Outgoing]) -> list[Receipt | PsycheError]:
        """Send transactions in this order with few requests; returns the receipt of each, or why it failed.

        They are not simulated, and sent one by one if the endpoint does not take batches. The receipts have no logs.
        """
        if not transactions:
            return []
        blockhash = self._rpc.latest_blockhash()
        signed = [self._signed(outgoing, blockhash) for outgoing in transactions]
        statuses = self._send_together(signed)
        return [
            self._outcome(one, outgoing.label, status)
            for one, outgoing, status in zip(signed, transactions, statuses, strict=True)
        ]

    def _send_together(self, transactions: Sequence[SignedTransaction]) -> list[SignatureStatus | None]:
        """Send all in few round trips; returns the status of each, None if it is unknown."""
        options: Json = {"encoding": "base64", "skipPreflight": True, "maxRetries": 0}
        for start in range(0, len(transactions), _PER_BATCH):
            batch = transactions[start : start + _PER_BATCH]
            self._rpc.try_together(
                *(("sendTransaction", [base64.b64encode(one.raw).decode("ascii"), options]) for one in batch)
            )
        found: list[SignatureStatus | None] = []
        for start in range(0, len(transactions), _PER_BATCH):
            found += self._statuses([one.signature for one in transactions[start : start + _PER_BATCH]])
        return found

    def _statuses(self, signatures: Sequence[Signature]) -> list[SignatureStatus | None]:
        def read(result: Json) -> list[SignatureStatus | None]:
            statuses = [read_signature_status(one) for one in as_list(slot_and_value(result)[1])]
            if len(statuses) != len(signatures):
                raise ValueError(f"expected {len(signatures)} statuses, got {len(statuses)}")
            final = self._rpc.commitment
            return [one if one is not None and fate(one, final) is not Fate.PENDING else None for one in statuses]

        return self._rpc.call("getSignatureStatuses", [[str(one) for one in signatures]], read)

    def _signed(self, outgoing: Outgoing, blockhash: Blockhash) -> SignedTransaction:
        # A different limit makes each transaction unique, also if two follow each other in the same slot.
        limit = set_compute_unit_limit(_UNITS + next(self._numbers))
        return sign_transaction([limit, *outgoing.instructions], outgoing.wallet, outgoing.others, blockhash)

    def _outcome(self, signed: SignedTransaction, label: str, status: SignatureStatus | None) -> Receipt | PsycheError:
        try:
            if status is None:
                return self._delivered(signed, label, sent_before=True)
            if status.err is not None:
                raise self._failed(signed, status.err, self._rpc.transaction_logs(signed.signature) or ())
        except PsycheError as error:
            return error
        return Receipt(label, str(signed.signature), status.slot)

    def _delivered(self, signed: SignedTransaction, label: str, *, sent_before: bool = False) -> Receipt:
        """Deliver the bytes, which the cluster may have received before, and return the receipt."""
        deadline = Deadline(self._clock, self._seconds)
        times = DeliveryTimes()
        delivery = TransactionDelivery(
            self._rpc, self._clock, signed, deadline, label=label, times=times, sent_before=sent_before
        )
        try:
            status = delivery.run()
        except PsycheError as error:
            error.sent = delivery.maybe_sent
            error.signature = str(signed.signature) if delivery.maybe_sent else None
            raise
        self._rpc.require_slot(status.slot)
        ledger = delivery.landed_transaction()
        logs = ledger.logs if ledger else ()
        if status.err is not None:
            raise self._failed(signed, status.err, logs)
        return Receipt(label, str(signed.signature), status.slot, logs, ledger.fee_lamports if ledger else None)

    def _failed(self, signed: SignedTransaction, err: Json, logs: Sequence[str], *, sent: bool = True) -> PsycheError:
        error = refusal(err, logs, signed, self._describe, self._rpc.label)
        error.sent, error.logs = sent, tuple(logs)
        error.signature = str(signed.signature) if sent else None
        return error
