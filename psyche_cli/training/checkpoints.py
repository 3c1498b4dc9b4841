"""Checkpoints of the shared weights, in folders that stand for the places where the members of a run keep them::

    FOLDER/members/MEMBER/STEP.checkpoint        P2P: in the folder of each member
    FOLDER/hub/NAME/STEP.checkpoint              Hub and Gcs: NAME is the repository or bucket, in a safe spelling

A checkpoint is a line of JSON with the SHA-256 of the state, and the state. It is read only if the hash matches, and
used only if the model accepts it. Files appear complete or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from psyche_cli.training.exchange import read_limited, write_atomically
from psyche_cli.training.submission import is_member_name
from psyche_cli.training.trainer import BadState, BadUpdate, Trainer

_FORMAT: Final = "psyche-rehearsal-checkpoint-1"
_SUFFIX: Final = ".checkpoint"
_LARGEST_HEADER: Final = 4096
_KEPT: Final = 2


class Found(NamedTuple):
    """A readable checkpoint. ``step`` is the last step in it, and ``source`` the member or repository it is from."""

    step: int
    weights_hash: str
    state: bytes
    source: str


class Restored(NamedTuple):
    """The checkpoint that was loaded, and the sources that were skipped, each with the reason."""

    step: int
    weights_hash: str
    source: str
    skipped: tuple[tuple[str, str], ...]


class Checkpoints:
    """The checkpoints of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save_for_members(self, trainer: Trainer, step: int, member: str) -> Path:
        """Write the checkpoint of a member, from which others restore by P2P. Raises OSError."""
        return _save(self._of_member(member), trainer, step)

    def save_to_hub(self, trainer: Trainer, step: int, repository: str) -> Path:
        """Write a checkpoint to the folder that stands for the repository. Raises OSError."""
        return _save(self._of_repository(repository), trainer, step)

    def restore_from_members(
        self, trainer: Trainer, members: Sequence[str], *, step: int | None = None, weights_hash: str | None = None
    ) -> Restored:
        """Load the checkpoint that most of the members have, or the one with this step or hash.

        Raises NoCheckpoint if none of them has one that the model accepts; the trainer is then unchanged.
        """
        return _restore(trainer, [(name, self._of_member(name)) for name in members], step, weights_hash)

    def restore_from_hub(
        self, trainer: Trainer, repository: str, *, step: int | None = None, weights_hash: str | None = None
    ) -> Restored:
        """Load the newest checkpoint of the repository, or the one with this step or hash. Raises NoCheckpoint."""
        return _restore(trainer, [(repository, self._of_repository(repository))], step, weights_hash)

    def _of_member(self, member: str) -> Path:
        if not is_member_name(member):
            raise ValueError(f"{member!r} is not a valid name of a member")
        return self.folder / "members" / member

    def _of_repository(self, repository: str) -> Path:
        # A dot is not quoted, but could make the name mean the parent folder.
        return self.folder / "hub" / quote(repository, safe="").replace(".", "%2E")


class NoCheckpoint(Exception):
    """No source has a checkpoint that can be used. ``skipped`` has each source that was tried, with the reason."""

    def __init__(self, skipped: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{source}: {reason}" for source, reason in skipped) or "no source was given")
        self.skipped = tuple(skipped)


def _save(folder: Path, trainer: Trainer, step: int) -> Path:
    state = trainer.state()
    header = {"format": _FORMAT, "step": step, "sha256": hashlib.sha256(state).hexdigest()}
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{step:08}{_SUFFIX}"
    write_atomically(target, json.dumps(header, sort_keys=True).encode() + b"\n" + state)
    for old in sorted(folder.glob(f"*{_SUFFIX}"))[:-_KEPT]:
        old.unlink(missing_ok=True)
    return target


def _restore(
    trainer: Trainer, sources: Sequence[tuple[str, Path]], step: int | None, weights_hash: str | None
) -> Restored:
    found: list[Found] = []
    skipped: list[tuple[str, str]] = []
    largest = len(trainer.state()) + _LARGEST_HEADER
    for source, folder in sources:
        files = sorted(folder.glob(f"*{_SUFFIX}"), reverse=True)
        if not files:
            skipped.append((source, "it has no checkpoint"))
        for file in files:
            try:
                found.append(_read(file, source, largest))
            except BadState as error:
                skipped.append((source, f"{file.name}: {error}"))
    wanted = [one for one in found if step in (None, one.step) and weights_hash in (None, one.weights_hash)]
    skipped += [(one.source, f"step {one.step} is not the requested checkpoint") for one in found if one not in wanted]
    votes = Counter((one.step, one.weights_hash) for one in wanted)
    # A checkpoint that more members have is preferred to a newer one: a single member cannot impose its own.
    for one in sorted(wanted, key=lambda one: (votes[one.step, one.weights_hash], one.step), reverse=True):
        try:
            trainer.load(one.state)
        except BadState as error:
            skipped.append((one.source, f"step {one.step}: {error}"))
            continue
        return Restored(one.step, one.weights_hash, one.source, tuple(skipped))
    raise NoCheckpoint(skipped)


def _read(file: Path, source: str, largest: int) -> Found:
    """The content of a checkpoint file of at most ``largest`` bytes. Raises BadState."""
    try:
        content = read_limited(file, largest) or b""
    except BadUpdate as error:
        raise BadState(str(error)) from error
    line, newline, _ = content[:_LARGEST_HEADER].partition(b"\n")
    state = content[len(line) + len(newline) :]
    try:
        header = json.loads(line)
        step, promised = header["step"], header["sha256"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise BadState("it does not start with a header") from error
    if header.get("format") != _FORMAT or type(step) is not int or file.name != f"{step:08}{_SUFFIX}":
        raise BadState("its header is not that of a checkpoint of this step")
    actual = hashlib.sha256(state).hexdigest()
    if promised != actual:
        raise BadState("its content does not match its hash")
    return Found(step, actual, state, source)
