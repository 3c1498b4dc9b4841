"""Send a transaction that was signed elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from solders.signature import Signature

from psyche_cli.errors import AlreadySent, Refused, TransactionExpired
from psyche_cli.limits import BLOCKHASH_MAX_AGE
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.transactions.documents import TransactionDocument
from psyche_cli.operations.transactions.payloads import SentTransaction
from psyche_cli.operations.transactions.resume import record_settlement
from psyche_cli.operations.transactions.status import status_with_history
from psyche_cli.operations.transactions.words import in_one_line
from psyche_cli.protocol.errors.program_errors import failure_describer
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.results import OperationResult
from psyche_cli.solana.nonces import nonce_in, nonce_used_by
from psyche_cli.solana.rpc.deadline import Deadline
from psyche_cli.solana.sending.journal import Journal, JournalEntry, RecordState
from psyche_cli.solana.sending.recording import Recorder
from psyche_cli.solana.sending.sender import WRITING_SECONDS, Sender
from psyche_cli.solana.sending.settle import how_to_settle
from psyche_cli.solana.sending.transaction import SignedTransaction, signed_transaction
from psyche_cli.solana.sending.verdict import Fate, blockhash_not_valid, fate

if TYPE_CHECKING:
    from psyche_cli.environment import Environment
    from psyche_cli.receipts import Receipt
    from psyche_cli.solana.rpc.client import RpcClient
    from psyche_cli.solana.sending.partly_signed import PartlySigned


def send_document(
    session: Session, environment: Environment, journal: Journal, document: TransactionDocument
) -> OperationResult[SentTransaction]:
    """Check that all have signed a transaction, record it, send it, and wait until it has landed.

    If it has already landed, also if only the journal knows that, it is reported and not sent; if another process has
    recorded it, it is settled. Raises MissingSignatures, BlockhashNotValid, Refused for another cluster or a
    transaction that failed before, and the errors of sending.
    """
    transaction = document.transaction
    transaction.require_complete()
    signature = transaction.signatures[transaction.signers[0]]
    deadline = session.rpc.deadline or Deadline(environment.clock, WRITING_SECONDS, since=environment.started)
    rpc = session.rpc.within(deadline)
    sender = Sender(
        rpc,
        environment.clock,
        session.notify,
        describe_failure=failure_describer(PUBLISHED),
        recorder=_recorder(environment, journal, document),
        advise=lambda signature: how_to_settle(signature, session.given),
    )
    with sender.annotating_errors(document.label):
        _require_cluster(sender, document, rpc.label)
        session.notify(in_one_line(transaction))
        entry = journal.entry(str(signature))
        if entry is not None and entry.state is RecordState.LANDED and _is_of(sender, entry):
            return _result(document, signature, entry.recorded_slot if entry.slot is None else entry.slot, ())
        if entry is None or not entry.is_unsettled:
            landed = _landed_before(Session(rpc, session.programs, session.notify, session.given), signature)
            if landed is not None:
                return _result(document, signature, landed, ())
            signed = signed_transaction(transaction.raw, _last_valid_height(rpc, transaction))
            try:
                receipt = _send(sender, signed, document)
                return _result(document, signature, receipt.slot, (receipt,), sent=True)
            except AlreadySent:
                entry = journal.entry(str(signature))
                if entry is None:
                    raise
        return _settled(sender, journal, entry, document, environment.after_output.append)


def _recorder(environment: Environment, journal: Journal, document: TransactionDocument) -> Recorder:
    return Recorder(
        journal,
        environment.clock,
        command=document.command or environment.command,
        intent=document.intent,
        run_id=document.run_id,
        wallet=document.authority or str(document.transaction.signers[0]),
        redacted=environment.redactor.redacted,
        warn=environment.diagnostics.line,
        after_output=environment.after_output.append,
    )


def _require_cluster(sender: Sender, document: TransactionDocument, label: str) -> None:
    genesis = str(sender.identify_cluster())
    if document.genesis_hash not in (None, genesis):
        raise Refused(f"The transaction was created for a different cluster than that of {label}.", hint="Check --rpc.")


def _is_of(sender: Sender, entry: JournalEntry) -> bool:
    """Whether a record is of the sender's cluster."""
    return entry.genesis_hash == str(sender.identify_cluster())


