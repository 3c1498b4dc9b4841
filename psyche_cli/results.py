"""Return types of commands, which ``render`` turns into text or JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from psyche_cli.errors import ExitCode

if TYPE_CHECKING:
    from decimal import Decimal

    from _typeshed import DataclassInstance

    from psyche_cli.receipts import Receipt

JsonValue: TypeAlias = "str | int | float | Decimal | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"

Tone: TypeAlias = Literal["good", "caution", "bad"]
"""Whether a value is good or bad news, which a terminal shows as green, yellow or red."""


class Toned(str):
    """Text whose first part has a tone."""

    tone: Tone
    toned: int
    """The number of characters that have the tone."""

    def __new__(cls, value: str, tone: Tone, rest: str = "") -> Toned:
        """The text ``value`` with a tone, followed by ``rest`` without one."""
        text = super().__new__(cls, value + rest)
        text.tone, text.toned = tone, len(value)
        return text


class Span(NamedTuple):
    """A part of a line: text, and its tone or style; None for plain text."""

    text: str
    style: Tone | Literal["bold", "dim"] | None = None


Line: TypeAlias = Sequence[Span]
"""A line of a screen, which is not wrapped."""

Payload = TypeVar("Payload", bound="DataclassInstance | Mapping[str, object]", covariant=True)
"""The machine-readable data of a result, usually a frozen dataclass specific to the command."""


class OperationResult(Generic[Payload]):
    """The outcome of a successful command.

    ``summary`` is one line of text and ``details`` are label-value pairs printed below it; a Toned value is shown in
    color. ``data`` is the machine-readable form: integers are lamports or base units, Decimals are whole tokens.
    ``next_steps`` are suggested follow-up commands. ``exit_code`` is that of the command, such as NO for one that
    answers a question with no. ``body`` returns lines to print below the details, such as a table, for a terminal width
    in columns and whether stdout is UTF-8. With ``folds_body``, its lines of plain text may be longer: on a terminal,
    they are folded.
    """

    def __init__(
        self,
        summary: str,
        data: Payload,
        details: tuple[tuple[str, str], ...] = (),
        transactions: tuple[Receipt, ...] = (),
        warnings: tuple[str, ...] = (),
        next_steps: tuple[str, ...] = (),
        exit_code: ExitCode = ExitCode.OK,
        body: Callable[[int, bool], Sequence[str | Line]] | None = None,
        folds_body: bool = False,
    ) -> None:
        self.summary = summary
        self.data = data
        self.details = details
        self.transactions = transactions
        self.warnings = warnings
        self.next_steps = next_steps
        self.exit_code = exit_code
        self.body = body
        self.folds_body = folds_body


class Document(Generic[Payload]):
    """A JSON document that is the entire output of a command, regardless of the output format."""

    def __init__(self, value: Payload) -> None:
        self.value = value


class PlainText(Generic[Payload]):
    """A text that is the entire output of a command; ``data`` is its equivalent in JSON output."""

    def __init__(self, text: str, data: Payload) -> None:
        self.text = text
        self.data = data


class JsonLines(Generic[Payload]):
    """Declares the output of a command that prints JSON documents, one per line, while it is running."""


Result: TypeAlias = OperationResult[Any] | Document[Any] | PlainText[Any]
