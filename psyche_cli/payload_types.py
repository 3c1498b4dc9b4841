"""What the fields of a payload are made of: plain types, with notes that its JSON Schema repeats.

A text in ``Annotated`` describes the field. Payloads hold addresses as base58 text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

from psyche_cli.redaction import HIDDEN

_BASE58: Final = "[1-9A-HJ-NP-Za-km-z]"
_OR_HIDDEN: Final = "|" + HIDDEN.replace("(", r"\(").replace(")", r"\)")
"""In place of a text of which a part was typed as a key."""


@dataclass(frozen=True)
class Constraint:
    """What the values of a field have in common besides their type. None: no such constraint."""

    pattern: str | None = None
    minimum: int | None = None
    choices: tuple[str, ...] | None = None


Address: TypeAlias = Annotated[str, Constraint(pattern=f"^({_BASE58}{{32,44}}{_OR_HIDDEN})$")]
"""An address on Solana: 32 bytes in base58."""

Unsigned: TypeAlias = Annotated[int, Constraint(minimum=0)]
"""A whole number that is not negative, up to 2^64 - 1."""
