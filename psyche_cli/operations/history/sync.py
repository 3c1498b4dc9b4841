"""Bringing the history of a run up to date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from psyche_cli.environment import Waits
from psyche_cli.errors import NetworkError, RunNotFound
from psyche_cli.history.decoding import decode_new
from psyche_cli.history.discovery import AUTHORIZATION
from psyche_cli.history.file import HistoryFile, history_path
from psyche_cli.history.listing import Listing
from psyche_cli.history.store import History
from psyche_cli.history.sync import Synced, sync
from psyche_cli.operations.archives.session import ArchiveSession
from psyche_cli.operations.history.authorizations import try_to_find_authorizations, wrong_authorizations
from psyche_cli.operations.sessions import Session
from psyche_cli.protocol.addresses import check_run_id
from psyche_cli.solana.rpc.client import RpcClient

CONNECTIONS: Final = 4
"""How many connections to the endpoint a sync uses at the same time."""


class RunHistory(NamedTuple):
    """The history of a run on a cluster, which is given by its genesis hash."""

    run_id: str
    genesis_hash: str
    history: History


class SyncedHistory(NamedTuple):
    """What a sync has read, the number of transactions that were decoded, and sentences for the user about both."""

    synced: Synced
    decoded: int
    notes: tuple[str, ...]


@contextmanager
def open_history(session: Session, run_id: str, state_folder: Path) -> Iterator[RunHistory]:
    """The history of a run on the cluster of the session, which need not exist yet; it is closed at the end.

    That of an archive is in the archive. Raises InvalidRunId, NetworkError, and the errors of an archive.
    """
    check_run_id(run_id)
    if isinstance(session, ArchiveSession):
        yield RunHistory(run_id, session.archive.file.manifest.genesis_hash, session.history(run_id))
        return
    genesis_hash = str(session.rpc.genesis_hash())
    with closing(History(HistoryFile(history_path(state_folder, genesis_hash, run_id)))) as history:
        yield RunHistory(run_id, genesis_hash, history)


def no_history(run_id: str, *, read: bool) -> RunNotFound:
    """The error for a run id without any transaction. ``read`` if the history was brought up to date."""
    return RunNotFound(
        f"There are no transactions of run {run_id!r} in its history.",
        hint="Check --run-id and --rpc." if read else "Read the history first: omit --no-sync.",
        run_id=run_id,
    )


def sync_lanes(session: Session) -> list[RpcClient]:
    """Clients of the session's endpoint, each with its own connection, for any number of syncs."""
    if session.another_client is None:
        return [session.rpc]
    return [session.rpc, *(session.another_client() for _ in range(CONNECTIONS - 1))]


def sync_history(
    session: Session, run: RunHistory, lanes: Sequence[RpcClient] | None = None, waits: Waits | None = None
) -> SyncedHistory:
    """Read and decode what is new in the ledger of the endpoint. What is read is kept if that fails.

    In an archive, nothing is new. ``lanes`` are those of ``sync_lanes``, for several syncs; by default, new ones.
    ``waits`` shows the progress, by default as the session does.

    Raises HistoryError, HistoryDamaged, HistoryTooNew, HistoryBusy and NetworkError.
    """
    if isinstance(session, ArchiveSession):
        totals = run.history.totals()
        nothing = Synced(totals.synced_slot or 0, 0, 0, 0, 0, totals)
        return SyncedHistory(nothing, 0, tuple(_notes(nothing)))
    lanes = sync_lanes(session) if lanes is None else lanes
    waits = waits or session.rpc.waits
    before, known = run.history.totals(), _what_changes_authorizations(run.history)
    synced, decoded = _sync(session, run, lanes, waits)
    notes: list[str] = []
    now, last = int(session.feed.clock.unix_time()), run.history.searched_at
    if last is None:
        last = before.synced_at
    run.history.searched_at = last
    is_due = last is None or now - last >= _SEARCH_SECONDS
    if synced.listed > 0 and (is_due or _what_changes_authorizations(run.history) != known):
        run.history.searched_at = now
        found = try_to_find_authorizations(session, run.run_id)
        if isinstance(found, NetworkError):
            notes.append(_NO_SEARCH)
        elif found is not None:
            Listing(run.history.file, 0).add_addresses(dict.fromkeys(found.by_address, AUTHORIZATION))
            again, more = _sync(session, run, lanes[:1], waits)  # also for what has changed in the meantime
            synced, decoded = _sum(synced, again), decoded + more
            notes += wrong_authorizations(run.history, found)
    return SyncedHistory(synced, decoded, (*_notes(synced), *notes))


_SEARCH_SECONDS: Final = 600
"""How long after a search the next sync with news searches again: authorizations may have changed without notice."""


def _what_changes_authorizations(history: History) -> tuple[int, int]:
    """The numbers of incarnations, each of which has a join authority, and of events of the authorizer."""
    return len(history.incarnations()), len(history.authorizer_events())


_NO_SEARCH: Final = (
    "The endpoint does not list the authorizations of the run's join authority, so the history has only those with "
    "which members have joined."
)


def _sync(session: Session, run: RunHistory, lanes: Sequence[RpcClient], waits: Waits) -> tuple[Synced, int]:
    """Read and decode what is new. Returns what was read, and the number of transactions that were decoded."""
    synced = sync(
        run.history.file,
        lanes,
        run.run_id,
        run.genesis_hash,
        programs=session.programs,
        clock=session.feed.clock,
        waits=waits,
    )
    return synced, decode_new(run.history, session.programs, waits)


def _sum(first: Synced, then: Synced) -> Synced:
    counts = ("listed", "fetched", "dropped", "requests")
    return then._replace(**{name: getattr(first, name) + getattr(then, name) for name in counts})


def _notes(synced: Synced) -> Iterator[str]:
    if synced.fetched > 0:
        yield f"Read {synced.fetched:,} new transactions, up to slot {synced.slot:,}."
    if synced.dropped > 0:
        yield f"The cluster has dropped {synced.dropped:,} transactions of a fork, which are removed."
    if synced.totals.gaps > 0:
        yield (
            f"The history has {synced.totals.gaps:,} gaps: the endpoint does not have everything. "
            "Use an endpoint with an older ledger to fill them."
        )
