"""Explanation of a failed transaction: the program, its error, and the relevant log lines.

Programs number their errors from 6000 (Anchor) or 0, so a code is meaningless without the program. The error of an
inner call is reported with the index of the outer instruction; only the logs identify the program that returned it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from psyche_cli.errors import ProgramRefused, PsycheError
from psyche_cli.protocol.errors import error_tables
from psyche_cli.resources import PSYCHE_PROGRAM_NAMES, idl_path

if TYPE_CHECKING:
    from solders.pubkey import Pubkey

    from psyche_cli.protocol.programs import ProgramIds


_EXPLANATIONS = ("model check failed: ", "cold_start_warmup_steps (", "panicked at", "Error: ")


class ProgramFailure(NamedTuple):
    """The explanation of a failed transaction.

    ``program_name`` and ``program_id`` identify the program that returned the error, possibly in an inner call; both
    are empty if the runtime rejected the transaction before any program ran. ``code`` is None for errors without a
    number. ``account`` is the account named in the error, by its snake-case name in the IDL. ``details`` are the lines
    in which the program logged the reason.
    """

    program_name: str
    program_id: str
    code: int | None
    name: str
    message: str
    instruction_index: int | None
    hint: str
    account: str = ""
    details: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Everything except the hint, in one human-readable line."""
        number = "" if self.code is None else f" {self.code}"
        where = f" (account {self.account})" if self.account else ""
        details = "".join(f" Program log: {detail}" for detail in self.details)
        known = self.program_name != self.program_id
        program = f"{self.program_name} program" if known else f"program {self.program_id}"
        subject = f"The {program} rejected the transaction: " if self.program_id else ""
        return f"{subject}{self.message}{where} [{self.name}{number}].{details}"

    def as_error(self) -> ProgramRefused:
        """The exception to raise for this failure."""
        return ProgramRefused(
            self.sentence,
            hint=self.hint,
            program=self.program_name,
            program_id=self.program_id,
            program_code=self.code,
            program_error=self.name,
            instruction_index=self.instruction_index,
            account=self.account,
            details=self.details,
        )


def failure_describer(programs: ProgramIds) -> Callable[[object, Sequence[str], Sequence[Pubkey]], PsycheError]:
    """A function that maps error, logs and top-level program ids to the exception that a sender raises."""
    return lambda err, logs, instruction_programs: explain_failure(err, logs, instruction_programs, programs).as_error()


def explain_failure(
    err: object, logs: Sequence[str], instruction_programs: Sequence[Pubkey | str], programs: ProgramIds
) -> ProgramFailure:
    """Explain the error of a simulated or executed transaction. Never raises.

    ``err`` is the error in its JSON-RPC form (``{"InstructionError": [0, {"Custom": 6004}]}``, ``"BlockhashNotFound"``)
    or a node's message about it; ``instruction_programs`` are the programs of the top-level instructions in order.
    """
    index, reason = _parse(err)
    if index is None:
        return _transaction_failure(reason)
    failed = _innermost_failure(logs)
    by_index = str(instruction_programs[index]) if 0 <= index < len(instruction_programs) else ""
    program_id = failed.program_id if failed else by_index
    program_name = programs.name_of(program_id)
    lines = failed.lines if failed else ()
    account = _blamed_account(lines)
    details = tuple(_explanations(lines, program_name))
    if isinstance(reason, int):
        name, message, hint = _custom(program_name, reason, lines, account)
        return ProgramFailure(program_name, program_id, reason, name, message, index, hint, account, details)
    message, hint = error_tables.INSTRUCTION.get(reason, (_words(reason), ""))
    return ProgramFailure(program_name, program_id, None, reason, message, index, hint, account, details)


def _parse(err: object) -> tuple[int | None, int | str]:
    """The index of the failed instruction (None: the transaction as a whole), and the error's code or name."""
    if isinstance(err, str):
        return _parse_sentence(err)
    if isinstance(err, dict) and len(err) == 1:
        ((name, detail),) = err.items()
        if name == "InstructionError" and isinstance(detail, list | tuple) and len(detail) == 2:
            index, reason = detail
            if isinstance(reason, dict) and isinstance(reason.get("Custom"), int):
                return _index(index), reason["Custom"]
            return _index(index), _first_word(reason)
        return None, str(name)
    return None, json.dumps(err, default=str)


