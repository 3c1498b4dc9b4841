"""Places in a history as users specify them: a transaction, a slot, a time, or how long ago."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

from psyche_cli.durations import parse_duration
from psyche_cli.errors import NotFound, UsageError
from psyche_cli.history.records import Place
from psyche_cli.history.store import History
from psyche_cli.limits import U64_MAX
from psyche_cli.operations.signatures import parse_signature
from psyche_cli.operations.times import parse_time
from psyche_cli.redaction import Redactor

_SIGNATURE: Final = re.compile(r"[1-9A-HJ-NP-Za-km-z]{8,88}")
_SHORTEST_WHOLE: Final = 64
"""The characters of a signature of which most bytes are zero."""
_DURATION: Final = re.compile(r"[0-9dhms]*[dhms]")
_LONGEST_AGO: Final = 100 * 365 * 86400
_LAST_POSITION: Final = 1 << 40
_HINT: Final = (
    "Use a signature or at least 8 of its first characters, a slot such as 250000000, a time such as 2026-11-27 or "
    "2026-11-27T10:00:00Z, or how long ago, such as 90m or 2d."
)


class Where(NamedTuple):
    """A place as it was specified: a number is a slot, a time in Unix seconds, or seconds before now."""

    text: str
    option: str
    kind: Literal["signature", "slot", "time", "ago"]
    number: int = 0


def parse_where(text: str, option: str, redactor: Redactor) -> Where:
    """The place that an option specifies. Raises UsageError.

    ``redactor`` shows a signature again, which looks like a key.
    """
    if text.isascii() and text.isdigit() and len(text) <= 20 and int(text) <= U64_MAX >> 1:
        return Where(text, option, "slot", int(text))
    if _DURATION.fullmatch(text):
        return Where(text, option, "ago", parse_duration(text, option, maximum=_LONGEST_AGO))
    if _SIGNATURE.fullmatch(text):
        if len(text) >= _SHORTEST_WHOLE:
            parse_signature(text, redactor)
        return Where(text, option, "signature")
    return Where(text, option, "time", parse_time(text, option, hint=_HINT))


def place_after(where: Where, history: History, now: int) -> Place:
    """The last place that belongs to ``where``: the transaction itself, or the last one of a slot or up to a time.

    ``now`` is the time of the cluster. Raises NotFound for a transaction that the history does not contain.
    """
    if where.kind == "signature":
        return _transaction(where, history)
    slot = where.number if where.kind == "slot" else history.last_slot(_time(where, now))
    return Place(slot, _LAST_POSITION)


def place_before(where: Where, history: History, now: int) -> Place:
    """The last place before ``where``: what follows it belongs to ``where`` or is later."""
    if where.kind == "signature":
        slot, position = _transaction(where, history)
        return Place(slot, position - 1)
    if where.kind == "slot":
        return Place(where.number, -1)
    return Place(history.last_slot(_time(where, now) - 1), _LAST_POSITION)


def _time(where: Where, now: int) -> int:
    return where.number if where.kind == "time" else now - where.number


def _transaction(where: Where, history: History) -> Place:
    found = history.place_of(where.text)
    exact = [place for signature, place in found if signature == where.text]
    if exact or len(found) == 1:
        return exact[0] if exact else found[0][1]
    if found:
        raise UsageError(
            f"{where.option}: several transactions begin with {where.text}.", hint="Use more of the signature."
        )
    raise NotFound(f"The history does not contain the transaction {where.text}.", hint=_HINT)
