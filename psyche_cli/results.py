"""Return types of commands, which ``render`` turns into text or JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from psyche_cli.errors import ExitCode

if TYPE_CHECKING:
    from decimal import Decimal

    from _typeshed import DataclassInstance

JsonValue: TypeAlias = "str | int | float | Decimal | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"

Payload = TypeVar("Payload", bound="DataclassInstance | Mapping[str, object]", covariant=True)
"""The machine-readable data of a result, usually a frozen dataclass specific to the command."""


@dataclass(frozen=True)
class Receipt:
    """A transaction that landed without an error.

    ``label`` is a short description; ``signature`` is base58. If the endpoint did not return the landed transaction,
    ``logs`` is empty and ``fee_lamports`` is None.
    """

    label: str
    signature: str
    slot: int
    logs: tuple[str, ...] = ()
    fee_lamports: int | None = None


@dataclass(frozen=True)
class OperationResult(Generic[Payload]):
    """The outcome of a successful command.

    ``summary`` is one line of text and ``details`` are label-value pairs printed below it. ``data`` is the
    machine-readable form: integers are lamports or base units, Decimals are whole tokens. ``next_steps`` are suggested
    follow-up commands. ``answer_is_no`` is for commands that answer a question.
    """

    summary: str
    data: Payload
    details: tuple[tuple[str, str], ...] = ()
    transactions: tuple[Receipt, ...] = ()
    warnings: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    answer_is_no: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """OK, or NO where the answer is no."""
        return ExitCode.NO if self.answer_is_no else ExitCode.OK


@dataclass(frozen=True)
class Document(Generic[Payload]):
    """A JSON document that is the entire output of a command, regardless of the output format."""

    value: Payload


@dataclass(frozen=True)
class PlainText(Generic[Payload]):
    """A text that is the entire output of a command; ``data`` is its equivalent in JSON output."""

    text: str
    data: Payload


Result: TypeAlias = OperationResult[Any] | Document[Any] | PlainText[Any]
