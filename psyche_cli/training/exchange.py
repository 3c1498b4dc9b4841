"""The folder through which the members of a run exchange their results::

    FOLDER/rounds/epoch-0001/step-00000012/MEMBER.result

Files appear complete or not at all, and the first file of a member and round stands. Other members are not trusted:
names are fixed, only regular files are read, and never more bytes than the limit.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path
from typing import Final, NamedTuple

from psyche_cli.training.submission import LARGEST_HEADER, Submission, decode_submission, is_member_name
from psyche_cli.training.trainer import BadUpdate

_SUFFIX: Final = ".result"
_NO_WAIT: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class Round(NamedTuple):
    """A round of a run, by the epoch and the run's step."""

    epoch: int
    step: int


class Exchange:
    """A member's access to the folder. ``largest_update`` is the maximum size of an update in bytes.

    While ``connected`` is False, the member is partitioned: it reads nothing, and what it publishes is lost.
    """

    def __init__(self, folder: Path, largest_update: int) -> None:
        self.folder = folder
        self.largest = largest_update + LARGEST_HEADER
        self.connected = True

    def publish(self, at: Round, submission: Submission) -> Submission | None:
        """Publish a result; returns what other members read, or None without a connection.

        That is an earlier submission of the member for the same round, if it exists, which a restarted worker can have
        published before. Raises OSError, and ValueError for an invalid name.
        """
        if not self.connected:
            return None
        target = self._path(at, submission.member)
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(BadUpdate):
            earlier = self.read(at, submission.member)
            if earlier is not None:
                return earlier
        write_atomically(target, submission.encode())
        return submission

    def publish_bytes(self, at: Round, member: str, content: bytes) -> None:
        """Publish arbitrary bytes as the result of a member: for members that are to misbehave."""
        if self.connected:
            target = self._path(at, member)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(target, content)

    def read(self, at: Round, member: str) -> Submission | None:
        """The result of a member; None if it has not published any. Raises BadUpdate."""
        if not self.connected:
            return None
        content = read_limited(self._path(at, member), self.largest)
        return None if content is None else decode_submission(content, member)

    def published(self, at: Round) -> tuple[str, ...]:
        """The members that have published a result, sorted."""
        if not self.connected:
            return ()
        names = (path.name.removesuffix(_SUFFIX) for path in self._round(at).glob(f"*{_SUFFIX}"))
        return tuple(sorted(name for name in names if is_member_name(name)))

    def forget_before(self, epoch: int) -> None:
        """Delete the results of earlier epochs."""
        for folder in (self.folder / "rounds").glob("epoch-*"):
            number = folder.name.removeprefix("epoch-")
            if number.isdecimal() and int(number) < epoch:
                shutil.rmtree(folder, ignore_errors=True)

    def _round(self, at: Round) -> Path:
        return self.folder / "rounds" / f"epoch-{at.epoch:04}" / f"step-{at.step:08}"

    def _path(self, at: Round, member: str) -> Path:
        if not is_member_name(member):
            raise ValueError(f"{member!r} is not a valid name of a member")
        return self._round(at) / f"{member}{_SUFFIX}"


def write_atomically(target: Path, content: bytes) -> None:
    """Write a file that appears with its whole content, or not at all. Raises OSError."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def read_limited(path: Path, largest: int) -> bytes | None:
    """The content of a regular file; None if it does not exist. Raises BadUpdate for any other or a larger file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_WAIT)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadUpdate(f"its file cannot be read ({error.strerror})") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BadUpdate("it is not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(largest + 1)
    finally:
        os.close(descriptor)
    if len(content) > largest:
        raise BadUpdate(f"it is larger than {largest:,} bytes")
    return content
