"""Checks of the paths that the service sends. A path that could leave the target folder is never used."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from hashlib import sha256
from typing import Final, NamedTuple

from psyche_cli.errors import UnsafePath

LONGEST_NAME: Final = 255
"""Maximum length of a file name in bytes, on all common file systems."""

_LONGEST_PATH: Final = 4096
_LONGEST_SHOWN: Final = 100
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_PARTIAL: Final = ".part"


class ServerPath(NamedTuple):
    """A checked relative path: the text that the service sent, and its parts."""

    text: str
    parts: tuple[str, ...]

    @property
    def partial_name(self) -> str:
        """The name of the file that holds the incomplete content: the name with ``.part``, or a hash if too long."""
        name = self.parts[-1] + _PARTIAL
        return name if _size(name) <= LONGEST_NAME else sha256(name.encode()).hexdigest() + _PARTIAL


def check_paths(texts: Iterable[str]) -> list[ServerPath]:
    """Check the paths of all files of a run, which must also not conflict with each other.

    Raises UnsafePath for the first path that is not relative or has ``.``, ``..``, empty or overlong parts, a
    backslash, a Windows drive, or characters that cannot be printed; and for one that occurs twice, differs from
    another one only in case or Unicode normalization, or is both a file and a folder.
    """
    paths = [_checked(text) for text in texts]
    files: dict[tuple[str, ...], str] = {}
    for path in paths:
        for own in (path.parts, (*path.parts[:-1], path.partial_name)):
            key = _folded(own)
            if key in files:
                raise _unsafe(path.text, f"which conflicts with {_shown(files[key])}")
            files[key] = path.text
    for path in paths:
        key = _folded(path.parts)
        for length in range(1, len(key)):
            if key[:length] in files:
                raise _unsafe(path.text, f"but {_shown(files[key[:length]])} is a file, not a folder")
    _refuse_ambiguous_folders(paths)
    return paths


def _refuse_ambiguous_folders(paths: list[ServerPath]) -> None:
    """Refuse folders that differ only in case or normalization, which are one folder on some file systems."""
    folders: dict[tuple[str, ...], tuple[str, ...]] = {}
    for path in paths:
        for length in range(1, len(path.parts)):
            folder = path.parts[:length]
            first = folders.setdefault(_folded(folder), folder)
            if first != folder:
                raise _unsafe(path.text, f"which conflicts with the folder {_shown('/'.join(first))}")


def _checked(text: str) -> ServerPath:
    parts = tuple(text.split("/"))
    flaw = _flaw(text, parts)
    if flaw is not None:
        raise _unsafe(text, flaw)
    return ServerPath(text, parts)


def _flaw(text: str, parts: tuple[str, ...]) -> str | None:
    """Why a path is not used, as a clause; None if it is."""
    if not text:
        return "which is empty"
    if not text.isprintable():
        return "which contains control characters or characters that cannot be printed"
    if "\\" in text or _DRIVE.match(text):
        return "which looks like a Windows path"
    if text.startswith("/"):
        return "which is absolute"
    if ".." in parts:
        return "which leads out of the folder"
    if "" in parts or "." in parts:
        return "which has an empty part or the part '.'"
    if any(_size(part) > LONGEST_NAME for part in parts) or _size(text) > _LONGEST_PATH:
        return "which is too long"
    return None


def _unsafe(text: str, flaw: str) -> UnsafePath:
    return UnsafePath(
        f"The service sent the path {_shown(text)}, {flaw}.",
        hint="Nothing was downloaded. Report this to the operator of the service.",
        path=text,
    )


def _shown(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}...")


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _folded(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The form in which paths are equal that name the same file on a case-insensitive file system."""
    return tuple(unicodedata.normalize("NFC", unicodedata.normalize("NFC", part).casefold()) for part in parts)
