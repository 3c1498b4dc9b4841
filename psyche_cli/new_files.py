"""Writes new files without overwriting existing ones."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from psyche_cli.errors import UsageError
from psyche_cli.private_keys import refuse_key_as_path


def write_new_file(path: Path, text: str, *, what: str) -> None:
    """Write text and a final newline to a new UTF-8 file.

    ``what`` names the path in messages. A partially written file is removed.

    Raises UsageError if the path already exists, cannot be written, or is a private key.
    """
    refuse_key_as_path(what, path)
    created = False
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            created = True
            file.write(text if text.endswith("\n") else f"{text}\n")
    except FileExistsError as error:
        raise _exists(path) from error
    except (OSError, ValueError) as error:
        if created:
            with contextlib.suppress(OSError):
                path.unlink()
        raise _not_written(path, error) from error


def require_new_file(path: Path, *, what: str) -> None:
    """Check that ``write_new_file`` can write a file, before anything is done whose result it is to contain.

    Raises the errors of ``write_new_file``.
    """
    write_new_file(path, "", what=what)
    path.unlink()


@contextlib.contextmanager
def complete_new_file(path: Path, *, what: str) -> Iterator[BinaryIO]:
    """A context for writing a new file, which exists only once it is complete.

    Nothing is left of it if an exception is raised in the context. Raises the errors of ``write_new_file``.
    """
    require_new_file(path, what=what)
    hidden = None
    try:
        with file_errors(path):
            descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
            hidden = Path(name)
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            hidden.chmod(0o666 & ~_umask())
            os.link(hidden, path)
    finally:
        if hidden is not None:
            hidden.unlink(missing_ok=True)


@contextlib.contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """A context in which OSError becomes the error for a new file, where it would become that of another file."""
    try:
        yield
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise _not_written(path, error) from error


def _umask() -> int:
    """The mask of this process, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _exists(path: Path) -> UsageError:
    return UsageError(
        f"The file {path} already exists and will not be overwritten.", hint="Choose another path.", path=str(path)
    )


def _not_written(path: Path, error: OSError | ValueError) -> UsageError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "invalid path"
    return UsageError(f"Cannot write {path}: {reason}.", hint="Choose another path.", path=str(path))
