"""All output to stderr: progress, warnings, errors, log lines, and the output of libraries.

Secrets and terminal control characters are removed from every line. If a line cannot be written (full disk, closed
pipe), it is dropped and the command continues.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Callable, Iterator
from typing import TextIO

from psyche_cli.printable import encodable, printable
from psyche_cli.redaction import Redactor

_ERASE_REST = "\x1b[K"
"""Erases the line from the cursor to its end."""
_USUAL_COLUMNS = 80
_REMEMBERED = 50
"""The number of lines that are remembered."""


class Diagnostics:
    """Writes lines to ``stream`` (stderr) after ``redactor`` has removed secrets. Usable from any thread.

    With ``styled``, the labels ``Error:`` and ``Warning:`` at the beginning of a line are colored.
    """

    def __init__(self, stream: TextIO, redactor: Redactor, *, styled: bool = False) -> None:
        self._stream = stream
        self._redactor = redactor
        self._styled = styled
        self._transient = ""
        self._recent: list[str] = []
        self._lock = threading.RLock()

    def line(self, text: str) -> None:
        """Write one line. Line breaks in the text are replaced."""
        self._write(text, end="\n")

    def prompt(self, text: str) -> None:
        """Write a prompt, without a newline so that the user types the answer on the same line."""
        self._write(text, end="")

    def transient(self, text: str, detail: str) -> None:
        """Show text, shortened to fit, and ``detail`` on the terminal's current line, until ``erase`` or the next line.

        Without a terminal that understands escape sequences, this must not be called.
        """
        from psyche_cli.folding import cells, cut

        end = f" ({detail})" if detail else ""
        shown = cut(self._safe(text), self._columns() - cells(end) - 1) + end
        with self._lock:
            if shown != self._transient:
                self._transient = shown  # first, since an interrupt may occur after the write
                if self._styled:
                    from psyche_cli.styles import DIM, styled

                    shown = styled(DIM, shown)
                self._put(f"\r{shown}{_ERASE_REST}")

    def erase(self) -> None:
        """Erase what ``transient`` shows."""
        with self._lock:
            if self._transient:
                self._put(f"\r{_ERASE_REST}")
                self._transient = ""

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or _USUAL_COLUMNS
        except (OSError, ValueError):
            return _USUAL_COLUMNS

    def _safe(self, text: str) -> str:
        return encodable(printable(self._redactor.redacted(text)), self._stream)

    def _write(self, text: str, *, end: str) -> None:
        safe = self._safe(text)
        if self._styled:
            from psyche_cli.styles import with_colored_label

            safe = with_colored_label(safe)
        with self._lock:
            self.erase()
            self._put(safe + end)
            self._recent = [*self._recent[1 - _REMEMBERED :], safe]

    def has_shown(self, text: str) -> bool:
        """Whether one of the last lines on the terminal contains ``text``; False if stderr is not a terminal."""
        return self._stream.isatty() and any(text in line for line in self._recent)

    def _put(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # ValueError: the stream is closed
            self._stream.write(text)
            self._stream.flush()

    def lines(self, text: str) -> None:
        """Write multi-line text, such as a traceback, line by line."""
        for line in text.splitlines():
            self.line(line)

    def as_stream(self) -> LineStream:
        """A replacement for ``sys.stderr`` that writes through this object."""
        return LineStream(self.line, like=self._stream)

    @contextlib.contextmanager
    def capture_stderr(self) -> Iterator[None]:
        """Redirect ``sys.stderr`` here, so that warnings, log records and thread exceptions are redacted too."""
        with contextlib.closing(self.as_stream()) as stream, contextlib.redirect_stderr(stream):
            yield


class LineStream(io.TextIOBase):
    """A text stream that passes complete lines to the callback ``line``, and an unfinished line when it is closed.

    Encoding, file descriptor and terminal status are those of ``like``, the stream the lines end up in.
    """

    def __init__(self, line: Callable[[str], None], *, like: TextIO) -> None:
        super().__init__()
        self._line = line
        self._like = like
        self._partial = ""
        self._lock = threading.RLock()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has an attribute where io has a property
        """Encoding of the underlying stream."""
        return self._like.encoding or "utf-8"

    def writable(self) -> bool:
        """True."""
        return True

    def isatty(self) -> bool:
        """Whether the underlying stream is a terminal."""
        return self._like.isatty()

    def fileno(self) -> int:
        """File descriptor of the underlying stream, if it has one."""
        return self._like.fileno()

    def write(self, text: str, /) -> int:
        """Buffer text and pass on every line it completes."""
        with self._lock:
            *complete, self._partial = (self._partial + text).split("\n")
            for line in complete:
                self._line(line)
        return len(text)

    def close(self) -> None:
        """Pass on an unfinished line. The underlying stream stays open."""
        with self._lock:
            rest, self._partial = self._partial, ""
            if rest:
                self._line(rest)
        super().close()
