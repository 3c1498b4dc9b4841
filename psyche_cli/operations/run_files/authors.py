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
from psyche_cli.history.records import Place
from psyche_cli.history.store import BEGINNING, History
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


_OF_AUTHORIZATIONS: Final = ("authorization_create", "authorization_grantor_update", "authorization_close")
_OF_DELEGATES: Final = ("authorization_create", "authorization_grantee_update", "authorization_close")
"""The events that change whether an authorization is active, and its delegates."""


def has_history(state_folder: Path, genesis_hash: str, run_id: str) -> bool:
    """Whether the history of a run was ever read on this computer."""
    return os.path.exists(history_path(state_folder, genesis_hash, run_id))  # noqa: PTH110 -- False for a long name


def authors_of(
    session: Session, run_id: str, state_folder: Path, keys: Iterable[str], join_authority: Pubkey
) -> dict[str, ChangedBy]:
    """Who made the latest change of each value, by its key in the run file, as far as the history tells.

    Brings the history up to date first. If that fails, which is reported, nobody is named: someone else may have
    changed the value since. The same is true after a gap in the history: what happened in it is not known, and so is
    not what the events after it have changed, except for those about authorizations, which say what they set.
    """
    wanted = list(keys)
    found: dict[str, ChangedBy] = {}
    addresses = {key: _authorization(session, key, join_authority) for key in wanted}
    try:
        with open_history(session, run_id, state_folder) as run:
            sync_history(session, run)
            known = _Known(run.history)
            for entry in AuditLog(run.history, session.programs).entries(Filter()):
                if entry.found.event.error is None:
                    changed = set(_changed(entry))
                    for key in wanted:
                        if _concerns(key, changed) or _is_about(entry, key, addresses[key]):
                            found[key] = _author(entry)
                            if not known.shows(entry, addresses[key]):
                                del found[key]
    except (NetworkError, HistoryError, RunNotFound) as error:
        session.notify(f"The history of run {run_id} could not be brought up to date: {error.message}")
        return {}
    return found


class _Known:
    """Which events of a history show who changed a value last."""

    def __init__(self, history: History) -> None:
        self._complete_after: Place | None = BEGINNING
        for gap in history.gaps():
            end = gap.signature or gap.before_signature or ""
            places = [place for signature, place in history.place_of(end) if end and signature == end]
            if not places or self._complete_after is None:
                self._complete_after = None  # a gap up to now
            else:
                self._complete_after = max(self._complete_after, *places)
        incarnations = list(history.incarnations())
        created = incarnations[-1].created_by if incarnations else None
        self._created = None if created is None else history.place_of(created)[0][1]

    def shows(self, entry: Entry, authorization: str) -> bool:
        """Whether no gap comes after an event or, unless it is about an authorization, after the run was created."""
        complete = self._complete_after
        if complete is None:
            return False
        if authorization:
            return entry.found.place >= complete
        return entry.is_reliable and self._created is not None and complete <= self._created


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


def _is_about(entry: Entry, key: str, authorization: str) -> bool:
    """Whether an event of the authorizer changed what a key says about this authorization."""
    event = entry.found.event
    kinds = _OF_DELEGATES if key.endswith(".delegates") else _OF_AUTHORIZATIONS
    return event.program == "authorizer" and event.kind in kinds and authorization in event.accounts.values()
