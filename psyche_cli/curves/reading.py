"""Reading the curves of a run from its history."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from psyche_cli.curves.curve import WHATS, Curve, What
from psyche_cli.curves.reports import Reports, Tally
from psyche_cli.curves.run_values import RunValues
from psyche_cli.environment import Waits
from psyche_cli.history.events import DONE
from psyche_cli.history.records import Incarnation, Place
from psyche_cli.history.states import Happened, RunStates
from psyche_cli.history.store import BEGINNING, History
from psyche_cli.history.witness_metadata import metadata_of
from psyche_cli.protocol.programs import ProgramIds
from psyche_cli.protocol.run_states import RunState

if TYPE_CHECKING:
    from psyche_cli.model.states import CoordinatorState


class CurveReader:
    """The curves of one incarnation of a run, read from its history transaction by transaction.

    Reports of witnesses belong to the step that the run was in when they were made, whatever step they name. Rounds
    that have not ended are not shown. When the owner sets a run back to an earlier step, the rounds from that step on
    are removed, ``removed`` in number: they are trained again.

    ``place`` is that of the last transaction that was read. ``problems`` is the number of transactions about which the
    ledger and the model of the coordinator disagree: the curves are not reliable from there on. ``waits`` shows the
    progress.
    """

    def __init__(
        self, history: History, incarnation: Incarnation, programs: ProgramIds, waits: Waits | None = None
    ) -> None:
        self.place = BEGINNING
        self.problems = 0
        self.removed = 0
        self.decimals: int | None = None
        """Decimals of the collateral; None without a treasurer, or if no transaction says them."""
        self._states = RunStates(history, incarnation, programs, waits)
        self._reports = Reports()
        self._values = RunValues()
        self._latest = -1

    def advance(self, until: Place | None = None) -> None:
        """Read what is new in the history, up to and including the transaction at ``until``.

        If transactions were removed from the history, because the cluster has dropped a fork, a new reader is needed.
        Raises the errors of the history.
        """
        for one in self._states.happened(self.place, until):
            self.follow(one)

    def curves(self, what: Collection[What] = WHATS) -> list[Curve]:
        """The curves of these subjects that have points, in the order of WHATS."""
        found = [*self._reports.curves(), *self._values.curves()]
        return [one for subject in WHATS if subject in what for one in found if one.kind.what == subject and one.points]

    @property
    def tallies(self) -> dict[str, Tally]:
        """The reports of each wallet that was a witness, in base58."""
        return self._reports.tallies

    @property
    def more_evaluations(self) -> int:
        """The number of evaluations that have no curve, because there are too many names."""
        return self._reports.more_evaluations

    def follow(self, one: Happened) -> None:
        """Read the next event, for a caller that goes through the states of the run itself."""
        self.place = one.transaction.place
        before, after, time = one.before.state, one.after.state, one.transaction.block_time
        self.problems += bool(one.problems)
        metadata = metadata_of(one.event) if one.event.effects.get("outcome") == DONE else None
        if metadata is not None and before is not None:
            self._reports.add(one.event.accounts["user"], metadata, before.step)
        self._values.follow(one.after, time)
        if self.decimals is None and one.after.treasury is not None:
            self.decimals = _decimals(one)
        if before is not None and after is not None and _has_ended(before, after):
            self._close(before, len(before.current_round.witnesses) + (metadata is not None), time)

    def _close(self, before: CoordinatorState, witnesses: int, time: int | None) -> None:
        if before.step <= self._latest:
            self._reports.remove_from(before.step)
            self.removed += self._values.remove_from(before.step)
        self._latest = before.step
        self._reports.close(before.step, time)
        self._values.close(before, witnesses, time)


def _decimals(one: Happened) -> int | None:
    """The decimals of the collateral, if the transaction has changed the balance of the vault."""
    transaction, treasury = one.transaction, one.after.treasury
    if treasury is None or not transaction.tokens_after:
        return None
    keys = [str(account.address) for account in transaction.message.accounts]
    return next((one.decimals for one in transaction.tokens_after if keys[one.account] == treasury.vault_address), None)


def _has_ended(before: CoordinatorState, after: CoordinatorState) -> bool:
    """Whether a round was in progress and has ended."""
    return before is not after and _is_open(before) and not (_is_open(after) and after.step == before.step)


def _is_open(state: CoordinatorState) -> bool:
    return state.run_state in (RunState.ROUND_TRAIN, RunState.ROUND_WITNESS)


def read(
    history: History,
    incarnation: Incarnation,
    programs: ProgramIds,
    until: Place | None = None,
    waits: Waits | None = None,
) -> CurveReader:
    """The curves of an incarnation up to a transaction, or all of them. Raises the errors of the history."""
    reader = CurveReader(history, incarnation, programs, waits)
    reader.advance(until)
    return reader
