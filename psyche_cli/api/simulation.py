"""Prediction of the course of a run."""

from __future__ import annotations

from collections.abc import Sequence

from psyche_cli.api.sessions import Session
from psyche_cli.operations.simulation.arguments import Arguments, Rules
from psyche_cli.operations.simulation.payloads import SimulationData
from psyche_cli.operations.simulation.simulate import simulate_run as simulated
from psyche_cli.operations.status.observation import Observation, observe
from psyche_cli.run_config.load import RunConfig


def simulate_run(
    config: RunConfig,
    *,
    clients: int,
    drop: Sequence[str] = (),
    join: Sequence[str] = (),
    pause_at: int | None = None,
    epochs: int | None = None,
    train_seconds: int | None = None,
    warmup_seconds: int | None = None,
    earning_rate: str | None = None,
    decimals: int = 6,
    rules: Rules = "current",
    rounds_per_epoch: int | None = None,
    checkpoint_seconds: int | None = None,
    rows: int = 12,
) -> SimulationData:
    """The course of a new run with ``config`` and ``clients`` members, from 1 to 256, by the rules of the program.

    ``drop`` and ``join`` are texts such as ``2@100``: members that stop, or come, at that step. Durations are seconds,
    by default the maximum in the configuration. ``earning_rate`` is the reward per epoch in whole tokens with
    ``decimals``. ``rows`` limits the lists of epochs and states. The older rules need ``rounds_per_epoch``.

    Raises UsageError, InvalidAmount.

    >>> from pathlib import Path
    >>> from psyche_cli import api
    >>> config = api.load_run_config(Path("configs/minimal.toml"))
    >>> found = api.simulate_run(config, clients=2, earning_rate="10")
    >>> found.end, found.steps, found.epochs, found.seconds, str(found.rewards.paid.amount)
    ('finished', 499, 72, 7212, '720.000000')
    """
    arguments = Arguments(
        clients=clients,
        dropping=drop,
        joining=join,
        pause_at=pause_at,
        epochs=epochs,
        rules=rules,
        rounds_per_epoch=rounds_per_epoch,
        train_seconds=train_seconds,
        warmup_seconds=warmup_seconds,
        checkpoint_seconds=checkpoint_seconds,
        rows=rows,
    )
    return simulated(arguments, file=config, earning_rate=earning_rate, decimals=decimals).data


def simulate_from_run(
    session: Session,
    *,
    run_id: str,
    clients: int | None = None,
    config: RunConfig | None = None,
    drop: Sequence[str] = (),
    join: Sequence[str] = (),
    pause_at: int | None = None,
    epochs: int | None = None,
    train_seconds: int | None = None,
    warmup_seconds: int | None = None,
    earning_rate: str | None = None,
    rows: int = 12,
    treasurer_index: int | None = None,
) -> SimulationData:
    """Like ``simulate_run``, from the present state of a run on.

    ``clients`` defaults to the members that the run has now. ``config`` replaces the configuration of a halted run, and
    ``earning_rate`` its rate, in the run's token. Also raises WrongRunState and the errors of ``find_run``.
    """
    arguments = Arguments(
        clients=clients,
        dropping=drop,
        joining=join,
        pause_at=pause_at,
        epochs=epochs,
        train_seconds=train_seconds,
        warmup_seconds=warmup_seconds,
        rows=rows,
    )
    with session.reading() as operation:

        def find_run() -> Observation:
            return observe(operation, run_id, treasurer_index)

        return simulated(arguments, file=config, find_run=find_run, earning_rate=earning_rate).data
