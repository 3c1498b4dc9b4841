"""The text that is trained: one that is part of the package, or a file of the owner."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from psyche_cli.errors import UsageError
from psyche_cli.input_files import file_bytes

CONTEXT: Final = 4
"""The number of bytes before a byte from which the model predicts it."""

LARGEST_TEXT: Final = 1 << 26
"""The number of bytes that are read of a longer file."""

SMALLEST_TEXT: Final = 1 << 12
"""The minimum size of a text in bytes."""

_HELD_OUT: Final = 16
"""One part in this number is held out for evaluation."""
_MOST_HELD_OUT: Final = 1 << 12
_SHIPPED: Final = Path(__file__).with_name("text.txt")


class Sections(NamedTuple):
    """A text in two parts: ``trained``, and ``held_out`` for evaluation."""

    trained: bytes
    held_out: bytes


def load_text(path: Path | None = None) -> bytes:
    """The content of the file, or the text that is part of the package: about 80 KB of this project's documentation.

    Raises UsageError if the file cannot be read or is shorter than SMALLEST_TEXT.
    """
    return checked(file_bytes(path or _SHIPPED, LARGEST_TEXT), path)


def checked(text: bytes, path: Path | None = None) -> bytes:
    """The text, if it is long enough. Raises UsageError."""
    if len(text) < SMALLEST_TEXT:
        name = str(path) if path else "The text"
        raise UsageError(
            f"{name} has {len(text):,} bytes, but training needs at least {SMALLEST_TEXT:,}.",
            hint="Use a longer text, or omit --data to train on the text that is part of psyche-cli.",
            path=str(path) if path else None,
            bytes=len(text),
        )
    return text


def sections(text: bytes) -> Sections:
    """The text without its end, and its end: a sixteenth, at most 4,096 bytes and the context of the first one."""
    size = min(len(text) // _HELD_OUT, _MOST_HELD_OUT) + CONTEXT
    return Sections(text[:-size], text[-size:])


def window(text: bytes, sequence: int, length: int) -> bytes:
    """The sequence with a number from 0, ``length`` bytes long, after the CONTEXT bytes before it.

    Sequences follow each other in the text. At its end they continue at its beginning, at another offset. The text
    must be longer than a sequence with its context.
    """
    start = sequence * length % (len(text) - length - CONTEXT + 1)
    return text[start : start + length + CONTEXT]
