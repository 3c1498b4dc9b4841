"""What the cluster and the journal know about a transaction."""

from __future__ import annotations

import json
from typing import Any

from solders.signature import Signature

from psyche_cli.errors import NotFound, RpcError
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.transactions.payloads import TransactionStatusData
from psyche_cli.operations.transactions.records import record_data, record_row
from psyche_cli.results import OperationResult
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.codes import TRANSACTION_HISTORY_NOT_AVAILABLE
from psyche_cli.solana.rpc.types import SignatureStatus
from psyche_cli.solana.sending.journal import Journal


def transaction_status(
    session: Session, journal: Journal, signature: Signature
) -> OperationResult[TransactionStatusData]:
    """The status of a transaction at any commitment, and its record. Changes nothing.

    Raises NotFound if neither knows it, JournalError.
    """
    entry = journal.entry(str(signature))
    same = None if entry is None else entry.genesis_hash == str(session.rpc.genesis_hash())
    found = _status(session.rpc, signature)
    if found is None and entry is None:
        raise NotFound(
            f"Neither {session.rpc.label} nor the journal knows transaction {signature}.",
            hint="Check --rpc. An endpoint without a full history only knows recent transactions.",
        )
    error = None if found is None or found.err is None else json.dumps(found.err)
    confirmation: Any = found.confirmation_status if found else None
    status = "unknown" if found is None else "landed" if error is None else "failed"
    details = [("on the cluster", status if found is None else f"{status} in slot {found.slot}, {confirmation}")]
    if error is not None:
        details.append(("error", error))
    details.append(("in the journal", "no record" if entry is None else record_row(entry)[1]))
    resumable = entry is not None and entry.is_unsettled
    return OperationResult(
        summary=_summary(signature, status, session.rpc.label),
        data=TransactionStatusData(
            signature=str(signature),
            status="unknown" if found is None else "landed" if error is None else "failed",
            confirmation=confirmation,
            slot=found.slot if found else None,
            error=error,
            same_cluster=same,
            record=None if entry is None else record_data(entry),
        ),
        details=tuple(details),
        warnings=("It was sent to a different cluster from the one this endpoint serves.",) if same is False else (),
        next_steps=(session.given.command("tx resume", str(signature)),) if resumable else (),
    )


def _summary(signature: Signature, status: str, label: str) -> str:
    if status == "unknown":
        return f"{label} does not know transaction {signature}."
    return f"Transaction {signature} {'landed' if status == 'landed' else 'failed on-chain'}."


def _status(rpc: RpcClient, signature: Signature) -> SignatureStatus | None:
    try:
        return rpc.signature_status(signature, search_history=True)
    except RpcError as error:
        if error.rpc_code != TRANSACTION_HISTORY_NOT_AVAILABLE:
            raise
    return rpc.signature_status(signature)
