"""Who changed a value of a run last, from its history."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from solders.pubkey import Pubkey

from psyche_cli.errors import HistoryError, NetworkError, RunNotFound
from psyche_cli.history.changes import configuration_differences
from psyche_cli.history.file import history_path
from psyche_cli.model.states import CoordinatorState
from psyche_cli.operations.history.entries import AuditLog, Entry, Filter
from psyche_cli.operations.history.sync import open_history, sync_history
from psyche_cli.operations.run_files.payloads import ChangedBy
from psyche_cli.operations.sessions import Session
from psyche_cli.protocol.addresses import ANYONE, authorization_address

_RATES: Final = {
    "rewards.earning_rate": "earning_rate_total_shared",
    "rewards.slashing_rate": "slashing_rate_per_client",
}


def has_history(state_folder: Path, genesis_hash: str, run_id: str) -> bool:
    """Whether the history of a run was ever read on this computer."""
    return os.path.exists(history_path(state_folder, genesis_hash, run_id))  # noqa: PTH110 -- False for a long name


def authors_of(
    session: Session, run_id: str, state_folder: Path, keys: Iterable[str], join_authority: Pubkey
) -> dict[str, ChangedBy]:
    """Who made the latest change of each value, by its key in the run file, as far as the history tells.

    Brings the history up to date first. If that fails, which is reported, nobody is named: someone else may have
    changed the value since.
    """
    wanted = list(keys)
    found: dict[str, ChangedBy] = {}
    addresses = {key: _authorization(session, key, join_authority) for key in wanted}
    try:
        with open_history(session, run_id, state_folder) as run:
            sync_history(session, run)
            for entry in AuditLog(run.history, session.programs).entries(Filter()):
                if entry.found.event.error is None:
                    changed = set(_changed(entry))
                    for key in wanted:
                        if _concerns(key, changed) or _is_about(entry, addresses[key]):
                            found[key] = _author(entry)
    except (NetworkError, HistoryError, RunNotFound) as error:
        session.notify(f"The history of run {run_id} could not be brought up to date: {error.message}")
        return {}
    return found


def _author(entry: Entry) -> ChangedBy:
    found = entry.found
    return ChangedBy(
        by=entry.who.address,
        role=entry.who.role,
        signature=found.event.signature,
        slot=found.place.slot,
        time=found.block_time,
    )


def _changed(entry: Entry) -> Iterator[str]:
    """The keys of the values that an event changed."""
    before = None if entry.before is None else entry.before.state
    after = None if entry.after is None else entry.after.state
    if after is None:
        return
    if before is None:
        yield "run"
        return
    yield from (one.key for one in configuration_differences(before, after))
    for key, name in _RATES.items():
        if getattr(before.future_epoch_rates, name) != getattr(after.future_epoch_rates, name):
            yield key
    if _runs(before) != _runs(after):
        yield "state"


def _runs(state: CoordinatorState) -> bool:
    """Whether the run runs, and is not about to pause."""
    return not state.run_state.is_halted and not state.pending_pause


def _concerns(key: str, changed: Iterable[str]) -> bool:
    """Whether a changed value is the one at the key, or a part of it, or contains it."""
    return any(one == key or one.startswith(f"{key}.") or key.startswith(f"{one}.") for one in changed)


def _authorization(session: Session, key: str, grantor: Pubkey) -> str:
    """The address of the authorization that a key is about; empty for other keys."""
    if key == "join.everyone":
        return str(authorization_address(grantor, ANYONE, session.programs))
    if not key.startswith("join.authorizations."):
        return ""
    return str(authorization_address(grantor, Pubkey.from_string(key.split(".")[2]), session.programs))


def _is_about(entry: Entry, authorization: str) -> bool:
    """Whether an event of the authorizer changed this authorization."""
    event = entry.found.event
    return event.program == "authorizer" and authorization in event.accounts.values()
