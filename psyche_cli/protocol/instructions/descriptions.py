"""What the instructions of a transaction do: decoded, with accounts by role and one sentence each.

Everything is decoded from the message alone. The ids of existing runs are not part of a message; a caller that knows
them passes them on. Never raises for any instruction: one that cannot be decoded is described as such.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.protocol.instructions.idl_decoder import IdlInstruction, snake_case
from psyche_cli.protocol.instructions.layout_forms import instruction_of_layout
from psyche_cli.protocol.instructions.sentences import Call, plain_sentence, sentence
from psyche_cli.protocol.layouts.known import WRITTEN
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.resources import PSYCHE_PROGRAM_NAMES
from psyche_cli.solana.known_instructions import known_instruction
from psyche_cli.solana.messages import DecodedMessage, MessageAccount, MessageInstruction

NO_RUN_IDS: Final[Mapping[Pubkey, str]] = {}


class NamedAccount(NamedTuple):
    """An account of an instruction with its role, such as ``coordinator_instance``; ``other_1`` if it has none."""

    role: str
    account: MessageAccount


class InstructionDescription(NamedTuple):
    """A decoded instruction.

    ``program_name`` is the name of the program, or its id in base58. ``name`` is the instruction in snake case; None if
    it is not known. ``arguments`` are plain values: integers, text, ``bytes``, ``Pubkey``, lists, mappings and
    ``TokenQuantity``. ``words`` say what it does, as a clause without a subject: ``pauses run 'my-run'``. ``problem``
    says why it could not be decoded, or is empty. ``unused_bytes`` is the number of bytes after the arguments.
    ``layout`` is as in ``IdlInstruction``.
    """

    program: Pubkey
    program_name: str
    name: str | None
    accounts: tuple[NamedAccount, ...]
    arguments: Mapping[str, Any]
    data: bytes
    words: str
    problem: str = ""
    unused_bytes: int = 0
    layout: str = WRITTEN

    def account(self, role: str) -> Pubkey | None:
        """The address of the account with this role; None without one, and if it is in an unread lookup table."""
        return next((one.account.address for one in self.accounts if one.role == role), None)


def describe_instructions(
    message: DecodedMessage, programs: ProgramIds = PUBLISHED, run_ids: Mapping[Pubkey, str] = NO_RUN_IDS
) -> list[InstructionDescription]:
    """All instructions of a message, in order.

    ``run_ids`` are the ids of known runs by the addresses of their instances, coordinator accounts, treasurer Runs or
    vaults.
    """
    created = _created_runs(message, programs)
    return [describe_instruction(one, programs, {**run_ids, **created}) for one in message.instructions]


def _created_runs(message: DecodedMessage, programs: ProgramIds) -> dict[Pubkey, str]:
    """The ids of the runs that the message itself creates, by the addresses of their accounts."""
    found = {}
    for instruction in message.instructions:
        described = describe_instruction(instruction, programs)
        if described.name in ("init_coordinator", "run_create") and not described.problem:
            for role in ("coordinator_instance", "coordinator_account", "run"):
                address = described.account(role)
                if address is not None:
                    found[address] = str(described.arguments["run_id"])
    return found


def describe_instruction(
    instruction: MessageInstruction,
    programs: ProgramIds = PUBLISHED,
    run_ids: Mapping[Pubkey, str] = NO_RUN_IDS,
    *,
    exact: bool = False,
    layout: str | None = WRITTEN,
) -> InstructionDescription:
    """One instruction; ``run_ids`` as in ``describe_instructions``, and ``exact`` as in ``idl_instruction``.

    ``layout`` is that of the run, as in ``instruction_of_layout``.
    """
    program_name = programs.name_of(instruction.program)
    try:
        found = _decoded(instruction, program_name, exact=exact, layout=layout)
    except UnicodeDecodeError:
        return _undecoded(instruction, program_name, "it contains text that is not valid UTF-8")
    except ValueError as error:
        return _undecoded(instruction, program_name, str(error))
    if found is None:
        return _undecoded(instruction, program_name, "")
    name, roles, arguments, unused, form = found
    if len(instruction.accounts) < len(roles):
        missing = roles[len(instruction.accounts)]
        return _undecoded(instruction, program_name, f"the account {missing} is missing", name)
    accounts = _named(instruction.accounts, roles)
    call = Call(program_name, name, arguments, {one.role: one.account for one in accounts}, run_ids)
    return InstructionDescription(
        program=instruction.program,
        program_name=program_name,
        name=name,
        accounts=accounts,
        arguments=arguments,
        data=instruction.data,
        words=sentence(call) if form == WRITTEN else plain_sentence(call),
        unused_bytes=unused,
        layout=form,
    )


def _decoded(
    instruction: MessageInstruction, program_name: str, *, exact: bool, layout: str | None
) -> IdlInstruction | None:
    """The instruction; None if it is not known. Raises ValueError."""
    if program_name in PSYCHE_PROGRAM_NAMES:
        count = len(instruction.accounts)
        return instruction_of_layout(program_name, instruction.data, count, layout, exact=exact)
    known = known_instruction(instruction.program, instruction.data)
    if known is None:
        return None
    arguments = {snake_case(name): value for name, value in known.arguments.items()}
    return IdlInstruction(snake_case(known.name), tuple(map(snake_case, known.accounts)), arguments, 0)


def _undecoded(
    instruction: MessageInstruction, program_name: str, problem: str, name: str | None = None
) -> InstructionDescription:
    count, size = len(instruction.accounts), len(instruction.data)
    data = f"{size} byte{'' if size == 1 else 's'} of data and {count} account{'' if count == 1 else 's'}"
    reason = f", which cannot be decoded: {problem}" if problem else ""
    called = program_name if program_name != str(instruction.program) else f"program {program_name}"
    return InstructionDescription(
        program=instruction.program,
        program_name=program_name,
        name=name,
        accounts=_named(instruction.accounts, ()),
        arguments={},
        data=instruction.data,
        words=f"calls {called} with {data}{reason}",
        problem=problem,
    )


def _named(accounts: Sequence[MessageAccount], roles: Sequence[str]) -> tuple[NamedAccount, ...]:
    others = [f"other_{number}" for number in range(1, len(accounts) - len(roles) + 1)]
    return tuple(NamedAccount(role, account) for role, account in zip([*roles, *others], accounts, strict=False))
