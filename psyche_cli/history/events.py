"""What the instructions of a transaction did: decoded by the IDLs and by those of Solana's own programs.

Every instruction becomes an event, those that programs called included. Nothing raises for unknown or damaged
instructions: these are events without arguments, which say why they could not be decoded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from psyche_cli.history.records import Event, ExecutedCall, RawTransaction
from psyche_cli.limits import DISCRIMINATOR_BYTES
from psyche_cli.protocol.errors.program_errors import ProgramFailure, explain_failure
from psyche_cli.protocol.instructions.descriptions import InstructionDescription, describe_instruction
from psyche_cli.protocol.instructions.layout_forms import other_forms
from psyche_cli.protocol.instructions.plain_values import not_finite, plain_json
from psyche_cli.protocol.layouts.known import WRITTEN, layout_of_size
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.results import JsonValue

DONE: Final = "done"
FAILED: Final = "failed"
UNDONE: Final = "undone"
NOT_RUN: Final = "not_run"
"""Outcomes of an instruction, in ``effects["outcome"]``. A failed transaction undoes the instructions before the one
that failed, and does not run those after it."""

UNKNOWN: Final = "unknown"
"""The kind of an instruction that could not be decoded; ``effects["problem"]`` says why, ``effects["data"]`` is it."""


DECODER: Final = 2
"""Version of the decoder, to be incremented when it decodes the same transaction to other events."""

_ALLOCATIONS: Final = ("create_account", "create_account_with_seed")
NO_LAYOUTS: Final[Mapping[str, str]] = {}

_ACTORS: Final = (
    "authority",
    "claimer",
    "grantor",
    "grantee",
    "user",
    "mint_authority",
    "owner",
    "nonce_authority",
    "source",
    "payer",
)
"""The roles of the accounts that decide on an instruction. The first one that has signed is responsible for it."""


class DecodedCall(NamedTuple):
    """An instruction of a transaction in the order of execution, and what it means, without any loss."""

    call: ExecutedCall
    meaning: InstructionDescription


def decoded_calls(
    transaction: RawTransaction, programs: ProgramIds = PUBLISHED, layouts: Mapping[str, str] = NO_LAYOUTS
) -> list[DecodedCall]:
    """All instructions of a transaction, in the order of execution. Raises ValueError if it is damaged.

    ``layouts`` are those of known runs by the addresses of their coordinator accounts and treasurers.
    """
    found, known = list[DecodedCall](), dict(layouts)
    for call in transaction.executed():
        layout = _layout(call, known, programs)
        one = DecodedCall(call, describe_instruction(call.instruction, programs, exact=True, layout=layout))
        found.append(one)
        known |= created_layout(one, programs)
    return found


def created_layout(one: DecodedCall, programs: ProgramIds) -> dict[str, str]:
    """The layout of the coordinator account for which an instruction allocates the space, by its address."""
    given = one.meaning.arguments
    if one.meaning.name in _ALLOCATIONS and given["owner"] == programs.coordinator:
        layout = layout_of_size(given["space"])
        return {} if layout is None else {str(one.meaning.account("new_account")): layout}
    return {}


def _layout(call: ExecutedCall, layouts: Mapping[str, str], programs: ProgramIds) -> str | None:
    """The layout of the run that an instruction is for; None if it matters and is not known."""
    instruction = call.instruction
    if not other_forms(programs.name_of(instruction.program), instruction.data[:DISCRIMINATOR_BYTES]):
        return WRITTEN
    addresses = (str(account.address) for account in instruction.accounts)
    return next((layouts[address] for address in addresses if address in layouts), None)


def decode(
    transaction: RawTransaction,
    programs: ProgramIds = PUBLISHED,
    calls: Sequence[DecodedCall] | None = None,
    layouts: Mapping[str, str] = NO_LAYOUTS,
) -> list[Event]:
    """The events of a transaction, in the order of execution. Raises ValueError if it is damaged.

    ``calls`` are its decoded instructions, if they are known, which saves decoding them again; ``layouts`` are as in
    ``decoded_calls``.

    ``effects`` of an event have its ``outcome``, the ``signer`` that is responsible for it, and, if they apply:
    ``error``, the program, code, name, account and log lines of a failure; ``not_finite``, the arguments that are null
    because they are NaN or infinite, by their paths; ``problem`` and ``data`` of an instruction that could not be
    decoded; ``unused_bytes`` after the arguments; the ``layout`` in whose form it was decoded, if that is not v1.
    """
    calls = decoded_calls(transaction, programs, layouts) if calls is None else calls
    failure = None
    if transaction.failed:
        called = [one.call.instruction.program for one in calls if one.call.inner == 0]
        failure = explain_failure(transaction.error, transaction.logs, called, programs)
    return [
        _event(transaction, one, _outcome(one.call, failure), failure, _signer(transaction, one, calls))
        for one in calls
    ]


def _signer(transaction: RawTransaction, one: DecodedCall, calls: Sequence[DecodedCall]) -> str:
    """The wallet that is responsible for an instruction: that of the account which decides on it, if it has signed.

    Of a call by a program, it is that of the instruction that led to the call; without any, the fee payer.
    """
    outer = next(other for other in calls if (other.call.outer, other.call.inner) == (one.call.outer, 0))
    for meaning in (one.meaning, outer.meaning):
        signed = {named.role: str(named.account.address) for named in meaning.accounts if named.account.is_signer}
        for role in (*_ACTORS, *signed):
            if role in signed:
                return signed[role]
    return transaction.payer


def _outcome(call: ExecutedCall, failure: ProgramFailure | None) -> str:
    if failure is None:
        return DONE
    failed = failure.instruction_index
    if failed is None or call.outer > failed:
        return NOT_RUN
    return FAILED if (call.outer, call.inner) == (failed, 0) else UNDONE


def _event(
    transaction: RawTransaction, one: DecodedCall, outcome: str, failure: ProgramFailure | None, signer: str
) -> Event:
    meaning = one.meaning
    effects: dict[str, JsonValue] = {"outcome": outcome, "signer": signer}
    blamed = failure if outcome == FAILED or (failure is not None and _is_whole(failure, one.call)) else None
    if blamed is not None:
        effects["error"] = _error(blamed)
    if numbers := dict(not_finite(meaning.arguments)):
        effects["not_finite"] = numbers
    if meaning.name is None or meaning.problem:
        effects |= {"problem": meaning.problem or "the program is not known", "data": meaning.data.hex()}
    if meaning.layout != WRITTEN:
        effects["layout"] = meaning.layout
    if meaning.unused_bytes > 0:
        effects["unused_bytes"] = meaning.unused_bytes
    return Event(
        signature=transaction.signature,
        outer=one.call.outer,
        inner=one.call.inner,
        program=meaning.program_name,
        kind=meaning.name or UNKNOWN,
        signers=_texts([named.account.address for named in meaning.accounts if named.account.is_signer]),
        accounts={named.role: str(named.account.address) for named in meaning.accounts},
        arguments={name: plain_json(value) for name, value in meaning.arguments.items()},
        effects=effects,
        failed=transaction.failed,
        error=None if blamed is None else blamed.sentence,
    )


def _is_whole(failure: ProgramFailure, call: ExecutedCall) -> bool:
    """Whether the transaction failed as a whole, for which its first instruction stands."""
    return failure.instruction_index is None and (call.outer, call.inner) == (0, 0)


def _error(failure: ProgramFailure) -> JsonValue:
    return {
        "program": failure.program_name or None,
        "code": failure.code,
        "name": failure.name,
        "message": failure.message,
        "instruction": failure.instruction_index,
        "account": failure.account or None,
        "details": [*failure.details],
    }


def _texts(addresses: Sequence[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(str, addresses)))
