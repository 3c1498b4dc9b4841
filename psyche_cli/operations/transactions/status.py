"""What the cluster and the journal know about a transaction."""

from __future__ import annotations

import json
from typing import Any

from solders.signature import Signature

from psyche_cli.errors import NotFound, RpcError
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.transactions.payloads import TransactionStatusData
from psyche_cli.operations.transactions.records import link_of_record, record_data, record_row
from psyche_cli.results import OperationResult, Toned
from psyche_cli.solana.public_clusters import explorer_link
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
    genesis = None if entry is None else str(session.rpc.genesis_hash())
    same = None if entry is None else entry.genesis_hash == genesis
    found = status_with_history(session.rpc, signature)
    if found is None and entry is None:
        raise NotFound(
            f"Neither {session.rpc.label} nor the journal knows transaction {signature}.",
            hint="Check --rpc. An endpoint without a full history only knows recent transactions.",
        )
    error = None if found is None or found.err is None else json.dumps(found.err)
    confirmation: Any = found.confirmation_status if found else None
    status = "unknown" if found is None else "landed" if error is None else "failed"
    details: list[tuple[str, str]] = [("on the cluster", _shown_status(found))]
    if error is not None:
        details.append(("error", error))
    details.append(("in the journal", "no record" if entry is None else record_row(entry)[1]))
    if entry is not None and entry.reason:
        details.append(("reason", entry.reason))
    link = explorer_link(str(signature), genesis, session.rpc.label) if entry is None else link_of_record(entry)
    if link is not None:
        details.append(("explorer", link))
    resumable = entry is not None and entry.is_unsettled
    return OperationResult(
        summary=_summary(signature, status, session.rpc.label),
        data=TransactionStatusData(
            signature=str(signature),
            status="unknown" if found is None else "landed" if error is None else "failed",
            confirmation=confirmation,
            slot=found.slot if found else None,
            error=error,
            explorer=link,
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


def _shown_status(found: SignatureStatus | None) -> Toned:
    if found is None:
        return Toned("unknown", "caution")
    rest = f" in slot {found.slot}, {found.confirmation_status}"
    return Toned("landed", "good", rest) if found.err is None else Toned("failed", "bad", rest)


def status_with_history(rpc: RpcClient, signature: Signature) -> SignatureStatus | None:
    """The status of a transaction, also of an old one if the endpoint has a ledger; None if it does not know it."""
    try:
        return rpc.signature_status(signature, search_history=True)
    except RpcError as error:
        if error.rpc_code != TRANSACTION_HISTORY_NOT_AVAILABLE:
            raise
    return rpc.signature_status(signature)
