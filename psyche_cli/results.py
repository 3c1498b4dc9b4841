"""What a command returns. It prints nothing: ``render`` turns it into text or JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from decimal import Decimal

    from _typeshed import DataclassInstance

JsonValue: TypeAlias = "str | int | float | Decimal | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"

Payload = TypeVar("Payload", bound="DataclassInstance | Mapping[str, object]", covariant=True)
"""What a command has found out, for a program: mostly a frozen dataclass of its own."""


@dataclass(frozen=True)
class Receipt:
    """A transaction that landed without an error.

    ``label`` says in a few words what it did; ``signature`` is base58. ``logs`` is empty and ``fee_lamports`` None when
    the endpoint did not return the transaction once it had landed.
    """

    label: str
    signature: str
    slot: int
    logs: tuple[str, ...] = ()
    fee_lamports: int | None = None


@dataclass(frozen=True)
class OperationResult(Generic[Payload]):
    """The outcome of a command that succeeded.

    ``summary`` is one line for a person, ``details`` are label and value pairs under it. ``data`` is the same for a
    program: integers in lamports or base units, Decimals in whole tokens. ``next_steps`` are commands to type
    next.
    """

    summary: str
    data: Payload
    details: tuple[tuple[str, str], ...] = ()
    transactions: tuple[Receipt, ...] = ()
    warnings: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Document(Generic[Payload]):
    """A JSON document that is the whole output of a command, whatever the output format."""

    value: Payload


@dataclass(frozen=True)
class PlainText(Generic[Payload]):
    """A text that is the whole output of a command; ``data`` is what stands for it in JSON output."""

    text: str
    data: Payload


Result: TypeAlias = OperationResult[Any] | Document[Any] | PlainText[Any]