def _parse_sentence(text: str) -> tuple[int | None, int | str]:
    match = re.search(r"Error processing Instruction (\d+): (.*)", text)
    if not match:
        return None, text.strip()
    custom = re.search(r"custom program error: 0x([0-9a-fA-F]+)", match[2])
    return int(match[1]), int(custom[1], 16) if custom else match[2].strip()


def _index(value: object) -> int:
    return value if isinstance(value, int) else -1


def _first_word(reason: object) -> str:
    return str(next(iter(reason), "Unknown")) if isinstance(reason, dict) else str(reason)


def _transaction_failure(reason: int | str) -> ProgramFailure:
    name = str(reason)
    message, hint = error_tables.TRANSACTION.get(name, (_words(name), ""))
    return ProgramFailure("", "", None, name, message, None, hint)


class _Failed(NamedTuple):
    """A failed invocation: the program, and the lines that it logged itself."""

    program_id: str
    lines: tuple[str, ...]


def _innermost_failure(logs: Sequence[str]) -> _Failed | None:
    """The invocation that failed first: a failed inner call always makes the outer calls fail after it."""
    running: list[tuple[str, list[str]]] = []
    for line in logs:
        if match := re.fullmatch(r"Program (\w+) invoke \[\d+\]", line):
            running.append((match[1], []))
        elif match := re.match(r"Program (\w+) failed: ", line):
            lines = next((own for program, own in reversed(running) if program == match[1]), [])
            return _Failed(match[1], tuple(lines))
        elif re.fullmatch(r"Program \w+ success", line):
            if running:
                running.pop()
        elif running:
            running[-1][1].append(line.removeprefix("Program log: "))
    return None


def _custom(program_name: str, code: int, lines: Sequence[str], account: str) -> tuple[str, str, str]:
    """The name, message and hint of a numbered error: from the tables here, else from the program's log.

    The log decides if it names another error: the programs of layout v2-claimer number theirs differently.
    """
    table: dict[int, tuple[str, str]] = {}
    if program_name in PSYCHE_PROGRAM_NAMES:
        table = error_tables.FRAMEWORK | _idl_errors(program_name)
    elif program_name == "system":
        table = error_tables.SYSTEM
    elif program_name in ("spl-token", "spl-token-2022"):
        table = error_tables.SPL_TOKEN
    logged = _logged_error(code, lines)
    has_other_name = logged is not None and code in table and logged[0] != table[code][0]
    if code in table and (code in error_tables.FRAMEWORK or not has_other_name):
        return *table[code], _custom_hint(program_name, code, account)
    unknown = error_tables.CLAIMER.get((program_name, code), ("Custom", f"Error {code} ({code:#x})"))
    name, message = logged or unknown
    return name, message, error_tables.CLAIMER_HINTS.get((program_name, name), "")


def _logged_error(code: int, lines: Sequence[str]) -> tuple[str, str] | None:
    """The name and message with which the program logged this error; None if it did not."""
    for line in lines:
        match = re.search(r"Error Code: (\w+)\. Error Number: (\d+)\. Error Message: (.*?)\.?$", line)
        if match and int(match[2]) == code:
            return match[1], match[3]
    return None


def _idl_errors(program: str) -> dict[int, tuple[str, str]]:
    errors = json.loads(idl_path(program).read_text(encoding="utf-8"))["errors"]
    return {error["code"]: (error["name"], error["msg"]) for error in errors}


def _custom_hint(program_name: str, code: int, account: str) -> str:
    if program_name in PSYCHE_PROGRAM_NAMES and code in error_tables.FRAMEWORK:
        return error_tables.ACCOUNT_HINTS.get((code, account), "")
    return error_tables.HINTS.get((program_name, code), "")


def _blamed_account(lines: Sequence[str]) -> str:
    for line in lines:
        if match := re.match(r"AnchorError caused by account: (\w+)\.", line):
            return match[1]
    return ""


def _explanations(lines: Sequence[str], program_name: str) -> list[str]:
    """The log lines that give the reason. The system program logs only those, and without a prefix."""
    if program_name == "system":
        return [line for line in lines if not line.startswith("Program ")]
    return [" ".join(line.split()) for line in lines if line.startswith(_EXPLANATIONS)]


def _words(name: str) -> str:
    """``InvalidAccountData`` as ``Invalid account data``; a sentence is left unchanged."""
    if not re.fullmatch(r"\w+", name):
        return name
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower().capitalize()
