"""The files to upload: regular files below a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from psyche_cli.errors import FileError, UnsafePath
from psyche_cli.private_keys import holds_keypair

_LARGEST_KEY_FILE: Final = 64 * 1024


class LocalFile(NamedTuple):
    """A file and its path for the service, with slashes."""

    local: Path
    path: str


def list_files(source: Path) -> list[LocalFile]:
    """The file ``source``, or all files in this folder and its subfolders, sorted by path.

    A symbolic link to a file in the folder is uploaded as that file. Raises FileError if something cannot be read, and
    UnsafePath for other links and special files, for names that are not valid UTF-8 or contain control characters, and
    for a file with a private key.
    """
    try:
        is_folder = source.is_dir()
        if is_folder:
            root = source.resolve(strict=True)
            found = sorted(_walk(root, root), key=lambda one: one.path)
        else:
            found = [_checked(source, source.name, None)]
        for one in found:
            _refuse_key(one)
    except FileNotFoundError as error:
        raise FileError(f"{error.filename} does not exist.", path=str(error.filename)) from error
    except OSError as error:
        raise FileError(f"Cannot read {error.filename}: {error.strerror}.", path=str(error.filename)) from error
    if not found:
        raise FileError(f"The folder {source} contains no files.", path=str(source))
    return found


def _walk(folder: Path, root: Path) -> Iterator[LocalFile]:
    with os.scandir(folder) as entries:
        listed = list(entries)
    for entry in listed:
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path, root)
        else:
            yield _checked(path, path.relative_to(root).as_posix(), root)


def _checked(local: Path, path: str, root: Path | None) -> LocalFile:
    """A file below ``root``, or any file if ``root`` is None."""
    if not stat.S_ISREG(local.stat().st_mode):
        raise _unsafe(local, "is not a regular file")
    if root is not None and not local.resolve(strict=True).is_relative_to(root):
        raise _unsafe(local, "is a link to a file outside the folder")
    if not path.isprintable():
        raise _unsafe(local, "has control characters or invalid characters in its name")
    return LocalFile(local, path)


def _refuse_key(file: LocalFile) -> None:
    if file.local.stat().st_size > _LARGEST_KEY_FILE:
        return
    if holds_keypair(file.local.read_bytes().decode("utf-8", "replace")):
        raise _unsafe(file.local, "contains a private key")


def _unsafe(path: Path, flaw: str) -> UnsafePath:
    return UnsafePath(
        f"{path} {flaw}, so it cannot be uploaded.",
        hint="Nothing was uploaded. Move it out of the folder, or replace the link with a copy.",
        path=str(path),
    )
