"""A run as it was at a place of its history, from the replay."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.errors import HistoryError, NotFound
from psyche_cli.history.records import Place
from psyche_cli.history.states import RunStates
from psyche_cli.operations.history.payloads import PastRunData
from psyche_cli.operations.history.places import Where, place_after
from psyche_cli.operations.history.sync import RunHistory, no_history, open_history, sync_history
from psyche_cli.operations.observe.dump_shapes import run_dump
from psyche_cli.operations.runs.find import Run, Treasury
from psyche_cli.operations.status.observation import Observation
from psyche_cli.operations.status.screen import screen_lines
from psyche_cli.operations.status.show import LATEST_TRANSACTIONS, show_data, title_of
from psyche_cli.operations.times import iso_time
from psyche_cli.protocol.accounts.small_accounts import CoordinatorInstance, decode_treasurer_run
from psyche_cli.protocol.accounts.token_accounts import decode_mint
from psyche_cli.protocol.addresses import instance_address
from psyche_cli.results import OperationResult
from psyche_cli.solana.cluster_clock import ClusterClock, decode_clock
from psyche_cli.solana.programs import CLOCK_SYSVAR
from psyche_cli.solana.rpc.types import AddressSignature

if TYPE_CHECKING:
    from psyche_cli.history.moments import TreasuryMoment
    from psyche_cli.history.records import Incarnation, RawTransaction
    from psyche_cli.history.replay import Replay
    from psyche_cli.operations.sessions import Session
    from psyche_cli.solana.raw_account import RawAccount

_MOST_PROBLEMS: Final = 5


def past_run(
    session: Session, where: Where, *, run_id: str, state_folder: Path, syncs: bool = True
) -> OperationResult[PastRunData]:
    """The run after the latest transaction at a place or before it.

    Of accounts that a replay does not contain, the balances in lamports are 0. Raises RunNotFound for a run without a
    history, NotFound if the run did not exist then, HistoryError if its states are not known, the errors of a history
    and of an archive, and NetworkError.
    """
    with open_history(session, run_id, state_folder) as run:
        if syncs:
            for note in sync_history(session, run).notes:
                session.notify(note)
        place = place_after(where, run.history, _now(session) if where.kind == "ago" else 0)
        if not (lives := run.history.incarnations()):
            raise no_history(run_id, read=syncs)
        life = _life_at(run, lives, place)
        replay = RunStates(run.history, life, session.programs, session.rpc.waits).at(place)
        latest = _latest(run, replay.place)
        if replay.now.state is None or not latest or replay.clock is None:
            raise _unknown(run, life, replay, where)
        observation = _observed(session, run_id, replay)
    given = session.given
    shown = show_data(observation, [_listed(one) for one in latest], given)
    past = observation.run
    treasury = past.treasury
    dump = (
        run_dump(past.instance, past.account)
        if treasury is None
        else run_dump(past.instance, past.account, treasury.run, treasury.mint, treasury.vault_amount)
    )
    problems = [one.text for one in replay.problems]
    return OperationResult(
        summary=f"As of slot {latest[0].slot:,}, {iso_time(replay.clock[1])}. {title_of(shown)}",
        data=PastRunData(
            slot=latest[0].slot,
            time=replay.clock[1],
            signature=latest[0].signature,
            incarnation=life.number,
            is_reliable=not problems,
            problems=problems,
            show=shown,
            dump=dump,
        ),
        warnings=tuple(f"The replay is not reliable: {problem}" for problem in problems[:_MOST_PROBLEMS]),
        body=partial(screen_lines, shown, given=given),
    )


def _now(session: Session) -> int:
    """The time of the cluster."""
    return decode_clock(session.rpc.account(CLOCK_SYSVAR)).unix_timestamp


def _life_at(run: RunHistory, lives: Sequence[Incarnation], place: Place) -> Incarnation:
    """The latest incarnation that was created up to a place."""
    begun = [one for one in lives if one.created_by is None or _place(run, one.created_by) <= place]
    if not begun:
        raise NotFound(
            f"Run {run.run_id!r} did not exist then; it was created in slot {lives[0].created_slot:,}.",
            hint="Choose a later place with --at.",
        )
    return begun[-1]


def _place(run: RunHistory, signature: str) -> Place:
    transaction = run.history.transaction(signature)
    return Place(0, 0) if transaction is None else transaction.place


def _latest(run: RunHistory, place: Place | None) -> list[RawTransaction]:
    """The latest transactions up to a place, the newest first."""
    if place is None:
        return []
    places = run.history.places_until(place, LATEST_TRANSACTIONS)
    return [one for each in places for one in run.history.transactions(after=_just_before(each), until=each)]


def _just_before(place: Place) -> Place:
    return Place(place.slot, place.position - 1)


def _listed(one: RawTransaction) -> AddressSignature:
    signature = Signature.from_string(one.signature)
    return AddressSignature(signature, one.slot, one.error, one.block_time, one.commitment)


def _unknown(run: RunHistory, life: Incarnation, replay: Replay, where: Where) -> NotFound | HistoryError:
    if replay.problems or life.created_by is None:
        reason = replay.problems[0].text if replay.problems else "its creation is in a gap of the ledger"
        return HistoryError(
            f"The state of run {run.run_id!r} at {where.text} is not known: {reason}",
            hint="Use an endpoint with an older ledger to fill the gaps of the history.",
        )
    return NotFound(f"Run {run.run_id!r} did not exist then: it was closed.", hint="Choose an earlier place with --at.")


def _observed(session: Session, run_id: str, replay: Replay) -> Observation:
    account, now = replay.account, replay.now
    assert account is not None  # as its state is known
    assert replay.clock is not None  # as there was a transaction
    assert now.main_authority is not None  # as it was created
    assert now.join_authority is not None
    instance = CoordinatorInstance(
        address=instance_address(run_id, session.programs),
        lamports=0,
        bump=0,
        main_authority=Pubkey.from_string(now.main_authority),
        join_authority=Pubkey.from_string(now.join_authority),
        coordinator_account=account.address,
        run_id=run_id,
    )
    treasury = None if now.treasury is None else _treasury(session, now.treasury)
    return Observation(Run(run_id, instance, account, treasury), ClusterClock(*replay.clock))


def _treasury(session: Session, moment: TreasuryMoment) -> Treasury:
    """The treasury as it was; the decimals of its mint never change."""
    address, vault = Pubkey.from_string(moment.address), Pubkey.from_string(moment.vault_address)
    raw = _existing(session, address)
    found = decode_treasurer_run(raw, session.programs)
    run = found._replace(
        main_authority=Pubkey.from_string(moment.main_authority),
        total_claimed_collateral_amount=moment.total.collateral,
        total_claimed_earned_points=moment.total.points,
    )
    return Treasury(run, decode_mint(_existing(session, run.collateral_mint)), vault, moment.vault or 0)


def _existing(session: Session, address: Pubkey) -> RawAccount:
    raw = session.rpc.account(address)
    if raw is None:
        raise NotFound(f"The account {address} does not exist anymore.")
    return raw
