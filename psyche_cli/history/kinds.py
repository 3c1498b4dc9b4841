"""The kinds of events that are decoded, as a table: programs, instructions, roles of accounts and arguments."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from psyche_cli.protocol.instructions.idl_decoder import snake_case
from psyche_cli.protocol.instructions.layout_forms import FORMS
from psyche_cli.resources import PSYCHE_PROGRAM_NAMES, idl_path
from psyche_cli.solana.known_instructions import known_shapes
from psyche_cli.solana.programs import PROGRAM_NAMES


class EventKind(NamedTuple):
    """A kind of instruction, with the names of its accounts and arguments in events.

    ``layout`` is the layout whose program has this form of it, None for the form of v1 and of all other programs.
    """

    program: str
    kind: str
    accounts: tuple[str, ...]
    arguments: tuple[str, ...]
    layout: str | None = None


def event_kinds() -> Iterator[EventKind]:
    """All kinds: those of Psyche's programs, first in the forms of v1, then those of Solana's own programs."""
    for program in PSYCHE_PROGRAM_NAMES:
        idl = json.loads(idl_path(program).read_text(encoding="utf-8"))
        types = {one["name"]: one["type"] for one in idl.get("types", ())}
        for instruction in idl["instructions"]:
            arguments = instruction["args"]
            if [one["name"] for one in arguments] == ["params"]:
                arguments = types[arguments[0]["type"]["defined"]]["fields"]
            yield EventKind(
                program,
                snake_case(instruction["name"]),
                tuple(snake_case(one["name"]) for one in instruction["accounts"]),
                tuple(snake_case(one["name"]) for one in arguments),
            )
    for form in FORMS:
        yield EventKind(form.program, form.name, form.accounts, form.argument_names, form.layout)
    for address, name, accounts, given in known_shapes():
        program = PROGRAM_NAMES[address]
        yield EventKind(program, snake_case(name), tuple(map(snake_case, accounts)), tuple(map(snake_case, given)))
