"""The one place that prints: results and data to stdout, errors, warnings and progress to stderr."""

from __future__ import annotations

import codecs
import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

from psyche_cli.results import Document, JsonValue, OperationResult, PlainText, Result
from psyche_cli.secrecy import Secrets

if TYPE_CHECKING:
    from psyche_cli.environment import Environment
    from psyche_cli.errors import PsycheError

ENVELOPE_VERSION = 1
"""Version of the JSON envelope. It grows when a key changes its meaning or goes away, not when one is added."""


def json_text(value: JsonValue, *, ascii_only: bool = False) -> str:
    """JSON with sorted keys and 2 spaces of indent; Decimals exact, NaN and infinities as null."""
    import simplejson

    text: str = simplejson.dumps(
        value, indent=2, sort_keys=True, use_decimal=True, ignore_nan=True, ensure_ascii=ascii_only
    )
    return text


def talk(environment: Environment, line: str) -> None:
    """Print one line of progress or advice to stderr.

    Where nobody can listen (a full disk, a reader that has gone) the line is lost, and the command goes on.
    """
    with contextlib.suppress(OSError):
        environment.stderr.write(_printable(line) + "\n")
        environment.stderr.flush()


class Renderer:
    """Prints for one invocation.

    ``as_json`` is whether stdout must be JSON, ``command`` the verb for the envelope, ``secrets`` what no error may
    repeat. An OSError says that stdout cannot be written.
    """

    def __init__(self, environment: Environment, *, command: str, as_json: bool, secrets: Secrets) -> None:
        self._environment = environment
        self._stdout = environment.stdout
        self._command = command
        self._as_json = as_json
        self._secrets = secrets

    def result(self, result: Result) -> None:
        """Print what a command returned."""
        if isinstance(result, Document):
            self._json(result.value)
        elif isinstance(result, PlainText) and not self._as_json:
            self._out(_fitting(result.text.rstrip("\n"), self._stdout))
        elif isinstance(result, PlainText):
            self._envelope({"data": result.data})
        elif self._as_json:
            self._envelope(_machine_view(result))
        else:
            self._human(result)

    def error(self, error: PsycheError) -> None:
        """Print a failure: a sentence and a hint on stderr, and with JSON output the envelope on stdout."""
        if self._as_json:
            description: dict[str, JsonValue] = {
                "code": error.code,
                "message": error.message,
                "hint": error.hint,
                "context": dict(error.context),
            }
            self._envelope({"error": self._without_secrets(description)}, exit_code=int(error.exit_code))
        self.talk(f"Error: {error.message}")
        for line in _more_lines(error):
            self.talk(line)
        if error.hint:
            self.talk(f"Hint: {error.hint}")

    def talk(self, line: str) -> None:
        """Print one line to stderr, without what must not be repeated."""
        talk(self._environment, self._secrets.hidden(line))

    def _without_secrets(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            return self._secrets.hidden(value)
        if isinstance(value, Mapping):
            return {key: self._without_secrets(inner) for key, inner in value.items()}
        return [self._without_secrets(inner) for inner in value] if isinstance(value, list) else value

    def _envelope(self, content: Mapping[str, JsonValue], exit_code: int = 0) -> None:
        head: dict[str, JsonValue] = {
            "schema_version": ENVELOPE_VERSION,
            "command": self._secrets.hidden(self._command),
            "ok": exit_code == 0,
            "exit_code": exit_code,
        }
        self._json({**head, **content})

    def _json(self, value: JsonValue) -> None:
        """JSON is UTF-8. Where stdout is not, or the text has lone surrogates, all but ASCII is escaped."""
        text = json_text(value)
        if not text.isascii() and not _is_utf8(text, self._stdout):
            text = json_text(value, ascii_only=True)
        self._out(text)

    def _out(self, text: str) -> None:
        self._stdout.write(text + "\n")
        self._stdout.flush()

    def _human(self, result: OperationResult) -> None:
        for warning in result.warnings:
            self.talk(f"Warning: {warning}")
        rows = [*result.details, *((f"transaction ({t.label})", t.signature) for t in result.transactions)]
        _print_rows(self._stdout, result.summary, rows)
        for step in result.next_steps:
            self.talk(f"Next: {step}")


def _is_utf8(text: str, stream: TextIO) -> bool:
    try:
        text.encode("utf-8")
        return codecs.lookup(stream.encoding or "utf-8").name == "utf-8"
    except (UnicodeEncodeError, LookupError):
        return False


def _fitting(text: str, stream: TextIO) -> str:
    """The text with ``?`` for what the stream's encoding has no character for."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, errors="replace").decode(encoding)


def _printable(text: str) -> str:
    """The text without control characters: names, logs and RPC messages come from strangers and reach a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _machine_view(result: OperationResult) -> dict[str, JsonValue]:
    transactions: list[JsonValue] = [
        {"label": t.label, "signature": t.signature, "slot": t.slot, "logs": list(t.logs)} for t in result.transactions
    ]
    return {
        "summary": result.summary,
        "data": result.data,
        "transactions": transactions,
        "warnings": list(result.warnings),
    }


def _more_lines(error: PsycheError) -> list[str]:
    """What belongs under the sentence, a line each: the broken rules, or the logs of a program that refused."""
    problems = error.context.get("problems")
    if isinstance(problems, list):
        return [f"  - {p['message'] if isinstance(p, dict) else p}" for p in problems]
    logs = error.context.get("logs")
    if isinstance(logs, list):
        return ["Program logs:", *(f"  {line}" for line in logs)] if logs else []
    return []


def _print_rows(stream: TextIO, title: str, rows: list[tuple[str, str]]) -> None:
    """Title and aligned rows; bold and dim on a terminal, plain and never wrapped elsewhere."""
    from rich.console import Console
    from rich.text import Text

    # The width means nothing where lines are never wrapped; but of itself rich takes COLUMNS=0 to leave no room at all.
    console = Console(file=stream, highlight=False, soft_wrap=True, width=80)
    console.print(Text(_fitting(_printable(title), stream), style="bold"))
    width = max((len(label) for label, _ in rows), default=0)
    for label, value in rows:
        console.print(Text.assemble("  ", (label.ljust(width), "dim"), "  ", _fitting(_printable(value), stream)))
