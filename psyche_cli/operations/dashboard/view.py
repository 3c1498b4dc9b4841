"""The document about a run, from the run as it is now and its history."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from psyche_cli.lifecycle.diagrams import edges
from psyche_cli.lifecycle.psyche_run import PSYCHE_RUN
from psyche_cli.operations.dashboard.documents import (
    ClusterNow,
    Configuration,
    ConfigurationChange,
    EpochRow,
    HistoryState,
    LatestTransactions,
    MachineDrawing,
    MachineState,
    Reading,
    RunView,
    StateSpan,
)
from psyche_cli.protocol.run_states import RunState

if TYPE_CHECKING:
    from psyche_cli.operations.dashboard.reading import RunNow
    from psyche_cli.operations.dashboard.story import RunStory

LATEST: Final = 50
"""Transactions in the document."""
_UNREAD: Final = "Not read yet."


class Told(NamedTuple):
    """What the history tells, at one time."""

    spans: list[StateSpan]
    epochs: list[EpochRow]
    changes: list[ConfigurationChange]
    changes_total: int
    transactions: LatestTransactions
    history: HistoryState


def told(story: RunStory, *, latest: int = LATEST) -> Told:
    """What a story tells now, with the ``latest`` newest transactions."""
    course, page = story.course, story.log.page(latest)
    return Told(
        spans=[*course.spans],
        epochs=[*course.epochs],
        changes=[*course.changes][::-1],
        changes_total=course.changes_total,
        transactions=LatestTransactions(page.total, page.transactions, sorted(story.kinds)),
        history=story.state(),
    )


def run_view(
    address: str,
    run_id: str,
    cluster: ClusterNow,
    now: RunNow | None,
    history: Told | None,
    *,
    reading: Reading | None = None,
    problems: dict[str, str] | None = None,
) -> RunView:
    """The document about a run. ``problems`` say why the run or its history could not be read."""
    found = dict.fromkeys(("show", "members", "explain", "configuration") if now is None else (), _UNREAD)
    found |= dict.fromkeys(("spans", "epochs", "transactions", "history") if history is None else (), _UNREAD)
    found |= {} if now is None else now.problems
    return RunView(
        address=address,
        run_id=run_id,
        cluster=cluster,
        show=None if now is None else now.show,
        members=None if now is None else now.members,
        explain=None if now is None else now.explain,
        machine=machine_drawing(),
        spans=None if history is None else history.spans,
        epochs=None if history is None else history.epochs,
        configuration=Configuration(
            toml=None if now is None else now.toml,
            changes=None if history is None else history.changes,
            changes_total=0 if history is None else history.changes_total,
        ),
        transactions=None if history is None else history.transactions,
        history=None if history is None else history.history,
        reading=reading,
        problems=found | (problems or {}),
    )


@cache
def machine_drawing() -> MachineDrawing:
    """The state machine of runs, with the names of states as users see them."""
    names: dict[str | None, str | None] = {None: None, **{state.variant: state.text for state in RunState}}
    return MachineDrawing(
        states=[MachineState(str(names[state.name]), state.meaning) for state in PSYCHE_RUN.states],
        transitions=[
            {"from": names[one.source], "to": names[one.target], "label": one.label, "rare": one.rare}
            for one in edges(PSYCHE_RUN)
        ],
    )
