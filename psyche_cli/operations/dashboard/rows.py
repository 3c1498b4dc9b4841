"""A transaction of a history as a row of the page, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from psyche_cli.history.events import DONE, FAILED
from psyche_cli.history.states import Happened
from psyche_cli.history.words import who, words
from psyche_cli.operations.dashboard.documents import TransactionRow

_SIDE_KINDS: Final = frozenset({"advance_nonce", "set_compute_unit_limit", "set_compute_unit_price"})
_MOST_SENTENCES: Final = 6


def transaction_row(number: int, happened: Sequence[Happened], time: int | None) -> TransactionRow:
    """The row of a transaction, from all its events. ``time`` is when it was executed."""
    main = main_events(happened)
    shown = main[:_MOST_SENTENCES]
    sentences = [words(one.event, one.before, one.after) for one in shown]
    if len(main) > len(shown):
        sentences.append(f"{len(main) - len(shown)} more instructions.")
    first, transaction = main[0], main[0].transaction
    actor = who(first.event, first.before, first.after)
    error = next((one.event.error for one in happened if one.event.error), None)
    if transaction.failed and error is None:
        error = "The transaction failed."
    return TransactionRow(
        id=number,
        time=time,
        slot=transaction.slot,
        signature=transaction.signature,
        by=actor.address,
        role=actor.role,
        sentence=" ".join(sentences),
        kind=first.event.kind,
        fee=transaction.fee,
        error=error,
    )


def main_events(happened: Sequence[Happened]) -> list[Happened]:
    """The events that say what a transaction is for: at least one.

    These are its instructions, except for the setup of fees and nonces. Of an instruction of the treasurer that led to
    calls of the coordinator, it is those, and of a failed transaction, the instruction that failed.
    """
    if happened[0].transaction.failed:
        failed = [one for one in happened if one.event.effects.get("outcome", DONE) == FAILED]
        return failed or [happened[0]]
    found: list[Happened] = []
    for one in happened:
        if one.event.inner > 0 or one.event.kind in _SIDE_KINDS:
            continue
        calls = [
            inner
            for inner in happened
            if inner.event.outer == one.event.outer and inner.event.inner > 0 and inner.event.program == "coordinator"
        ]
        found += calls if one.event.program == "treasurer" and calls else [one]
    return found or [happened[0]]
