"""Explain a transaction or message: what it does, what it costs, and its outcome."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from solders.pubkey import Pubkey

from psyche_cli.errors import NetworkError, NotFound
from psyche_cli.operations.times import iso_time
from psyche_cli.operations.transactions.explain_payloads import (
    BalanceChange,
    ExplainedAccount,
    ExplainedData,
    ExplainedFee,
    ExplainedInstruction,
    ExplainedOutcome,
    ExplainedSigner,
    ExplainedTransfer,
    TokenBalanceChange,
)
from psyche_cli.operations.transactions.explain_text import body, details, summary
from psyche_cli.operations.transactions.lookups import (
    Found,
    find_in_ledger,
    journal_record,
    look_up_landed,
    look_up_unlanded,
    recorded_runs,
)
from psyche_cli.operations.transactions.records import record_data
from psyche_cli.protocol.errors.program_errors import explain_failure
from psyche_cli.protocol.instructions.descriptions import InstructionDescription, describe_instructions
from psyche_cli.protocol.instructions.plain_values import plain_json
from psyche_cli.protocol.instructions.transfers import stated_transfers
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.results import OperationResult
from psyche_cli.solana.fees import fee_of
from psyche_cli.solana.messages import DecodedMessage, decode_message
from psyche_cli.solana.public_clusters import explorer_link

if TYPE_CHECKING:
    from psyche_cli.errors import Json
    from psyche_cli.operations.sessions import Session
    from psyche_cli.operations.transactions.given_transaction import GivenTransaction
    from psyche_cli.protocol.programs import ProgramIds
    from psyche_cli.solana.sending.journal import Journal, JournalEntry


OFFLINE = "No request was made: its outcome, its effects on balances and the ids of runs may be missing."


def explain(
    given: GivenTransaction,
    journal: Journal,
    session: Session | None,
    *,
    programs: ProgramIds = PUBLISHED,
    with_logs: bool = False,
) -> OperationResult[ExplainedData]:
    """Explain a signature or transaction, using the journal and, unless ``session`` is None, an endpoint.

    If bytes were given, an endpoint that does not respond is only a warning. ``with_logs`` adds the program logs to the
    text. Raises NotFound for a signature that neither the endpoint nor the journal knows, and NetworkError if the
    endpoint does not respond and the journal does not know it.
    """
    record, problem = journal_record(journal, given.signature)
    found = _found(given, journal, session, record, programs)
    if problem:
        found = found._replace(missing=(*found.missing, problem))
    instructions = describe_instructions(found.message, programs, found.run_ids)
    data = _data(found, instructions, record, programs)
    return OperationResult(
        summary=summary(data),
        data=data,
        details=details(data),
        warnings=found.missing,
        body=partial(body, data, with_logs),
    )


def _found(
    given: GivenTransaction,
    journal: Journal,
    session: Session | None,
    record: JournalEntry | None,
    programs: ProgramIds,
) -> Found:
    known = recorded_runs(journal, programs)
    message = given.message or (None if record is None else decode_message(record.raw))
    if session is None:
        if message is None:
            raise NotFound(
                f"The journal {journal.path} has no transaction {given.signature}.",
                hint="Omit --offline to query the cluster as well.",
            )
        return Found(message, run_ids=known, missing=(OFFLINE,))
    try:
        ledger = None if given.signature is None else find_in_ledger(session, given.signature)
    except NetworkError as error:
        if message is None:
            raise
        return Found(message, run_ids=known, missing=(f"{error.message} {OFFLINE}",))
    if ledger is not None:
        return look_up_landed(session, ledger, known)
    if message is None:
        raise NotFound(
            f"Neither {session.rpc.label} nor the journal knows transaction {given.signature}.",
            hint="Check --rpc. An endpoint without a full history only knows recent transactions.",
        )
    return look_up_unlanded(session, message, known)


def _data(
    found: Found,
    instructions: Sequence[InstructionDescription],
    record: JournalEntry | None,
    programs: ProgramIds,
) -> ExplainedData:
    message, ledger, simulation = found.message, found.ledger, found.simulation
    effects = found.effects
    return ExplainedData(
        status=_status(found),
        signature=None if message.signature is None else str(message.signature),
        endpoint=found.endpoint,
        explorer=_explorer(found, record),
        slot=None if ledger is None else ledger.slot,
        block_time=None if ledger is None or ledger.block_time is None else iso_time(ledger.block_time),
        outcome=None if ledger is None else _outcome(ledger.err, ledger.logs, ledger.units, message, programs),
        simulation=None
        if simulation is None
        else _outcome(simulation.err, simulation.logs, simulation.units_consumed, message, programs),
        runs=_runs(found, instructions, record),
        version="legacy" if message.version == "legacy" else "0",
        size=len(message.as_transaction()),
        blockhash=str(message.blockhash),
        nonce_account=_text(message.nonce_account),
        signers=[ExplainedSigner(str(one.address), _signature_state(one.state)) for one in message.signers],
        fee=_fee(found),
        instructions=[_instruction(one) for one in instructions],
        lookup_tables=[str(lookup.table) for lookup in message.lookups],
        balances=None
        if effects is None
        else [BalanceChange(str(one.address), one.before, one.after) for one in effects.lamports],
        tokens=None
        if effects is None
        else [
            TokenBalanceChange(str(one.address), str(one.mint), _text(one.owner), one.decimals, one.before, one.after)
            for one in effects.tokens
        ],
        transfers=[
            ExplainedTransfer(
                _text(one.source), _text(one.destination), one.lamports, one.base_units, one.decimals, _text(one.mint)
            )
            for one in stated_transfers(instructions)
        ],
        record=None if record is None else record_data(record),
    )


def _status(found: Found) -> Any:
    if found.ledger is not None:
        return "landed" if found.ledger.err is None else "failed"
    if found.message.signature is None:
        return "unsigned"
    return "unknown" if found.endpoint is None else "not_found"


def _explorer(found: Found, record: JournalEntry | None) -> str | None:
    """A link to a transaction that has landed, if its cluster is known to be public."""
    if found.ledger is None or found.endpoint is None:
        return None
    genesis = None if record is None else record.genesis_hash
    return explorer_link(str(found.message.signature), genesis, found.endpoint)


def _signature_state(state: str) -> Any:
    return state


def _text(value: Pubkey | None) -> str | None:
    return None if value is None else str(value)


def _outcome(
    err: Json, logs: Sequence[str], units: int | None, message: DecodedMessage, programs: ProgramIds
) -> ExplainedOutcome:
    if err is None:
        return ExplainedOutcome(None, None, units, [*logs])
    called = [instruction.program for instruction in message.instructions]
    failure = explain_failure(err, logs, called, programs)
    return ExplainedOutcome(failure.sentence, json.dumps(err), units, [*logs])


def _runs(found: Found, instructions: Sequence[InstructionDescription], record: JournalEntry | None) -> list[str]:
    """The ids of the runs that the message creates or whose accounts it names, and that of its record."""
    created = [one.arguments["run_id"] for one in instructions if "run_id" in one.arguments]
    recorded = [] if record is None or record.run_id is None else [record.run_id]
    addresses = [account.address for account in found.message.accounts]
    named = [found.run_ids[one] for one in addresses if one is not None and one in found.run_ids]
    return [*dict.fromkeys([*created, *named, *recorded])]


def _fee(found: Found) -> ExplainedFee:
    stated = fee_of(found.message)
    lamports = stated.base + stated.priority if found.ledger is None else found.ledger.fee
    return ExplainedFee(
        payer=str(found.message.payer),
        lamports=lamports,
        base_lamports=min(stated.base, lamports),
        priority_lamports=max(lamports - stated.base, 0),
        compute_unit_limit=stated.unit_limit,
        compute_unit_price=stated.unit_price,
    )


def _instruction(one: InstructionDescription) -> ExplainedInstruction:
    return ExplainedInstruction(
        program=one.program_name,
        program_id=str(one.program),
        name=one.name,
        description=one.words,
        accounts=[
            ExplainedAccount(
                role=named.role,
                address=_text(named.account.address),
                signer=named.account.is_signer,
                writable=named.account.is_writable,
                lookup_table=_text(named.account.table),
            )
            for named in one.accounts
        ],
        arguments={name: plain_json(value) for name, value in one.arguments.items()},
        problem=one.problem or None,
        data=one.data.hex(),
        unused_bytes=one.unused_bytes,
    )
