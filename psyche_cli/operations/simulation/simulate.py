"""Predict the course of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from psyche_cli.errors import UsageError, WrongRunState
from psyche_cli.model.simulation.behavior import Start
from psyche_cli.model.simulation.engine import Simulation, new_run, simulate, with_older_rules
from psyche_cli.model.simulation.world import World
from psyche_cli.model.states import CoordinatorState
from psyche_cli.new_files import write_new_file
from psyche_cli.operations.config.durations import check_assumed_seconds
from psyche_cli.operations.config.reward_rate import RewardRate, parse_rate
from psyche_cli.operations.rewards.collateral import obligations_of
from psyche_cli.operations.simulation.arguments import Arguments, check_members
from psyche_cli.operations.simulation.payloads import SimulationData
from psyche_cli.operations.simulation.picture import picture
from psyche_cli.operations.simulation.reasons import sentence, unusual
from psyche_cli.operations.simulation.report import Funding, Report, Setting
from psyche_cli.operations.simulation.text import SimulationText, details, outline
from psyche_cli.operations.status.observation import Observation
from psyche_cli.printable import printable
from psyche_cli.protocol.accounts.coordinator_parts import Identity
from psyche_cli.protocol.run_states import ClientState, RunState
from psyche_cli.results import OperationResult
from psyche_cli.run_config.load import RunConfig
from psyche_cli.run_config.rules import is_unset

_AT_ONCE: Final = Start(0, 0)
"""The start of a run that does not exist yet."""

MOST_ROWS: Final = 200_000
"""The maximum number of states in the output, which are about 400 MB in memory."""

_CLIENTS_HINT: Final = "Specify --clients N."


class _Origin(NamedTuple):
    """What a simulation starts from."""

    state: CoordinatorState
    start: Start
    members: list[Identity]
    setting: Setting


def simulate_run(
    arguments: Arguments,
    *,
    file: RunConfig | None,
    find_run: Callable[[], Observation] | None = None,
    earning_rate: str | None = None,
    decimals: int = 6,
    svg: Path | None = None,
) -> OperationResult[SimulationData]:
    """Predict the course of a run with the configuration ``file``, or of an existing one from its present state.

    ``find_run`` reads that run; if it is halted, ``file`` replaces its configuration. ``earning_rate`` is the reward of
    an epoch: an amount of the run's token, or of one with ``decimals``. ``svg`` is a new file for a timeline.

    Raises UsageError, InvalidAmount, WrongRunState, and the errors of ``find_run``.
    """
    arguments.check_rules()
    changes = arguments.changes()
    if find_run is None:
        if file is None or arguments.clients is None:
            missing = "--config FILE" if file is None else "--clients N"
            raise UsageError(
                f"{missing} is missing.", hint="Specify --config and --clients, or a run to start from with --from-run."
            )
        origin = _new(file, arguments, RewardRate(parse_rate(earning_rate or "0", decimals), decimals))
    else:
        origin = _of_run(find_run(), file, arguments, earning_rate)
    state, coming = origin.state, max((arguments.clients or 0) - len(origin.members), 0)
    members = origin.members if arguments.clients is None else origin.members[: arguments.clients]
    for option, seconds, key, least in (
        ("--train-seconds", arguments.train_seconds, "max_round_train_time", 1),
        ("--warmup-seconds", arguments.warmup_seconds, "warmup_time", 0),
    ):
        check_assumed_seconds(option, seconds, state.config, key, least)
    check_members(len(members) + coming, len(state.clients) + coming, changes)
    if arguments.rules == "older" and arguments.rounds_per_epoch is not None:
        state = with_older_rules(state, arguments.rounds_per_epoch)
    world = World(state, origin.start, members, behavior=arguments.behavior, changes=changes)
    world.come(coming)
    clients = len(world.members)
    found = simulate(world, epochs=arguments.epochs)
    rows = min(len(found.history), arguments.rows)
    if rows > MOST_ROWS:
        raise UsageError(
            f"The output would have {rows:,} states, but can have at most {MOST_ROWS:,}.",
            hint="Specify a smaller --rows, or fewer --epochs.",
        )
    report = Report(found, state, world, origin.setting._replace(clients=clients), arguments.rows)
    return _result(report, svg)


def _new(file: RunConfig, arguments: Arguments, rate: RewardRate) -> _Origin:
    state = new_run(file.config, file.model, earning_rate=rate.base_units)
    setting = Setting(str(file.source), None, arguments, Funding(rate.base_units, rate.decimals))
    return _Origin(state, _AT_ONCE, [], setting)


def _of_run(seen: Observation, file: RunConfig | None, arguments: Arguments, earning_rate: str | None) -> _Origin:
    run, state = seen.run, seen.state
    if file is not None:
        if not state.run_state.is_halted:
            raise WrongRunState(
                f"The configuration of run {run.run_id!r} cannot be replaced in the state {state.run_state.text}.",
                hint="Omit --config to simulate its own configuration, or omit --from-run to simulate a new run.",
                run_id=run.run_id,
                state=state.run_state.variant,
            )
        state = replace(state, config=dict(file.config), model=dict(file.model))
    elif is_unset(state.config):
        raise WrongRunState(
            f"Run {run.run_id!r} has no configuration yet.",
            hint="Specify one with --config FILE.",
            run_id=run.run_id,
            state=state.run_state.variant,
        )
    members = members_of(state)
    if not members and arguments.clients is None and state.run_state != RunState.FINISHED:
        raise UsageError(f"Run {run.run_id!r} has no members now.", hint=_CLIENTS_HINT)
    decimals = run.treasury.mint.decimals if run.treasury else 0
    if earning_rate is not None:
        rate = parse_rate(earning_rate, decimals)
        state = replace(state, future_epoch_rates=state.future_epoch_rates._replace(earning_rate_total_shared=rate))
    owed = obligations_of(run)
    funding = Funding(
        rate=state.future_epoch_rates.earning_rate_total_shared,
        decimals=decimals,
        held=owed.held if owed else None,
        owed=owed.owed if owed else None,
        is_points=run.treasury is None,
    )
    path = None if file is None else str(file.source)
    start = Start(seen.now, seen.clock.slot)
    return _Origin(state, start, members, Setting(path, run.run_id, arguments, funding))


def members_of(state: CoordinatorState) -> list[Identity]:
    """The members that are assumed to respond, in the order of first joining.

    They have joined the next epoch, or are in the latest one and were not dropped from it.
    """
    staying = {
        client.id.signer
        for client in state.epoch.clients
        if client.state in (ClientState.HEALTHY, ClientState.WITHDRAWN)
    }
    return [client.id for client in state.clients if client.active == state.next_active or client.id.signer in staying]


def _result(report: Report, svg: Path | None) -> OperationResult[SimulationData]:
    found: Simulation = report.simulation
    reason = sentence(found)
    data = report.data(reason, svg)
    if svg is not None:
        title = f"Simulation of {printable(Path(report.setting.name).name)}"
        write_new_file(svg, picture(report, title, outline(data)), what="the SVG file")
    return OperationResult(
        summary=f"{report.setting.name}: {outline(data)}",
        data=data,
        details=tuple(details(data, report.setting)),
        warnings=tuple(unusual(found, data)),
        body=SimulationText(data, report.setting),
    )
