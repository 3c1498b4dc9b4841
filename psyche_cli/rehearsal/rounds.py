"""The rounds of a rehearsal as the members keep them in the folder that they share.

The first member that concludes from a round writes down which results count, so that all members apply the same ones,
also those that have missed the round::

    FOLDER/closed/step-00000012.json
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from psyche_cli.training.checker import Share
from psyche_cli.training.exchange import write_atomically


class ClosedRound(NamedTuple):
    """A round that is over. ``members`` are those whose results count, as far as they are sound.

    ``malformed`` are others that published bytes which no witness can have seen, because they are not a submission.

    ``seed`` is its random seed, from which follows who checks whom. ``cold_start`` is the first step of its epoch, if
    that began without the state of an earlier one.
    """

    epoch: int
    step: int
    seed: int
    shares: tuple[Share, ...]
    members: tuple[str, ...]
    cold_start: int | None
    malformed: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """The round as JSON."""
        shares = [[share.member, share.sequences.start, share.sequences.stop] for share in self.shares]
        return json.dumps({**self._asdict(), "shares": shares}).encode()

    @classmethod
    def decode(cls, content: bytes) -> ClosedRound:
        """The round from JSON."""
        found = json.loads(content)
        shares = tuple(Share(member, range(start, stop)) for member, start, stop in found.pop("shares"))
        named = {name: tuple(found[name]) for name in ("members", "malformed")}
        return cls(**{**found, **named, "shares": shares})


class ClosedRounds:
    """The rounds that are over, in the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "closed"

    def close(self, one: ClosedRound) -> ClosedRound:
        """Write down a round, unless another member already has; returns what is written. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(one.step)
        part = path.with_name(f"{path.name}.{os.getpid()}.{len(one.members)}")
        write_atomically(part, one.encode())
        with suppress(FileExistsError):
            os.link(part, path)
        part.unlink()
        found = self.find(one.step)
        assert found is not None  # it was linked, by this member or by another one
        return found

    def find(self, step: int) -> ClosedRound | None:
        """The round of a step, if a member has written it down."""
        try:
            return ClosedRound.decode(self._path(step).read_bytes())
        except FileNotFoundError:
            return None

    def after(self, step: int, before: int) -> Iterable[ClosedRound]:
        """The rounds of later steps, up to the one before ``before``."""
        found = (self.find(one) for one in range(step + 1, before))
        return (one for one in found if one is not None)

    def _path(self, step: int) -> Path:
        return self._folder / f"step-{step:08}.json"
