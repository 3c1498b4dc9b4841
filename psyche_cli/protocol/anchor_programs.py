"""AnchorPy behind one door: from names and plain values to an instruction.

AnchorPy is slow to import and to prepare a program (some 200 ms and up to 40 ms), so it is imported when the first
instruction is made, and a program prepared when its first instruction is, once per process.
"""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psyche_cli.protocol.programs import ProgramIds
from psyche_cli.resources import idl_path

if TYPE_CHECKING:
    from solders.instruction import Instruction
    from solders.pubkey import Pubkey

    from psyche_cli.protocol.anchor_values import AnchorValues

_WHOLE_ARGUMENT = "params"
"""The argument of one instruction that is a structure of all its arguments; errors name its fields without it."""


@dataclass(frozen=True)
class _Program:
    """One program as AnchorPy knows it: its instructions by name, their arguments, the converter of values."""

    make: Mapping[str, Any]
    arguments: Mapping[str, Sequence[tuple[str, object]]]
    values: AnchorValues


class AnchorPrograms:
    """The three programs, under the ids of one cluster."""

    def __init__(self, programs: ProgramIds) -> None:
        self._programs = programs

    def instruction(
        self, program: str, name: str, accounts: Mapping[str, Pubkey], arguments: Mapping[str, object]
    ) -> Instruction:
        """An instruction of ``coordinator``, ``authorizer`` or ``treasurer``, by its snake-case names in the IDL.

        Raises ConfigurationError or UsageError for arguments that cannot be encoded.
        """
        from anchorpy.program.context import Context

        loaded = _prepared(program, getattr(self._programs, program))
        values = [
            loaded.values.convert(kind, arguments[key], "" if key == _WHOLE_ARGUMENT else key)
            for key, kind in loaded.arguments[name]
        ]
        made: Instruction = loaded.make[name](*values, ctx=Context(accounts=dict(accounts)))
        return made


@functools.cache
def _prepared(program: str, program_id: Pubkey) -> _Program:
    from anchorpy.program.core import Program
    from anchorpy.provider import Provider, Wallet
    from anchorpy_core.idl import Idl
    from pyheck import snake

    from psyche_cli.protocol.anchor_values import AnchorValues

    text = idl_path(program).read_text(encoding="utf-8")
    idl = json.loads(text)
    # Encoding needs no connection and no wallet; without a provider AnchorPy would read the user's own wallet.
    provider = Provider(None, Wallet.dummy())  # type: ignore[arg-type]  # None instead of a connection
    with warnings.catch_warnings():
        # sumtypes, under AnchorPy, passes attrs an argument that attrs calls deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        client: Any = Program(Idl.from_json(text), program_id, provider)
    return _Program(
        make=client.instruction,
        arguments={
            snake(instruction["name"]): [(snake(arg["name"]), arg["type"]) for arg in instruction["args"]]
            for instruction in idl["instructions"]
        },
        values=AnchorValues(idl, client.type, snake),
    )
