"""Rehearse a run that exists on a local validator: members join it, train, and leave."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from psyche_cli.errors import LocalnetError, WrongRunState
from psyche_cli.members.actions import authorizations_for
from psyche_cli.members.crowd import FUNDED_LAMPORTS
from psyche_cli.members.local_validator import clock_of_local_validator
from psyche_cli.members.treasury import Treasury, treasury_of
from psyche_cli.model.simulation.behavior import Behavior, Start
from psyche_cli.model.simulation.engine import Simulation, simulate
from psyche_cli.model.simulation.world import World
from psyche_cli.operations.rehearsal.evidence import Evidence
from psyche_cli.operations.rehearsal.payloads import RehearsalData
from psyche_cli.operations.rehearsal.progress import Progress
from psyche_cli.operations.rehearsal.rehearse import (
    END_SECONDS,
    HUNG_SECONDS,
    READY_SECONDS,
    Show,
    cancelled,
    longest,
    open_daemon,
    settings_of,
    submitted,
    temporary_folder,
    worker_ends,
)
from psyche_cli.operations.rehearsal.request import Request
from psyche_cli.operations.rehearsal.result import Outline, result_of
from psyche_cli.operations.rehearsal.setup import drawn_wallet
from psyche_cli.operations.runs.find import require_written_layout
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.simulation.simulate import members_of
from psyche_cli.operations.status.observation import Observation
from psyche_cli.protocol.accounts.coordinator_parts import Identity
from psyche_cli.protocol.accounts.small_accounts import decode_participant
from psyche_cli.protocol.run_states import RunState
from psyche_cli.rehearsal.backend import Goal, WorkersBackend
from psyche_cli.rehearsal.cluster import Cluster
from psyche_cli.rehearsal.faults import FaultsSeen
from psyche_cli.rehearsal.free import follow
from psyche_cli.rehearsal.run_workers import RunWorkers
from psyche_cli.rehearsal.scheduler import End, Scheduler
from psyche_cli.rehearsal.settings import name_of
from psyche_cli.results import OperationResult
from psyche_cli.run_config.rules import is_unset
from psyche_cli.solana.raw_account import taken
from psyche_cli.solana.wallet import Wallet

if TYPE_CHECKING:
    from psyche_cli.environment import Environment

_CLOCK_SECONDS: Final = 1.2
"""How long the clock of the cluster, which counts seconds, is watched to see whether it runs."""


def rehearse_existing(
    environment: Environment, session: Session, rpc_url: str, request: Request, seen: Observation, show: Show
) -> OperationResult[RehearsalData]:
    """Rehearse the run that was ``seen``, on the local validator of ``session`` at ``rpc_url``.

    Workers act by themselves if the validator's clock runs, otherwise in turns. Nothing is sent by the owner. Nothing
    that was started is left running, however this ends. Raises UsageError, LocalnetError for another cluster,
    WrongRunState, MayNotJoin, RehearsalError, the errors of the worker daemon, and those of the endpoint.
    """
    rpc, clock, run = session.rpc, environment.clock, seen.run
    _require_local(session, environment)
    require_written_layout(run.layout, run.account.address, run.run_id)
    _require_possible(session, seen)
    request = request.checked()
    started = clock.monotonic()
    wallets = [
        drawn_wallet(request.seed, f"{run.run_id} {name_of(number)}") for number in range(1, request.members + 1)
    ]
    for wallet in wallets:
        wallet.hide_in(environment.redactor)
    keys = [bytes(wallet.address) for wallet in wallets]
    treasury = treasury_of(rpc, run.instance, session.programs)
    decimals = None if run.treasury is None else run.treasury.mint.decimals
    authorizations_for(rpc, run.instance, [wallet.address for wallet in wallets], programs=session.programs)
    goal = _goal(request, seen)
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        show(Progress("Funding the members."))
        _fund(session, wallets)
        claimed = _claimed(session, treasury, wallets)
        cluster = Cluster(rpc, run.instance.coordinator_account)
        clock.sleep(_CLOCK_SECONDS)
        before = cluster.now
        cluster.read()
        runs = cluster.now > before
        prediction = predict(request, seen, keys, goal)
        settings = settings_of(request, cluster, rpc_url, wallets, folder, goal, polls=runs)
        show(Progress("Starting the workers."))
        client = stack.enter_context(open_daemon(environment, request))
        workers = stack.enter_context(submitted(environment, client, settings, request))
        workers.await_workers(READY_SECONDS)
        faults = FaultsSeen(request.faults, cluster.now)

        def observe() -> None:
            show(Progress("", cluster, workers, keys, decimals or 0))

        end: End
        hung: dict[int, list[int]] = {}
        if runs:
            end = follow(cluster, workers, faults, goal, clock, observe)
            show(Progress("Claiming the rewards.", cluster, workers, keys, decimals or 0))
            patience = END_SECONDS
        else:
            scheduler = _scheduler(request, cluster, workers, faults, goal, prediction, observe)
            end, hung = scheduler.run(), scheduler.hung
            show(Progress("Claiming the rewards.", cluster, workers, keys, decimals or 0))
            scheduler.finish()
            patience = HUNG_SECONDS if scheduler.hanging else END_SECONDS
        if end == "stuck" and runs:
            patience = 0.0  # its members do not know
        ended = workers.await_end(patience) or cancelled(client, workers.run_id)
        cluster.read()
        after = _claimed(session, treasury, wallets)
        evidence = Evidence(
            record=cluster.record,
            wallets=keys,
            workers=worker_ends(workers, ended),
            telemetry=workers.telemetry(),
            evaluations=workers.evaluations(),
            claimed={number: after[number] - claimed[number] for number in after},
            prediction=prediction,
            faults=request.faults,
            seen=faults,
            hung=hung,
            lied=workers.lied,
            decimals=decimals,
        )
        worker_run = workers.run_id
    outline = Outline(end, worker_run, clock.monotonic() - started, "free" if runs else "turns")
    return result_of(request, evidence, outline)


def predict(request: Request, seen: Observation, keys: list[bytes], goal: Goal) -> Simulation:
    """What ``simulate --from-run`` predicts for the run with these members, and those that it has."""
    state = seen.state
    present = [identity for identity in members_of(state) if identity.signer not in keys]
    world = World(
        state,
        Start(seen.now, seen.clock.slot),
        [*present, *map(Identity, keys)],
        behavior=Behavior(request.train_seconds, request.warmup_seconds),
    )
    return simulate(world, epochs=None if goal.epoch is None else goal.epoch - state.progress["epoch"])


def _goal(request: Request, seen: Observation) -> Goal:
    epoch = None if request.epochs is None else seen.run.account.epoch + request.epochs
    return Goal(epoch, None if request.steps is None else seen.run.account.step + request.steps)


def _scheduler(
    request: Request,
    cluster: Cluster,
    workers: RunWorkers,
    faults: FaultsSeen,
    goal: Goal,
    prediction: Simulation,
    observe: Callable[[], None],
) -> Scheduler:
    backend = WorkersBackend(cluster, workers, faults, goal=goal)
    return Scheduler(
        backend,
        range(1, request.members + 1),
        hangs_until=backend.hangs_until,
        observe=lambda _: observe(),
        until=cluster.now + longest(prediction),
    )


def _require_local(session: Session, environment: Environment) -> None:
    try:
        clock_of_local_validator(session.rpc, environment.clock)
    except LocalnetError as error:
        raise LocalnetError(
            f"{session.rpc.label} is not a psyche-cli local validator, and runs are rehearsed only there: on another "
            "cluster, every member would pay fees in SOL.",
            hint="Start one with: psyche-cli localnet",
        ) from error


def _require_possible(session: Session, seen: Observation) -> None:
    run, state = seen.run, seen.state
    resume = session.given.command("set-paused", "--resume", run_id=run.run_id)
    why, hint = "", f"Its owner resumes it with: {resume}"
    if is_unset(state.config):
        configure = session.given.command("update-config", "--config-path", "FILE", run_id=run.run_id)
        why, hint = "has no configuration yet", f"Its owner configures it with: {configure}"
    elif state.run_state == RunState.FINISHED:
        why, hint = "is Finished, so it cannot be joined anymore", ""
    elif state.run_state == RunState.UNINITIALIZED:
        why, hint = "was never started, so its members have nothing to do", f"Its owner starts it with: {resume}"
    elif state.run_state == RunState.PAUSED:
        why = "is Paused, so its members have nothing to do"
    if why:
        raise WrongRunState(
            f"Run {run.run_id!r} {why}.", hint=hint, run_id=run.run_id, state=state.run_state.variant, step=state.step
        )


def _fund(session: Session, wallets: list[Wallet]) -> None:
    addresses = [wallet.address for wallet in wallets]
    for address, raw in zip(addresses, session.rpc.accounts(addresses), strict=True):
        if raw is None or raw.lamports < FUNDED_LAMPORTS // 10:
            session.rpc.request_airdrop(address, FUNDED_LAMPORTS)


def _claimed(session: Session, treasury: Treasury | None, wallets: list[Wallet]) -> dict[int, int]:
    """The points that each member has claimed in all, by its number."""
    if treasury is None:
        return dict.fromkeys(range(1, len(wallets) + 1), 0)
    records = map(taken, session.rpc.accounts([treasury.participant(wallet.address) for wallet in wallets]))
    return {
        number: 0 if raw is None else decode_participant(raw, session.programs).claimed_earned_points
        for number, raw in enumerate(records, 1)
    }
