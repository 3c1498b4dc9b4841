"""Annotated field types of payloads; the annotations become part of the JSON Schema.

A string in ``Annotated`` is the description of the field. Addresses are base58 strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

from psyche_cli.redaction import HIDDEN

if TYPE_CHECKING:
    from psyche_cli.results import JsonValue

_BASE58: Final = "[1-9A-HJ-NP-Za-km-z]"
_OR_HIDDEN: Final = "|" + HIDDEN.replace("(", r"\(").replace(")", r"\)")
"""Alternative for a value that was redacted because part of it was entered as a private key."""


@dataclass(frozen=True)
class Constraint:
    """Restrictions on the values of a field beyond its type; None means unrestricted."""

    pattern: str | None = None
    minimum: int | None = None
    choices: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)  # compared by identity, so that annotations remain hashable
class JsonShape:
    """The JSON Schema of a field whose values are described by data rather than by a type."""

    schema: Mapping[str, JsonValue] = field(repr=False)


Address: TypeAlias = Annotated[str, Constraint(pattern=f"^({_BASE58}{{32,44}}{_OR_HIDDEN})$")]
"""A Solana address: 32 bytes in base58."""

Unsigned: TypeAlias = Annotated[int, Constraint(minimum=0)]
"""An integer from 0 to 2^64 - 1."""
