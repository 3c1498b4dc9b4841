"""Human-readable output: on a terminal, the title is bold and labels are dim; elsewhere, the text is plain."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from psyche_cli.cli.render import Renderer
from psyche_cli.environment import Environment, SystemClock
from psyche_cli.results import OperationResult
from psyche_cli.transport import Transport

RESULT = OperationResult("Done.", {"run_id": "x"}, (("run", "x"), ("longer label", "y " * 100)))


class Stream(io.StringIO):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def shown(stream: Stream, **variables: str) -> str:
    def no_network(url: str) -> Transport:
        raise AssertionError(url)

    environment = Environment(
        io.StringIO(), stream, io.StringIO(), variables, Path("/nonexistent"), SystemClock(), no_network
    )
    Renderer(environment, command="x", as_json=False).result(RESULT)
    return stream.getvalue()


PLAIN = f"Done.\n  run           x\n  longer label  {'y ' * 100}\n"


@pytest.mark.parametrize("variables", [{}, {"TERM": "xterm", "COLUMNS": "0"}])
def test_elsewhere_the_text_is_bare_and_never_wrapped(variables: dict[str, str]) -> None:
    assert shown(Stream(terminal=False), **variables) == PLAIN


def test_on_a_terminal_the_title_is_bold_and_labels_are_dim() -> None:
    text = shown(Stream(terminal=True), TERM="xterm")
    assert text.startswith("\x1b[1mDone.\x1b[0m\n  \x1b[2mrun         \x1b[0m  x\n")
    for code in ("\x1b[1m", "\x1b[2m", "\x1b[0m"):
        text = text.replace(code, "")
    assert text == PLAIN


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}])
def test_a_terminal_that_should_not_style_gets_bare_text(variables: dict[str, str]) -> None:
    assert shown(Stream(terminal=True), **variables) == PLAIN
