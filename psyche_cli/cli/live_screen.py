"""A screen on the terminal that is redrawn in place: not on the alternate screen, so that the last one stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.text import Text

from psyche_cli.cli.render import Renderer
from psyche_cli.operations.status.screen import screen_lines
from psyche_cli.operations.status.show import title_of
from psyche_cli.results import Line, Span

if TYPE_CHECKING:
    from psyche_cli.environment import Environment
    from psyche_cli.operations.status.show_payloads import ShowData
    from psyche_cli.suggestions import GivenOptions


class LiveScreen:
    """A region of the terminal that is redrawn. A context manager.

    ``given`` are the options that suggested commands repeat.
    """

    def __init__(self, environment: Environment, given: GivenOptions) -> None:
        self._environment = environment
        self._given = given
        self._renderer = Renderer(environment, command="watch", as_json=False)
        self._size = self._current_size()
        self._live = self._started()
        self._whole = Text()

    def __enter__(self) -> LiveScreen:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.update(self._whole)  # the last screen may be higher than the terminal
        self._live.stop()

    def show(self, data: ShowData, status: str) -> None:
        """Draw the screen of a run, as much as fits, with a status in its last line."""
        self.draw(title_of(data), lambda width, utf8: screen_lines(data, width, utf8, self._given), status)

    def draw(self, title: str, lines_for: Callable[[int, bool], Sequence[Line]], status: str) -> None:
        """Draw lines below a title, as many as fit, with a status in the last line.

        ``lines_for`` returns them for a number of columns, and for whether the terminal uses UTF-8.
        """
        size = self._current_size()
        if size != self._size:
            self._size = size
            self._live.stop()
            self._live.console.clear()  # the terminal has wrapped the lines, so that their number is unknown
            self._live = self._started()
            self._live.start()
        lines = [*lines_for(size[0], self._environment.stdout_is_utf8), []]
        *shown, last = self._renderer.screen(title, [*lines, [Span(status, "dim")]])
        self._whole = _text([*shown, last])
        self._live.update(_text([*shown[: size[1] - 1], last]), refresh=True)

    def _started(self) -> Live:
        width, height = self._size
        environment = self._environment
        console = Console(
            file=environment.stdout, force_terminal=True, width=width, height=height, highlight=False, markup=False,
            color_system="standard" if environment.may_style(environment.stdout) else None,
            _environ=environment.variables,
        )  # fmt: skip
        return Live(
            console=console, auto_refresh=False, vertical_overflow="crop", redirect_stdout=False, redirect_stderr=False
        )

    def _current_size(self) -> tuple[int, int]:
        """Columns and rows of the terminal."""
        return self._environment.columns, self._environment.rows


def _text(lines: Sequence[str]) -> Text:
    return Text.from_ansi("\n".join(lines), no_wrap=True, overflow="crop")