def _landed_before(session: Session, signature: Signature) -> int | None:
    """The slot of a transaction that has landed; None if the endpoint does not know it. Raises Refused."""
    status = status_with_history(session.rpc, signature)
    now = fate(status, session.rpc.commitment)
    if status is None or now is Fate.PENDING:
        return None
    if now is Fate.FAILED:
        raise Refused(
            f"The transaction already failed on-chain, in slot {status.slot}; its fee was paid.",
            hint=f"To see why: {session.given.command('tx explain', str(signature))}",
            signature=str(signature),
        )
    return status.slot


def _last_valid_height(rpc: RpcClient, transaction: PartlySigned) -> int | None:
    """The last block height at which it can land, or a later one; None with a durable nonce.

    The height in a file may be wrong, so it is not used: a blockhash that is valid now is at most as old as this. A
    transaction that first advances a nonce may still have a blockhash, as with ``solana new-nonce``; it uses the nonce
    if its value is that of the account. If it is neither, it is refused here, since a node that is behind could
    otherwise make a transaction with a nonce look like one that expires. Raises BlockhashNotValid.
    """
    message = transaction.message
    nonce = nonce_used_by(message)
    if nonce is not None:
        account = rpc.account(nonce.account)
        found = None if account is None else nonce_in(account.owner, account.data)
        if found is not None and found.value == message.recent_blockhash:
            return None
        if not rpc.is_blockhash_valid(message.recent_blockhash):
            raise blockhash_not_valid(message)
    return rpc.block_height() + BLOCKHASH_MAX_AGE


def _send(sender: Sender, signed: SignedTransaction, document: TransactionDocument) -> Receipt:
    return sender.send_signed(
        signed, label=document.label, creates=document.created_accounts, pays_again=document.pays_again
    )


def _settled(
    sender: Sender,
    journal: Journal,
    entry: JournalEntry,
    document: TransactionDocument,
    after_output: Callable[[Callable[[], None]], None],
) -> OperationResult[SentTransaction]:
    """The outcome of a transaction that an earlier process, or another one, has recorded."""
    settlement = sender.settle(entry)
    signature = Signature.from_string(entry.signature)
    record_settlement(journal, entry, settlement, after_output)
    if settlement.state is RecordState.EXPIRED:
        raise TransactionExpired(
            "The transaction was already sent, did not land, and can no longer land.",
            hint="Nothing was executed and nothing was paid. Build the transaction again, and sign it again.",
            signature=entry.signature,
            last_valid_block_height=entry.last_valid_block_height,
        )
    if settlement.receipt is None or settlement.slot is None:
        raise Refused("The transaction failed on-chain; its fee was paid.", signature=entry.signature)
    return _result(document, signature, settlement.slot, (settlement.receipt,), sent=True)


def _result(
    document: TransactionDocument, signature: Signature, slot: int, receipts: tuple[Receipt, ...], *, sent: bool = False
) -> OperationResult[SentTransaction]:
    run = "" if document.run_id is None else f" for run {document.run_id}"
    return OperationResult(
        summary=f"Sent the transaction {document.label!r}{run}: it landed in slot {slot}."
        if sent
        else f"The transaction {document.label!r}{run} has already landed, in slot {slot}. Nothing was sent.",
        data=SentTransaction(
            already_so=not sent,
            signature=str(signature),
            slot=slot,
            label=document.label,
            run_id=document.run_id,
            signers=[str(key) for key in document.transaction.signers],
        ),
        details=() if sent else (("transaction", str(signature)),),
        transactions=receipts,
    )
