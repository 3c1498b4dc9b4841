"""Faults of a rehearsal: what goes wrong with which member, and when.

A faults file is TOML: any number of tables ``[[fault]]``, and a table ``[random]`` for faults that are drawn by a seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

from psyche_cli.run_config.problems import configuration_error
from psyche_cli.run_config.reader import BAD, Reader, did_you_mean, key_name, quoted
from psyche_cli.run_config.source import parsed_tables
from psyche_cli.run_config.toml_places import Places
from psyche_cli.run_config.types import Choice, Field, Float, Integer, Table, Variant
from psyche_cli.training.lies import KINDS as LIES

FaultKind: TypeAlias = Literal["kill", "hang", "slow", "lie", "partition", "late", "leave"]

KINDS: Final[tuple[FaultKind, ...]] = get_args(FaultKind)

HINT: Final = "docs/rehearsal.md describes all kinds of faults and their keys."

_RANDOM_KINDS: Final[tuple[FaultKind, ...]] = ("kill", "hang", "slow", "lie", "partition", "late", "leave")
_LAST_RANDOM_STEP: Final = 20
_MOST_RANDOM: Final = 1000
_LARGEST_FACTOR: Final = 1000.0

_FAULT: Final = Table(
    (
        Field("kind", Choice(tuple(map(Variant, KINDS))), "what goes wrong"),
        Field("member", Integer(16), "number of the member, from 1"),
        Field("at_step", Integer(32), "step at which it begins", optional=True),
        Field("at_seconds", Integer(32), "seconds after the start at which it begins", optional=True),
        Field("seconds", Integer(32), "how long it lasts, in seconds", optional=True),
        Field("factor", Float(64), "how many times slower the member is", optional=True),
        Field("how", Choice(tuple(map(Variant, LIES))), "what a member that lies publishes", optional=True),
    )
)
_RANDOM: Final = Table(
    (
        Field("count", Integer(16), "number of faults to draw"),
        Field("seed", Integer(32), "seed of the faults", optional=True),
        Field("last_step", Integer(32), "the last step at which one may begin", optional=True),
    )
)
_LASTING: Final = frozenset({"hang", "slow", "lie", "partition", "leave"})
"""Kinds that may have a duration; the others have none."""


class Fault(NamedTuple):
    """A fault of one member, which is numbered from 1.

    It begins once the run has reached ``at_step``, or ``at_seconds`` seconds of the cluster after the start: one of the
    two is None. It lasts ``seconds`` of the cluster; None: until the end. ``factor`` is that of ``slow``, and ``how``
    that of ``lie``, one of ``training.lies.KINDS``.

    - ``kill``: the process of the member's worker is killed.
    - ``hang``: the worker does not respond, and continues afterward.
    - ``slow``: the member trains ``factor`` times slower.
    - ``lie``: the member publishes something else than its result.
    - ``partition``: the member reaches neither the cluster nor the other members.
    - ``late``: the member does not join before this.
    - ``leave``: the member stops taking part, and joins again afterward.
    """

    kind: FaultKind
    member: int
    at_step: int | None = None
    at_seconds: int | None = None
    seconds: int | None = None
    factor: float = 1.0
    how: str = LIES[0]

    def has_begun(self, step: int, elapsed: int) -> bool:
        """Whether it has begun at a step, ``elapsed`` seconds after the start."""
        if self.at_step is not None:
            return step >= self.at_step
        return self.at_seconds is not None and elapsed >= self.at_seconds

    @property
    def text(self) -> str:
        """The fault as a phrase, such as ``member 2 hangs at step 5 for 30 s``."""
        is_step = self.at_step is not None
        if self.kind == "lie":
            at = f"from step {self.at_step} on" if is_step else f"from {self.at_seconds} s on"
        else:
            at = f"at step {self.at_step}" if is_step else f"after {self.at_seconds} s"
        lasting = "" if self.seconds is None else f" for {self.seconds} s"
        what = _PHRASES[self.kind].replace("{}", self.how if self.kind == "lie" else f"{self.factor:g}")
        return f"member {self.member} {what} {at}{lasting}"


_PHRASES: Final[dict[FaultKind, str]] = {
    "kill": "is killed",
    "hang": "hangs",
    "slow": "becomes {} times slower",
    "lie": "lies ({})",
    "partition": "is cut off",
    "late": "arrives",
    "leave": "leaves",
}


def parse_faults(text: str, path: Path, *, members: int, seed: int) -> tuple[Fault, ...]:
    """The faults of a file, in its order, followed by the random ones.

    ``members`` is the number of members, and ``seed`` that of the random faults if the file has none. ``path`` is only
    used in messages. Raises ConfigurationError, whose ``problems`` list everything that is wrong with the file.
    """
    tables = parsed_tables(text, path, "faults file", hint=HINT)
    reader = Reader()
    faults = tuple(_faults(tables.get("fault", []), reader, members))
    drawn = _drawn(tables["random"], reader, members, seed) if "random" in tables else ()
    for name in tables:
        if name not in ("fault", "random"):
            advice = did_you_mean(name, ("fault", "random"))
            message = f"{key_name(name)} is not a known key{advice}: a faults file has [[fault]] and [random]"
            reader.note(key_name(name), "UnknownKey", message)
    if reader.problems:
        places = Places(text)
        placed = [replace(one, file=str(path), place=places.find(one.key, one.rule)) for one in reader.problems]
        raise configuration_error(placed, subject=f"The faults file {path}", hint=HINT, source=path)
    return (*faults, *drawn)


def random_faults(
    count: int,
    *,
    members: int,
    seed: int,
    last_step: int = _LAST_RANDOM_STEP,
    kinds: Sequence[FaultKind] = _RANDOM_KINDS,
) -> tuple[Fault, ...]:
    """``count`` faults that depend only on the arguments. Member 1 is never killed, and never leaves for good."""
    drawing = random.Random(f"faults {seed}")
    found = []
    for _ in range(count):
        kind = drawing.choice(kinds)
        member = drawing.randint(1, members)
        at_step = drawing.randint(2, max(last_step, 2))
        seconds = drawing.choice((5, 10, 20, 40)) if kind in _LASTING else None
        if member == 1 and kind in ("kill", "late"):
            kind, seconds = "slow", 10
        factor = float(drawing.choice((2, 3, 5))) if kind == "slow" else 1.0
        how = drawing.choice(LIES) if kind == "lie" else LIES[0]
        found.append(Fault(kind, member, at_step, None, seconds, factor, how))
    return tuple(found)


def _faults(found: object, reader: Reader, members: int) -> Iterable[Fault]:
    if not isinstance(found, list):
        reader.note("fault", "WrongType", "fault must be an array of tables: write [[fault]]")
        return
    for index, table in enumerate(found):
        key = f"fault[{index}]"
        known = len(reader.problems)
        value = reader.read(_FAULT, table, key)
        if len(reader.problems) == known:
            _check(value, key, reader, members)
        if len(reader.problems) == known and value is not BAD:
            yield Fault(**{name: one for name, one in value.items() if one is not None})


def _check(value: dict[str, Any], key: str, reader: Reader, members: int) -> None:
    kind, member, seconds, factor = value["kind"], value["member"], value["seconds"], value["factor"]
    if not 1 <= member <= members:
        reader.note(f"{key}.member", "OutOfRange", f"{key}.member = {member} is not a member: there are 1 to {members}")
    if (value["at_step"] is None) == (value["at_seconds"] is None):
        how = "neither" if value["at_step"] is None else "both"
        reader.note(key, "MissingKey", f"{key} needs exactly one of at_step and at_seconds, but has {how}")
    if seconds is not None and kind not in _LASTING:
        reader.note(f"{key}.seconds", "UnknownKey", f'{key}.seconds does not apply to the kind "{kind}"')
    if seconds == 0:
        reader.note(f"{key}.seconds", "OutOfRange", f"{key}.seconds = 0 is out of range: expected at least 1")
    if kind == "slow" and factor is None:
        reader.note(f"{key}.factor", "MissingKey", f"{key}.factor is missing: how many times slower the member is")
    if kind != "slow" and factor is not None:
        reader.note(f"{key}.factor", "UnknownKey", f'{key}.factor applies only to the kind "slow"')
    if value["how"] is not None and kind != "lie":
        reader.note(f"{key}.how", "UnknownKey", f'{key}.how applies only to the kind "lie"')
    if factor is not None and not 1 < factor <= _LARGEST_FACTOR:
        message = f"{key}.factor = {factor:g} is out of range: expected more than 1, and at most {_LARGEST_FACTOR:g}"
        reader.note(f"{key}.factor", "OutOfRange", message)


def _drawn(found: object, reader: Reader, members: int, seed: int) -> tuple[Fault, ...]:
    known = len(reader.problems)
    kinds = _RANDOM_KINDS
    if isinstance(found, dict) and "kinds" in found:
        found = dict(found)
        kinds = _kinds(found.pop("kinds"), reader)
    value = reader.read(_RANDOM, found, "random")
    if len(reader.problems) > known:
        return ()
    if value["count"] > _MOST_RANDOM:
        count = value["count"]
        reader.note("random.count", "OutOfRange", f"random.count = {count} is out of range: at most {_MOST_RANDOM}")
        return ()
    own_seed, last_step = value["seed"], value["last_step"]
    return random_faults(
        value["count"],
        members=members,
        seed=seed if own_seed is None else own_seed,
        last_step=_LAST_RANDOM_STEP if last_step is None else last_step,
        kinds=kinds,
    )


def _kinds(found: object, reader: Reader) -> tuple[FaultKind, ...]:
    if not isinstance(found, list) or not found:
        reader.note("random.kinds", "WrongType", "random.kinds must be an array of kinds, which is not empty")
        return _RANDOM_KINDS
    for index, one in enumerate(found):
        if one not in KINDS:
            shown = quoted(one) if isinstance(one, str) else "this"
            message = f"random.kinds[{index}] = {shown} is not a known value; expected one of {', '.join(KINDS)}"
            reader.note(f"random.kinds[{index}]", "UnknownVariant", message)
    return tuple(one for one in found if one in KINDS)


class FaultsSeen:
    """The faults of one member, or of several, from when they begin. ``started_at`` is the start, in Unix seconds.

    Everyone who looks at the run at the same times of the cluster knows the same.
    """

    def __init__(self, faults: Iterable[Fault], started_at: int) -> None:
        self._waiting = list(faults)
        self._started_at = started_at
        self._begun: dict[Fault, int] = {}

    def look(self, step: int, now: int) -> None:
        """Begin the faults that are due when the run is at ``step``, at a time in Unix seconds."""
        for fault in list(self._waiting):
            if fault.has_begun(step, now - self._started_at):
                self._waiting.remove(fault)
                self._begun.setdefault(fault, now)

    def active(self, kind: FaultKind, now: int, member: int | None = None) -> Fault | None:
        """A fault of a kind that has begun and not ended, if any; with ``member``, one of this member."""
        for fault in self._begun:
            end = self.until(fault)
            if fault.kind == kind and member in (None, fault.member) and (end is None or now < end):
                return fault
        return None

    def begun_at(self, fault: Fault) -> int | None:
        """When it began, in Unix seconds; None if it has not."""
        return self._begun.get(fault)

    def happened_at(self, fault: Fault) -> int | None:
        """When it began, in Unix seconds; None if it has not, or if its member had been killed before."""
        began = self._begun.get(fault)
        kills = (at for other, at in self._begun.items() if other.kind == "kill" and other.member == fault.member)
        return None if began is None or began > min(kills, default=began) else began

    def until(self, fault: Fault) -> int | None:
        """When a fault that has begun ends, in Unix seconds; None if it does not."""
        return None if fault.seconds is None else self._begun[fault] + fault.seconds

    def next_time(self, now: int) -> int | None:
        """The earliest later time at which a fault begins or ends, as far as it is known."""
        times = [self._started_at + one.at_seconds for one in self._waiting if one.at_seconds is not None]
        times += [end for end in map(self.until, self._begun) if end is not None]
        return min((time for time in times if time > now), default=None)
