"""Transfers to the vault by other commands whose outcome the journal does not have."""

from __future__ import annotations

from psyche_cli.errors import InvalidTransaction, TransactionUnknown
from psyche_cli.operations.rewards.treasurer_top_up_rewards import TOP_UP
from psyche_cli.operations.schedule.acts import Acts
from psyche_cli.operations.schedule.outcomes import cluster_time, recorder_of
from psyche_cli.operations.signing import SigningSession
from psyche_cli.solana.known_instructions import TokenQuantity, known_instruction
from psyche_cli.solana.messages import decode_message
from psyche_cli.solana.sending.journal import JournalEntry, RecordState


def settle_others(session: SigningSession, acts: Acts) -> list[JournalEntry]:
    """Determine the outcome of the transfers that other commands have left behind. Returns those that stay unsettled.

    One that has landed is recorded among the acts, and stays unsettled in the journal: if its command is repeated, that
    must find it there rather than pay again. Raises NetworkError and JournalError.
    """
    recorder = recorder_of(session)
    known = {act.signature for act in acts.all()}
    left = []
    for entry in recorder.unsettled(TOP_UP, str(session.sender.identify_cluster())):
        if entry.signature in known:
            continue
        if not recorder.is_left_behind(entry):
            left.append(entry)
            continue
        try:
            settlement = session.sender.settle(entry)
        except TransactionUnknown:
            left.append(entry)
            continue
        if settlement.state is RecordState.LANDED:
            acts.add_done(
                subject="",
                reason=f"it was transferred by {entry.command}",
                cluster_time=cluster_time(session),
                amount=amount_of(entry.raw),
                signature=entry.signature,
                slot=settlement.slot,
            )
            session.rpc.require_slot(settlement.slot or 0)
        else:
            recorder.settle(entry.signature, settlement.state, slot=settlement.slot, error=settlement.error)
    return left


def amount_of(raw: bytes) -> int:
    """The base units that a transaction transfers by checked transfers of tokens; 0 for other bytes.

    A transfer of an account to itself, which guards its balance, does not count.
    """
    try:
        message = decode_message(raw)
    except InvalidTransaction:
        return 0
    found = 0
    for instruction in message.instructions:
        try:
            known = known_instruction(instruction.program, instruction.data)
        except ValueError:
            continue
        addresses = [account.address for account in instruction.accounts]
        if known is not None and known.name == "transferChecked" and addresses[:1] != addresses[2:3]:
            quantity = known.arguments["tokenAmount"]
            found += quantity.base_units if isinstance(quantity, TokenQuantity) else 0
    return found
