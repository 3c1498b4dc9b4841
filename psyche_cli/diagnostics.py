"""The one door to stderr: progress, warnings, errors, log lines, and whatever libraries write there.

A line that passes has no secret in it and nothing that acts on a terminal. Where nobody can read it (a full disk, a
reader that has gone) the line is lost, and the command goes on.
"""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable, Iterator
from typing import TextIO

from psyche_cli.printable import encodable, printable
from psyche_cli.redaction import Redactor


class Diagnostics:
    """Writes lines to ``stream`` (stderr), without what ``redactor`` knows to be secret. For any thread."""

    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        self._stream = stream
        self._redactor = redactor

    def line(self, text: str) -> None:
        """Write one line. A line break in the text does not make it two."""
        safe = encodable(printable(self._redactor.redacted(text)), self._stream)
        with contextlib.suppress(OSError, ValueError):  # ValueError: the stream is closed
            self._stream.write(safe + "\n")
            self._stream.flush()

    def lines(self, text: str) -> None:
        """Write a text of several lines, such as a traceback."""
        for line in text.splitlines():
            self.line(line)

    def as_stream(self) -> LineStream:
        """What to put in the place of ``sys.stderr``, for everybody else who writes there."""
        return LineStream(self.line, like=self._stream)

    @contextlib.contextmanager
    def capture_stderr(self) -> Iterator[None]:
        """Take what Python and libraries write to ``sys.stderr``: warnings, log records, exceptions of threads."""
        with contextlib.closing(self.as_stream()) as stream, contextlib.redirect_stderr(stream):
            yield


class LineStream(io.TextIOBase):
    """A text stream that hands on whole lines, and what is left of one when it is closed.

    ``like`` is the stream at whose end they arrive: its encoding and its terminal are this one's.
    """

    def __init__(self, line: Callable[[str], None], *, like: TextIO) -> None:
        super().__init__()
        self._line = line
        self._like = like
        self._begun = ""
        self._lock = threading.RLock()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has an attribute where io has a property
        """That of the stream behind."""
        return self._like.encoding or "utf-8"

    def writable(self) -> bool:
        """True."""
        return True

    def isatty(self) -> bool:
        """Whether the stream behind is a terminal."""
        return self._like.isatty()

    def fileno(self) -> int:
        """The descriptor of the stream behind, if it has one."""
        return self._like.fileno()

    def write(self, text: str, /) -> int:
        """Take some text; lines that it completes go on at once."""
        with self._lock:
            *whole, self._begun = (self._begun + text).split("\n")
            for line in whole:
                self._line(line)
        return len(text)

    def close(self) -> None:
        """Hand on what is left of a line. The stream behind stays open."""
        with self._lock:
            rest, self._begun = self._begun, ""
            if rest:
                self._line(rest)
        super().close()
