"""A progress bar on stderr while files are transferred, or a line per file if stderr is not a terminal."""

from __future__ import annotations

from typing import Final

from psyche_cli.environment import Environment

_SECONDS_BETWEEN: Final = 0.1
_BAR, _SHORT_BAR, _WIDE_ENOUGH = 20, 10, 100
_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB", "PB")


class TransferProgress:
    """Shows the progress of ``total`` files. ``doing`` is the verb, such as ``Downloading``."""

    def __init__(self, environment: Environment, doing: str) -> None:
        self._environment = environment
        self._doing = doing
        self._is_shown = environment.can_replace_lines and not environment.output.quiet
        self._drawn_at = self._started_at = 0.0
        self._path = ""
        self._size: int | None = None
        self._done = self._before = 0
        self.total = 0
        self.complete = 0

    def begin(self, path: str, size: int | None = None, done: int = 0) -> None:
        """Begin a file, or another attempt. ``done`` bytes of ``size``, if known, are already transferred."""
        self._path, self._size, self._done, self._before = path, size, done, done
        self._started_at = self._drawn_at = self._environment.clock.monotonic()
        self._draw()

    def advance(self, count: int) -> None:
        """Add transferred bytes."""
        self._done += count
        if self._is_shown:
            now = self._environment.clock.monotonic()
            if now - self._drawn_at >= _SECONDS_BETWEEN:
                self._drawn_at = now
                self._draw()

    def finish(self, line: str) -> None:
        """End a file that is complete; ``line`` is shown if there is no bar."""
        self.complete += 1
        if not self._is_shown:
            self._environment.progress(line)

    def note(self, text: str) -> None:
        """Show what is done before or between files."""
        if self._is_shown:
            self._environment.diagnostics.transient(text, "")

    def pause(self, seconds: float, line: str) -> None:
        """Write a line about a failure, and wait."""
        environment = self._environment
        environment.progress(line)
        with environment.waits.showing("Waiting to try again"):
            environment.waits.sleep(environment.clock, seconds)

    def clear(self) -> None:
        """Remove the bar."""
        self._environment.diagnostics.erase()

    @property
    def tally(self) -> str:
        """How many files are complete, as a sentence."""
        return f"{self.complete} of {count_of_files(self.total)} {'is' if self.total == 1 else 'are'} complete."

    def _draw(self) -> None:
        if not self._is_shown:
            return
        seconds = self._drawn_at - self._started_at
        detail = progress_text(
            self._done,
            self._size,
            speed=(self._done - self._before) / seconds if seconds > 0 else 0.0,
            width=_BAR if self._environment.columns >= _WIDE_ENOUGH else _SHORT_BAR,
        )
        name = self._path.rpartition("/")[2]
        number = min(self.complete + 1, self.total)
        self._environment.diagnostics.transient(f"{self._doing} {number} of {self.total}: {name}", detail)


def progress_text(done: int, size: int | None, *, speed: float, width: int) -> str:
    """The progress of a file of ``size`` bytes, if known. ``speed`` is in bytes per second; 0 if it is not known.

    ``width`` is the width of the bar in characters.
    """
    pace = f", {size_text(int(speed))}/s" if speed > 0 else ""
    if size is None or size == 0:
        return f"{size_text(done)}{pace}"
    share = min(done / size, 1.0)
    filled = int(share * width)
    return f"{'#' * filled}{'.' * (width - filled)} {int(share * 100)}% of {size_text(size)}{pace}"


def size_text(size: int) -> str:
    """A number of bytes for people, such as ``1.5 GB``; 1 kB is 1000 bytes."""
    value, unit = float(size), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    if unit == 0:
        return "1 byte" if size == 1 else f"{size} bytes"
    return f"{value:.3g} {_UNITS[unit]}" if value < 99.95 else f"{value:.0f} {_UNITS[unit]}"


def count_of_files(count: int) -> str:
    """A number of files in words."""
    return "1 file" if count == 1 else f"{count} files"
