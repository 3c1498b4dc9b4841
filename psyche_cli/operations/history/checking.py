"""The comparison of a replayed run with the run as it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from psyche_cli.errors import AccountError, AccountNotFound, RunNotFound
from psyche_cli.history.comparison import Difference, account_differences, treasury_differences
from psyche_cli.history.records import Place
from psyche_cli.history.states import RunStates
from psyche_cli.operations.history.sync import sync_history
from psyche_cli.operations.runs.find import locate_run
from psyche_cli.operations.status.observation import addresses_of, observation_of
from psyche_cli.protocol.accounts.small_accounts import decode_participant
from psyche_cli.protocol.addresses import participant_address

if TYPE_CHECKING:
    from solders.pubkey import Pubkey

    from psyche_cli.history.replay import Replay
    from psyche_cli.operations.history.sync import RunHistory
    from psyche_cli.operations.sessions import Session
    from psyche_cli.operations.status.observation import Observation
    from psyche_cli.protocol.accounts.small_accounts import Participant

_MOST_TRIES: Final = 3
"""How often the run is read if it differs: the history may lag behind the accounts."""
_LAST_POSITION: Final = 1 << 40


class Checked(NamedTuple):
    """In what the run as it is now differs from the replayed one.

    ``note`` says why they were not compared, if so. ``time`` is the time of the cluster, None if it was not read.
    """

    differences: list[Difference]
    note: str | None
    time: int | None


def check(session: Session, run: RunHistory, index: int | None = None) -> Checked:
    """Compare the replay of a history with the accounts of the run, after a sync.

    Raises AccountError for accounts that cannot be located, the errors of a history, and NetworkError.
    """
    checked = _check(session, run, index)
    for _ in range(_MOST_TRIES - 1):
        if not checked.differences:
            break
        sync_history(session, run)
        checked = _check(session, run, index)
    return checked


def _check(session: Session, run: RunHistory, index: int | None) -> Checked:
    last = [*run.history.incarnations()][-1:]
    try:
        located = locate_run(session, run.run_id, index)
    except RunNotFound:
        exists = bool(last) and last[0].closed_by is None
        return Checked([Difference("whether the account exists", True, False)] if exists else [], None, None)
    rpc = session.rpc.remembering()
    addresses = addresses_of(located)
    try:
        now = observation_of(located, rpc.accounts(addresses))
        read = rpc.last_read(addresses[0])
        slot = now.clock.slot if read is None else read[0]
        if not last or last[0].created_by is None:
            return Checked([], "The creation of the run is in a gap, so its states cannot be replayed.", now.now)
        states = RunStates(run.history, last[0], session.programs, session.rpc.waits)
        if not states.can_be_replayed:
            note = f"The states of a run with layout {states.addresses.layout} cannot be replayed."
            return Checked([], note, now.now)
        replay = states.at(Place(slot, _LAST_POSITION))
        replay.settle(now.run.account)
        return Checked([*_differences(session, replay, now)], None, now.now)
    except (AccountError, AccountNotFound) as error:
        return Checked([], f"The replay was not compared with the run: {error.message}", None)


def _differences(session: Session, replay: Replay, now: Observation) -> list[Difference]:
    found = account_differences(replay.account, now.run.account)
    treasury, moment = now.run.treasury, replay.now.treasury
    if treasury is None or moment is None:
        return found
    wallets = [client.id.wallet for client in now.run.account.clients]
    participants = _participants(session, treasury.run.address, wallets)
    return [*found, *treasury_differences(moment, treasury.run, treasury.vault_amount, participants)]


def _participants(session: Session, treasurer: Pubkey, wallets: list[Pubkey]) -> dict[str, Participant | None]:
    addresses = [participant_address(treasurer, wallet, session.programs) for wallet in wallets]
    found = session.rpc.accounts(addresses)
    return {
        str(wallet): None if raw is None else decode_participant(raw, session.programs)
        for wallet, raw in zip(wallets, found, strict=True)
    }
