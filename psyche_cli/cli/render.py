"""All output to stdout, and the formatting of results and errors.

Secrets and terminal control characters are removed, and markup is not interpreted, because names of runs and accounts
are untrusted text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from psyche_cli.errors import BrokenRule, ConfigurationError, PsycheError, UnplannedEffects
from psyche_cli.exact_numbers import with_strings
from psyche_cli.json_text import json_text
from psyche_cli.json_values import to_json
from psyche_cli.printable import encodable, is_utf8, printable
from psyche_cli.results import Document, JsonValue, Line, OperationResult, PlainText, Result, Toned

if TYPE_CHECKING:
    from psyche_cli.cli.layout import Row
    from psyche_cli.environment import Environment
    from psyche_cli.errors import ExitCode
    from psyche_cli.receipts import Receipt

ENVELOPE_VERSION = 1
"""Version of the JSON envelope. Incremented when a key is removed or changes its meaning, not when one is added."""


def print_line(environment: Environment, *columns: str) -> None:
    """Print one line to stdout while a command is still running; tabs separate its columns.

    Raises OSError if stdout cannot be written.
    """
    safe = [encodable(printable(environment.redactor.redacted(text)), environment.stdout) for text in columns]
    environment.diagnostics.erase()  # stderr may be the same terminal
    environment.stdout.write("\t".join(safe) + "\n")
    environment.stdout.flush()


def one_line_json(command: str, result: OperationResult[Any]) -> str:
    """The JSON document of a result on one line, for a command that keeps running after printing it."""
    return json_text(_envelope(command, _machine_view(result)), ascii_only=True, one_line=True)


class Renderer:
    """Prints the result or error of one invocation.

    ``as_json`` selects JSON on stdout, on one line if ``compact``; ``command`` is the verb named in the envelope. The
    methods raise OSError if stdout cannot be written.
    """

    def __init__(self, environment: Environment, *, command: str, as_json: bool, compact: bool = False) -> None:
        self._environment = environment
        self._stdout = environment.stdout
        self._diagnostics = environment.diagnostics
        self._progress = environment.progress
        self._redacted = environment.redactor.redacted
        self._command = command
        self._as_json = as_json
        self._compact = compact

    def result(self, result: Result) -> None:
        """Print the result of a command."""
        if isinstance(result, Document):
            self._json(to_json(result.value))
        elif isinstance(result, PlainText) and not self._as_json:
            self._out("\n".join(map(self._shown, result.text.rstrip("\n").split("\n"))))
        elif isinstance(result, PlainText):
            self._envelope({"data": to_json(result.data)})
        elif self._as_json:
            self._json(_envelope(self._command, _machine_view(result), int(result.exit_code), ok=True))
        else:
            self._human(result)

    def error(self, error: PsycheError, exit_code: ExitCode) -> None:
        """Print an error: message and hint on stderr, and with JSON output the envelope on stdout.

        stderr is written even if stdout cannot be written.
        """
        try:
            if self._as_json:
                self._envelope({"error": _description(error)}, exit_code=int(exit_code))
        finally:
            self._diagnostics.line(f"Error: {error.message}")
            for line in _more_lines(error):
                self._diagnostics.line(line)
            if error.hint:
                self._diagnostics.line(f"Hint: {error.hint}")

    def _envelope(self, content: Mapping[str, JsonValue], exit_code: int = 0) -> None:
        self._json(_envelope(self._command, content, exit_code))

    def _json(self, value: JsonValue) -> None:
        """Print a JSON document, with string copies of numbers that a double cannot represent.

        If stdout is not UTF-8, all non-ASCII characters are escaped.
        """
        value = with_strings(self._without_secrets(value))
        text = json_text(value, one_line=self._compact)
        if not text.isascii() and not is_utf8(self._stdout):
            text = json_text(value, ascii_only=True, one_line=self._compact)
        self._out(text)

    def _without_secrets(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            return self._redacted(value)
        if value is None or isinstance(value, int):
            return value
        if isinstance(value, dict | Mapping):
            return {key: self._without_secrets(inner) for key, inner in value.items()}
        return [self._without_secrets(inner) for inner in value] if isinstance(value, list | tuple) else value

    def _out(self, text: str) -> None:
        self._diagnostics.erase()
        self._stdout.write(text + "\n")
        self._stdout.flush()

    def _shown(self, text: str) -> str:
        return encodable(printable(self._redacted(text)), self._stdout)

    def _human(self, result: OperationResult[Any]) -> None:
        from psyche_cli.cli.layout import plain_layout, terminal_layout
        from psyche_cli.folding import folded_line

        environment = self._environment
        for warning in result.warnings:
            self._diagnostics.line(f"Warning: {warning}")
        title = self._shown(result.summary)
        rows = [*map(self._row, result.details), *self._transaction_rows(result.transactions)]
        if self._stdout.isatty():
            with_styles = environment.may_style(self._stdout)
            self._out(terminal_layout(title, rows, columns=environment.columns, with_styles=with_styles))
        else:
            self._out(plain_layout(title, rows))
        if result.body is not None:
            lines = result.body(environment.columns, environment.stdout_is_utf8)
            with_styles = environment.may_style(self._stdout)
            shown = [self._body_line(line, with_styles) for line in lines]
            if result.folds_body and self._stdout.isatty():
                shown = [part for line in shown for part in folded_line(line, environment.columns)]
            self._out("\n".join(["", *shown]))
        for step in result.next_steps:
            self._progress(f"Next: {step}")

    def screen(self, title: str, lines: Sequence[Line]) -> list[str]:
        """The lines of a screen that is redrawn, printable and with styles if stdout may have them."""
        from psyche_cli.cli.layout import terminal_layout

        environment = self._environment
        with_styles = environment.may_style(self._stdout)
        head = terminal_layout(self._shown(title), [], columns=environment.columns, with_styles=with_styles)
        return [*head.split("\n"), "", *(self._body_line(line, with_styles) for line in lines)]

    def _body_line(self, line: str | Line, with_styles: bool) -> str:
        if isinstance(line, str):
            return self._shown(line)
        from psyche_cli.cli.layout import styled_spans

        return styled_spans([span._replace(text=self._shown(span.text)) for span in line], with_styles=with_styles)

    def _row(self, detail: tuple[str, str]) -> Row:
        from psyche_cli.cli.layout import Row

        label, value = detail
        if not isinstance(value, Toned):
            return Row(self._shown(label), self._shown(value))
        toned = self._shown(value[: value.toned])
        return Row(self._shown(label), toned + self._shown(value[value.toned :]), value.tone, len(toned))

    def _transaction_rows(self, transactions: tuple[Receipt, ...]) -> list[Row]:
        rows = []
        for one in transactions:
            # On a terminal, a signature that is already on the screen is not repeated.
            repeats = self._stdout.isatty() and self._diagnostics.has_shown(one.signature)
            rows.append(self._row((f"transaction ({one.label})", _landing(one) if repeats else one.signature)))
            if one.explorer is not None:
                rows.append(self._row(("explorer", one.explorer)))
        return rows


def _envelope(
    command: str, content: Mapping[str, JsonValue], exit_code: int = 0, *, ok: bool | None = None
) -> dict[str, JsonValue]:
    head: dict[str, JsonValue] = {
        "schema_version": ENVELOPE_VERSION,
        "command": command,
        "ok": exit_code == 0 if ok is None else ok,
        "exit_code": exit_code,
    }
    return {**head, **content}


def _description(error: PsycheError) -> dict[str, JsonValue]:
    return {"code": error.code, "message": error.message, "hint": error.hint, "context": dict(error.context)}


def _machine_view(result: OperationResult[Any]) -> dict[str, JsonValue]:
    return {
        "summary": result.summary,
        "data": to_json(result.data),
        "transactions": to_json(result.transactions),
        "warnings": list(result.warnings),
    }


def _landing(receipt: Receipt) -> Toned:
    from psyche_cli.amounts import format_sol

    fee = "" if receipt.fee_lamports is None else f", fee {format_sol(receipt.fee_lamports)} SOL"
    return Toned("landed", "good", f" in slot {receipt.slot}{fee}")


def _more_lines(error: PsycheError) -> list[str]:
    """Lines printed below the error message: violated rules, unplanned effects, or the logs of the failed program."""
    if isinstance(error, ConfigurationError):
        return [line for problem in error.problems for line in _problem_lines(problem, error.message)]
    if isinstance(error, UnplannedEffects):
        return [f"  - {difference['message']}" for difference in error.differences]
    return ["Program logs:", *(f"  {line}" for line in error.logs)] if error.logs else []


def _problem_lines(problem: BrokenRule, sentence: str) -> list[str]:
    """A violated rule with its location; the rule is omitted if its message is the error's own, ``sentence``."""
    lines = [] if problem["message"] == sentence else [f"  - {problem['message']} (rule {problem['rule']})"]
    if lines and "path" in problem:
        place = (problem["path"], problem.get("line"), problem.get("column"))
        lines.append("    at " + ":".join(str(part) for part in place if part is not None))
    return [*lines, *(f"      {line}" for line in problem.get("snippet", "").splitlines())]
