"""The run that a migration replaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from psyche_cli.operations.rewards.collateral import Obligations, obligations_of
from psyche_cli.operations.run_files.values import ORIGINS
from psyche_cli.operations.runs.find import Run, locate_run
from psyche_cli.operations.sessions import Session
from psyche_cli.protocol.layouts.known import WRITTEN
from psyche_cli.protocol.run_states import RunState

if TYPE_CHECKING:
    from solders.pubkey import Pubkey


class Origin(NamedTuple):
    """Where the training of a run continues: the step, and the saved checkpoint; None if there is none."""

    step: int
    checkpoint: Any


class OldRun(NamedTuple):
    """A run that is replaced, as it was read, and the data of its coordinator account."""

    run: Run
    data: bytes

    @property
    def run_id(self) -> str:
        """Its id."""
        return self.run.run_id

    @property
    def account(self) -> Pubkey:
        """Its coordinator account, which no other run ever has."""
        return self.run.instance.coordinator_account

    @property
    def is_retired(self) -> bool:
        """Whether its layout is one that the published programs no longer accept, so that it can never change again."""
        return self.run.layout != WRITTEN

    @property
    def why_it_stays(self) -> str:
        """Why it can never be closed, as the end of a sentence; empty if it can be."""
        if self.is_retired:
            return f"its layout is {self.run.layout}"
        return "" if self.run.treasury is None else "it has a treasurer"

    @property
    def closes(self) -> bool:
        """Whether it can be closed, which returns its rent and makes its id available."""
        return not self.why_it_stays

    @property
    def is_halted(self) -> bool:
        """Whether nothing happens in it anymore."""
        return self.is_retired or self.run.account.run_state.is_halted

    @property
    def origin(self) -> Origin | None:
        """Where its training continues; None if it has never started."""
        account: Any = self.run.account
        if account.run_state == RunState.UNINITIALIZED:
            return None
        return Origin(self.run.next_step, saved_checkpoint(account.model["LLM"].get("checkpoint")))

    @property
    def recovered(self) -> int:
        """The lamports that closing it recovers."""
        return self.run.instance.lamports + self.run.account.lamports if self.closes else 0

    @property
    def members(self) -> int:
        """The number of wallets that ever joined it."""
        return len(self.run.account.clients)

    @property
    def lost_points(self) -> int:
        """The points of its members that are lost when it is closed."""
        return sum(client.earned for client in self.run.account.clients) if self.closes else 0

    @property
    def obligations(self) -> Obligations | None:
        """What its vault holds and owes; None without a treasurer."""
        return obligations_of(self.run)


def find_old_run(session: Session, run_id: str, treasurer_index: int | None = None) -> OldRun:
    """Read a run of any known layout, in two round trips. Raises the errors of ``find_run``."""
    reading = reading_only(session)
    located = locate_run(reading, run_id, treasurer_index)
    found = session.rpc.accounts(located.addresses)
    run = located.read(found)
    assert found[0] is not None  # it was decoded
    return OldRun(run, found[0].data)


def reading_only(session: Session) -> Session:
    """The session as one that only reads: it also reads runs that psyche-cli cannot change."""
    return Session(session.rpc, session.programs, session.notify, session.given, session.feed)


def saved_checkpoint(checkpoint: Any) -> Any:
    """A checkpoint of a run as a new run loads it: what its members share among themselves is in a repository too."""
    if not isinstance(checkpoint, Mapping):
        return checkpoint
    [(kind, place)] = checkpoint.items()
    return {ORIGINS.get(kind, kind): place}


def same_place(one: Any, other: Any) -> bool:
    """Whether two checkpoints are in the same repository or bucket, at any revision or prefix."""
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return bool(one == other)
    [(kind, place)], [(other_kind, other_place)] = saved_checkpoint(one).items(), saved_checkpoint(other).items()
    name = "bucket" if kind == "Gcs" else "repo_id"
    return bool(kind == other_kind and place.get(name) == other_place.get(name))
