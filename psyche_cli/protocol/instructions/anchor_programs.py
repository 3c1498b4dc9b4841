"""Encoding of instructions by AnchorPy, from names and plain values.

Only AnchorPy's instruction coder is loaded, when the first instruction is built, and it is prepared for one instruction
at a time. ``import anchorpy`` would take several times as long: its ``__init__.py`` imports an RPC client and a pytest
plugin, which imports pytest if it is installed.
"""

from __future__ import annotations

import functools
import importlib
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from psyche_cli.protocol.programs import ProgramIds
from psyche_cli.resources import idl_path

if TYPE_CHECKING:
    from types import ModuleType

    from solders.instruction import Instruction
    from solders.pubkey import Pubkey

    from psyche_cli.protocol.instructions.anchor_values import AnchorValues

WHOLE_ARGUMENT: Final = "params"
"""The single argument of some instructions, a structure of all arguments; errors omit it from the names of fields."""


class AnchorPrograms:
    """The three Psyche programs, with the ids of one cluster."""

    def __init__(self, programs: ProgramIds) -> None:
        self._programs = programs

    def instruction(
        self, program: str, name: str, accounts: Mapping[str, Pubkey], arguments: Mapping[str, object]
    ) -> Instruction:
        """An instruction of ``coordinator``, ``authorizer`` or ``treasurer``, by its snake-case names in the IDL.

        Raises ConfigurationError or UsageError for arguments that cannot be encoded.
        """
        from solders.instruction import AccountMeta, Instruction

        encoder = _encoder(program, name)
        return Instruction(
            program_id=getattr(self._programs, program),
            accounts=[
                AccountMeta(accounts[account], is_signer=is_signer, is_writable=is_writable)
                for account, is_signer, is_writable in encoder.accounts
            ],
            data=encoder.data(arguments),
        )


class _Encoder(NamedTuple):
    """The encoder of one instruction: its accounts (name, signer flag, writable flag), arguments and argument types."""

    accounts: Sequence[tuple[str, bool, bool]]
    arguments: Sequence[tuple[str, object]]
    values: AnchorValues
    encode: Callable[[Mapping[str, Any]], bytes]

    def data(self, arguments: Mapping[str, object]) -> bytes:
        """The instruction's data: the discriminator and the arguments."""
        return self.encode(
            {
                name: self.values.convert(kind, arguments[name], "" if name == WHOLE_ARGUMENT else name)
                for name, kind in self.arguments
            }
        )


@functools.cache
def _encoder(program: str, name: str) -> _Encoder:
    from anchorpy_core.idl import Idl
    from pyheck import snake

    from psyche_cli.protocol.instructions.anchor_values import AnchorValues

    whole = json.loads(idl_path(program).read_text(encoding="utf-8"))
    [instruction] = [entry for entry in whole["instructions"] if snake(entry["name"]) == name]
    # By default, the coder would build the layouts of all instructions, which takes up to 40 ms.
    idl = Idl.from_json(json.dumps({**whole, "instructions": [instruction]}))
    coding, types = _coder_modules()
    with warnings.catch_warnings():
        # sumtypes, a dependency of AnchorPy, passes attrs a deprecated argument.
        warnings.simplefilter("ignore", DeprecationWarning)
        coder = coding.InstructionCoder(idl)
    return _Encoder(
        accounts=[
            (snake(account["name"]), bool(account["isSigner"]), bool(account["isMut"]))
            for account in instruction["accounts"]
        ],
        arguments=[(snake(argument["name"]), argument["type"]) for argument in instruction["args"]],
        values=AnchorValues(whole, _Types(idl.types, types._idl_typedef_to_python_type), snake),
        encode=functools.partial(coder.encode, name),
    )


class _Types(dict[str, Any]):
    """AnchorPy's Python types by their names in the IDL, created on first use."""

    def __init__(self, definitions: Sequence[Any], make: Callable[[Any, Sequence[Any]], Any]) -> None:
        super().__init__()
        self._definitions = {definition.name: definition for definition in definitions}
        self._make = make

    def __missing__(self, name: str) -> Any:
        made = self[name] = self._make(self._definitions[name], list(self._definitions.values()))
        return made


@functools.cache
def _coder_modules() -> tuple[ModuleType, ModuleType]:
    """AnchorPy's instruction coder module, and its module that creates Python types from IDL types."""
    from psyche_cli.protocol.instructions.private_import import PrivateModules

    names = ("anchorpy.coder.instruction", "anchorpy.coder.idl")
    private = PrivateModules("anchorpy")
    try:
        instruction, idl = map(private.load, names)
    except ImportError:  # another version, whose modules need more of AnchorPy
        instruction, idl = map(importlib.import_module, names)
    return instruction, idl
