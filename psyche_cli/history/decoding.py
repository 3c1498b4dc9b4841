"""Decoding the transactions of a history into events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from psyche_cli.environment import Waits
from psyche_cli.history.events import DECODER, decode
from psyche_cli.history.layouts import known_layouts
from psyche_cli.history.records import Event, RawTransaction
from psyche_cli.history.store import History
from psyche_cli.protocol.programs import ProgramIds

_AT_ONCE: Final = 100


def decode_new(history: History, programs: ProgramIds, waits: Waits | None = None) -> int:
    """Decode the transactions that today's decoder has not decoded, and write their events.

    Returns their number. ``waits`` shows the progress. Raises the errors of the history.
    """
    history.forget_events(DECODER)
    count, decoded = 0, list[tuple[str, list[Event]]]()
    layouts: Mapping[str, str] | None = None
    with (waits or Waits()).showing("Decoding transactions") as wait:
        for transaction in history.transactions(only_undecoded=True):
            if layouts is None:
                layouts = known_layouts(history, [*history.incarnations()], programs)
            decoded.append((transaction.signature, _events(transaction, programs, layouts)))
            count += 1
            if len(decoded) == _AT_ONCE:
                history.write_events(decoded, DECODER)
                decoded.clear()
                wait.now(f"{count:,} transactions, up to slot {transaction.slot:,}")
        history.write_events(decoded, DECODER)
    return count


def _events(transaction: RawTransaction, programs: ProgramIds, layouts: Mapping[str, str]) -> list[Event]:
    try:
        return decode(transaction, programs, layouts=layouts)
    except ValueError:  # cannot be: its content was checked when it was read
        return []
