"""Rehearse a run: workers that train on a local validator in virtual time, and the report of what happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from psyche_cli.errors import PsycheError
from psyche_cli.members.looking import find_run
from psyche_cli.members.treasury import treasury_of
from psyche_cli.model.simulation.behavior import Behavior, Change, Start
from psyche_cli.model.simulation.engine import Simulation, new_run, simulate
from psyche_cli.model.simulation.world import World, new_member
from psyche_cli.operations.config.reward_rate import parse_rate
from psyche_cli.operations.rehearsal.claims import read_claims
from psyche_cli.operations.rehearsal.evidence import Evidence, WorkerEnd
from psyche_cli.operations.rehearsal.folders import temporary_folder
from psyche_cli.operations.rehearsal.interruption import explaining_interruptions
from psyche_cli.operations.rehearsal.payloads import RehearsalData
from psyche_cli.operations.rehearsal.progress import Progress
from psyche_cli.operations.rehearsal.request import Request, check_files
from psyche_cli.operations.rehearsal.result import Outline, result_of
from psyche_cli.operations.rehearsal.setup import DECIMALS, STARTED_AT, Owner, drawn_wallet, own_validator
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.rehearsal.backend import Goal, WorkersBackend
from psyche_cli.rehearsal.cluster import Cluster
from psyche_cli.rehearsal.faults import FaultsSeen
from psyche_cli.rehearsal.run_workers import RunWorkers, configuration
from psyche_cli.rehearsal.scheduler import Scheduler, TurnReport
from psyche_cli.rehearsal.settings import Settings, name_of
from psyche_cli.results import OperationResult
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.wallet import Wallet

if TYPE_CHECKING:
    from psyche_cli.environment import Environment
    from psyche_cli.workers.client import DaemonClient
    from psyche_cli.workers.service import worker_pb2

RUN_ID: Final = "rehearsal"
READY_SECONDS: Final = 120.0
END_SECONDS: Final = 30.0
HUNG_SECONDS: Final = 1.0
"""How long the others may take to end if a worker hangs or the goal was not reached. The rest is cancelled then."""
_SPARE_EPOCHS: Final = 2


Show: TypeAlias = Callable[[Progress], None]
"""Shows a rehearsal in progress."""


def rehearse(environment: Environment, request: Request, show: Show) -> OperationResult[RehearsalData]:
    """Rehearse a new run on a local validator of its own. ``show`` is called after every change.

    Nothing that was started is left running, however this ends. Raises UsageError, LocalnetError, RehearsalError, the
    errors of the worker daemon, and those of an endpoint.
    """
    request = request.checked()
    check_files(request)
    prediction = predict(request)
    started = environment.clock.monotonic()
    owner = drawn_wallet(request.seed, "owner")
    wallets = [drawn_wallet(request.seed, name_of(number)) for number in range(1, request.members + 1)]
    for wallet in (owner, *wallets):
        wallet.hide_in(environment.redactor)
    with explaining_interruptions(None), ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        show(Progress("Starting a local validator."))
        addresses = [wallet.address for wallet in wallets]
        validator = stack.enter_context(own_validator(owner.address, addresses, folder / "validator.log"))
        transport = validator.open_transport()
        stack.callback(transport.close)
        rpc = RpcClient(transport, environment.clock)
        show(Progress("Creating the run."))
        owning = Owner(rpc, environment.clock, owner, RUN_ID)
        rate = parse_rate(request.earning_rate, DECIMALS)
        owning.prepare(
            request.config,
            earning_rate=request.earning_rate,
            funding=rate * (len(prediction.epochs) + _SPARE_EPOCHS),
        )
        instance = find_run(rpc, RUN_ID)
        cluster = Cluster(rpc, instance.coordinator_account)
        goal = Goal(epoch=request.epochs)
        settings = settings_of(request, cluster, validator.rpc_url, wallets, folder, goal)
        show(Progress("Starting the workers."))
        client = stack.enter_context(open_daemon(environment, request))
        workers = stack.enter_context(submitted(environment, client, settings, request))
        workers.await_workers(READY_SECONDS)
        seen = FaultsSeen(request.faults, cluster.now)
        backend = WorkersBackend(
            cluster,
            workers,
            seen,
            goal=goal,
            pause_at=request.steps,
            pause=owning.pause,
        )

        keys = [bytes(wallet.address) for wallet in wallets]

        def observe(_: Mapping[int, TurnReport]) -> None:
            show(Progress("", cluster, workers, keys))

        scheduler = Scheduler(
            backend,
            range(1, request.members + 1),
            hangs_until=backend.hangs_until,
            observe=observe,
            until=cluster.now + longest(prediction),
        )
        end = scheduler.run()
        show(Progress("Claiming the rewards.", cluster, workers, keys))
        scheduler.finish()
        ends_soon = end == "reached" and not scheduler.hanging
        run = workers.await_end(END_SECONDS if ends_soon else HUNG_SECONDS) or cancelled(client, workers.run_id)
        cluster.read()
        claims = read_claims(rpc, treasury_of(rpc, instance, PUBLISHED), wallets)
        evidence = Evidence(
            record=cluster.record,
            wallets=keys,
            workers=worker_ends(workers, run),
            telemetry=workers.telemetry(),
            evaluations=workers.evaluations(),
            claimed=claims.claimed,
            vault=claims.vault,
            prediction=prediction,
            faults=request.faults,
            seen=seen,
            hung=scheduler.hung,
            lied=workers.lied,
        )
        worker_run = workers.run_id
    outline = Outline(end, worker_run, environment.clock.monotonic() - started)
    return result_of(request, evidence, outline)


def predict(request: Request) -> Simulation:
    """What ``simulate`` predicts for the run without faults."""
    config = request.config
    state = new_run(config.config, config.model, earning_rate=parse_rate(request.earning_rate, DECIMALS))
    changes = [] if request.steps is None else [Change(request.steps, pausing=True)]
    world = World(
        state,
        Start(STARTED_AT, 0),
        map(new_member, range(request.members)),
        behavior=Behavior(request.train_seconds, request.warmup_seconds),
        changes=changes,
    )
    return simulate(world, epochs=request.epochs)


@contextmanager
def open_daemon(environment: Environment, request: Request) -> Iterator[DaemonClient]:
    """A client of the worker daemon. A daemon that was started for this is stopped in the end."""
    from psyche_cli.workers.client import connect
    from psyche_cli.workers.daemon_file import read_daemon_file
    from psyche_cli.workers.storage.layout import WorkersFolder

    state_folder = request.state_folder or environment.state_folder
    earlier = read_daemon_file(WorkersFolder.of_state(state_folder).daemon_pid)
    was_running = earlier is not None and earlier.is_alive
    client = connect(state_folder)
    try:
        yield client
    finally:
        with suppress(PsycheError):
            if not was_running:
                client.stop(cancel_runs=False)
        client.close()


@contextmanager
def submitted(
    environment: Environment, client: DaemonClient, settings: list[Settings], request: Request
) -> Iterator[RunWorkers]:
    """The workers, submitted to the daemon. Those that are left in the end are cancelled."""
    name = f"rehearsal of {request.title}"
    with client.direct() as director:
        run_id = client.submit(configuration(name, settings, request.engine_name)).run.run_id
        workers = RunWorkers(client, director, run_id, len(settings), environment.clock)
        try:
            yield workers
        finally:
            with suppress(PsycheError):
                [run] = client.list_runs(run_id)
                if run.finished_at == 0:
                    client.cancel(run_id)
                    client.wait_for_end(run_id, END_SECONDS)


def cancelled(client: DaemonClient, run_id: str) -> worker_pb2.Run:
    """The workers after those that have not ended were cancelled, so that the report has the ends of all."""
    client.cancel(run_id)
    return client.wait_for_end(run_id, END_SECONDS)


def settings_of(
    request: Request,
    cluster: Cluster,
    rpc_url: str,
    wallets: list[Wallet],
    folder: Path,
    goal: Goal,
    *,
    poll_seconds: float | None = None,
) -> list[Settings]:
    """The settings of the workers. Writes the URL, and the keypair files that do not exist yet, into the folder."""
    endpoint = folder / "endpoint"
    endpoint.touch(mode=0o600)  # the URL may contain a key
    endpoint.write_text(rpc_url, encoding="utf-8")
    keypairs = [path.absolute() for path in request.member_wallets]
    if not keypairs:
        keys = folder / "keys"
        keys.mkdir(mode=0o700)
        keypairs = [keys / f"{name_of(number)}.json" for number in range(1, request.members + 1)]
        for path, wallet in zip(keypairs, wallets, strict=True):
            wallet.write_keypair_file(path)
    assert request.train_seconds is not None  # Request.checked sets both
    assert request.warmup_seconds is not None
    return [
        Settings(
            endpoint=endpoint,
            run_id=request.run_id or RUN_ID,
            member=number,
            wallets=tuple(str(wallet.address) for wallet in wallets),
            keypair=keypairs[number - 1],
            folder=folder / "members",
            text=None if request.text is None else request.text.absolute(),
            trainer=request.trainer,
            seed=request.seed,
            train_seconds=request.train_seconds,
            warmup_seconds=request.warmup_seconds,
            check_percent=request.check_percent,
            started_at=cluster.now,
            until_epoch=goal.epoch,
            faults=tuple(fault for fault in request.faults if fault.member == number),
            until_step=goal.step,
            poll_seconds=poll_seconds,
            authorizer=None if request.authorizer is None else str(request.authorizer),
        )
        for number in range(1, request.members + 1)
    ]


def worker_ends(workers: RunWorkers, run: worker_pb2.Run | None) -> dict[int, WorkerEnd]:
    """How the workers ended, by member, with the last line of standard error of those that failed."""
    from psyche_cli.rehearsal.settings import number_of

    found = dict(workers.by_member)
    found.update({} if run is None else {number_of(worker.worker_id): worker for worker in run.workers})
    return {
        number: WorkerEnd(worker.state, " ".join([worker.reason, *worker.error_lines[-1:]]))
        for number, worker in sorted(found.items())
    }


def longest(prediction: Simulation) -> int:
    """The time after which a rehearsal is cut off: many times as long as predicted."""
    return 20 * (prediction.now - prediction.started_at) + 3600
