"""What a history covers, and how far it can be relied on: incarnations, gaps, and differences from the run now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from psyche_cli.operations.history.payloads import DifferenceData, GapData, HistoryFacts, IncarnationData

if TYPE_CHECKING:
    from psyche_cli.history.comparison import Difference
    from psyche_cli.history.records import Gap
    from psyche_cli.operations.history.sync import RunHistory

MOST_GAPS: Final = 100
_SHOWN: Final = 5


def facts_of(run: RunHistory, differences: Sequence[Difference], notes: Sequence[str]) -> HistoryFacts:
    """The facts about a history. Raises the errors of a history."""
    totals = run.history.totals()
    return HistoryFacts(
        run_id=run.run_id,
        genesis_hash=run.genesis_hash,
        synced_slot=totals.synced_slot,
        transactions=totals.fetched,
        incarnations=[IncarnationData(*one[:6]) for one in run.history.incarnations()],
        gaps=[_gap(one) for one in islice(run.history.gaps(), MOST_GAPS)],
        differences=[DifferenceData(one.path, one.sentence) for one in differences],
        notes=[*notes],
    )


def _gap(gap: Gap) -> GapData:
    return GapData(gap.address, gap.after_signature, gap.before_signature, gap.signature, gap.reason)


def warnings_about(facts: HistoryFacts) -> tuple[str, ...]:
    """What must not be overlooked, in sentences."""
    return (
        *_first([_missing(gap) for gap in facts.gaps], "gaps"),
        *_first([f"The run differs from its history: {one.sentence}" for one in facts.differences], "differences"),
        *facts.notes,
    )


def _first(sentences: Sequence[str], what: str) -> Iterator[str]:
    yield from sentences[:_SHOWN]
    if len(sentences) > _SHOWN:
        yield f"{len(sentences) - _SHOWN} more {what}; --output json lists them."


def _missing(gap: GapData) -> str:
    if gap.signature is not None:
        return f"The content of the transaction {gap.signature} is missing: {gap.reason}."
    after = "from the beginning of the chain" if gap.after_signature is None else f"after {gap.after_signature}"
    before = "" if gap.before_signature is None else f" before {gap.before_signature}"
    return f"Transactions of {gap.address} are missing, {after}{before}: {gap.reason}."


def lives(facts: HistoryFacts) -> Iterator[tuple[str, str]]:
    """A row for each incarnation, if there are several."""
    if len(facts.incarnations) < 2:
        return
    for one in facts.incarnations:
        begins = "its creation is in a gap" if one.created_slot is None else f"created in slot {one.created_slot:,}"
        ends = "" if one.closed_slot is None else f", closed in slot {one.closed_slot:,}"
        yield f"incarnation {one.number}", f"{begins}{ends}  {one.coordinator_account}"
