"""Rehearse a run that exists on a local validator: members join it, train, and leave."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, NamedTuple

from psyche_cli.members.crowd import fund_from_faucet
from psyche_cli.model.simulation.engine import Simulation
from psyche_cli.operations.rehearsal.claims import read_claims
from psyche_cli.operations.rehearsal.evidence import Evidence
from psyche_cli.operations.rehearsal.existing_plan import Plan
from psyche_cli.operations.rehearsal.folders import temporary_folder
from psyche_cli.operations.rehearsal.interruption import explaining_interruptions
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
    worker_ends,
)
from psyche_cli.operations.rehearsal.request import Request
from psyche_cli.operations.rehearsal.result import Outline, result_of
from psyche_cli.operations.sessions import Session
from psyche_cli.rehearsal.backend import Goal, WorkersBackend
from psyche_cli.rehearsal.cluster import Cluster
from psyche_cli.rehearsal.faults import FaultsSeen
from psyche_cli.rehearsal.free import follow
from psyche_cli.rehearsal.run_workers import RunWorkers
from psyche_cli.rehearsal.scheduler import End, Scheduler
from psyche_cli.results import OperationResult

if TYPE_CHECKING:
    from psyche_cli.environment import Clock, Environment

_CLOCK_SECONDS: Final = 1.2
"""How long the clock of the cluster, which counts seconds, is watched to see whether it runs."""


class _Pace(NamedTuple):
    """How often each worker looks at the run, and how often the rehearsal does, in seconds."""

    poll_seconds: float
    look_seconds: float


_LOCAL_PACE: Final = _Pace(0.4, 0.1)
_PUBLIC_PACE: Final = _Pace(2.0, 1.0)
"""Public endpoints limit the number of requests."""


def rehearse_existing(
    environment: Environment,
    session: Session,
    rpc_url: str,
    plan: Plan,
    show: Show,
) -> OperationResult[RehearsalData]:
    """Rehearse a run as planned, at the cluster of ``session`` at ``rpc_url``.

    Workers act by themselves if the cluster's clock runs, otherwise in turns. Nothing is sent by the owner. Nothing
    that was started is left running, however this ends. Raises LocalnetError, RehearsalError, the errors of the worker
    daemon, and those of the endpoint.
    """
    rpc, clock = session.rpc, environment.clock
    request, goal, prediction, treasury = plan.request, plan.goal, plan.prediction, plan.treasury
    keys = [bytes(wallet.address) for wallet in plan.wallets]
    started = clock.monotonic()
    with explaining_interruptions(request.run_id), ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        if plan.is_local:
            show(Progress("Funding the members."))
            fund_from_faucet(rpc, [wallet.address for wallet in plan.wallets])
        before = read_claims(rpc, treasury, plan.wallets)
        cluster = Cluster(rpc, plan.account)
        runs = not plan.is_local or _clock_runs(cluster, clock)
        pace = _LOCAL_PACE if plan.is_local else _PUBLIC_PACE
        poll_seconds = pace.poll_seconds if runs else None
        settings = settings_of(request, cluster, rpc_url, plan.wallets, folder, goal, poll_seconds=poll_seconds)
        show(Progress("Starting the workers."))
        client = stack.enter_context(open_daemon(environment, request))
        workers = stack.enter_context(submitted(environment, client, settings, request))
        workers.await_workers(READY_SECONDS)
        faults = FaultsSeen(request.faults, cluster.now)

        def observe() -> None:
            show(Progress("", cluster, workers, keys, plan.decimals or 0))

        end: End
        hung: dict[int, list[int]] = {}
        if runs:
            end = follow(cluster, workers, faults, goal, clock, observe, seconds=pace.look_seconds)
            show(Progress("Claiming the rewards.", cluster, workers, keys, plan.decimals or 0))
            patience = END_SECONDS
        else:
            scheduler = _scheduler(request, cluster, workers, faults, goal, prediction, observe)
            end, hung = scheduler.run(), scheduler.hung
            show(Progress("Claiming the rewards.", cluster, workers, keys, plan.decimals or 0))
            scheduler.finish()
            patience = HUNG_SECONDS if scheduler.hanging else END_SECONDS
        if end == "stuck" and runs:
            patience = 0.0  # its members do not know
        ended = workers.await_end(patience) or cancelled(client, workers.run_id)
        cluster.read()
        after = read_claims(rpc, treasury, plan.wallets)
        evidence = Evidence(
            record=cluster.record,
            wallets=keys,
            workers=worker_ends(workers, ended),
            telemetry=workers.telemetry(),
            evaluations=workers.evaluations(),
            claimed={number: points - before.claimed[number] for number, points in after.claimed.items()},
            vault=after.vault,
            prediction=prediction,
            faults=request.faults,
            seen=faults,
            hung=hung,
            lied=workers.lied,
            decimals=plan.decimals,
        )
        worker_run = workers.run_id
    outline = Outline(end, worker_run, clock.monotonic() - started, "free" if runs else "turns")
    return result_of(request, evidence, outline)


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


def _clock_runs(cluster: Cluster, clock: Clock) -> bool:
    clock.sleep(_CLOCK_SECONDS)
    before = cluster.now
    cluster.read()
    return cluster.now > before
