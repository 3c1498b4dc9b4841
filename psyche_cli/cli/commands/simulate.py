"""``psyche-cli simulate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from psyche_cli.cli.options import Rpc, TrainSeconds, TreasurerIndex, option, run_ids
from psyche_cli.cli.sessions import Call, given_options, plain
from psyche_cli.errors import UsageError
from psyche_cli.limits import MAX_CLIENTS, U16_MAX, U32_MAX
from psyche_cli.results import Result


@plain(example="psyche-cli simulate --config run.toml --clients 8 --drop 3@200 --join 2@500 --svg run.svg")
def command(
    call: Call,
    *,
    config: Annotated[
        Path | None,
        option(
            "--config",
            metavar="FILE",
            help="Run configuration file (TOML); - is standard input. With --from-run, it replaces the run's "
            "configuration, which requires that the run is halted.",
        ),
    ] = None,
    clients: Annotated[
        int | None,
        option(
            "--clients",
            metavar="N",
            help="Members at the start. With --from-run, defaults to the members that the run has now.",
            min=1,
            max=MAX_CLIENTS,
        ),
    ] = None,
    from_run: Annotated[
        str | None,
        option(
            "--from-run",
            metavar="RUN_ID",
            values=run_ids,
            help="Start from the current state of this run, with its members, rates and vault. Only this option needs "
            "a cluster.",
        ),
    ] = None,
    drop: Annotated[
        list[str] | None,
        option("--drop", metavar="N@STEP", help="N members stop responding when the run reaches STEP. Repeatable."),
    ] = None,
    join: Annotated[
        list[str] | None,
        option("--join", metavar="N@STEP", help="N new members arrive when the run reaches STEP. Repeatable."),
    ] = None,
    pause_at: Annotated[
        int | None,
        option("--pause-at", metavar="STEP", help="The owner pauses the run at this step.", min=1, max=U32_MAX),
    ] = None,
    epochs: Annotated[
        int | None,
        option("--epochs", metavar="N", help="End after N epochs. By default, when the run ends.", min=1, max=U16_MAX),
    ] = None,
    train_seconds: TrainSeconds = None,
    warmup_seconds: Annotated[
        int | None,
        option(
            "--warmup-seconds",
            metavar="N",
            help="Seconds after which members have loaded the model. Defaults to warmup_time.",
            min=0,
            max=U32_MAX,
        ),
    ] = None,
    earning_rate: Annotated[
        str | None,
        option(
            "--earning-rate-total-shared",
            "--earning-rate",
            variable=False,
            metavar="AMOUNT",
            help="Total reward per epoch. With --from-run, defaults to the run's rate for future epochs.",
        ),
    ] = None,
    decimals: Annotated[
        int,
        option(
            "--decimals",
            metavar="N",
            help="Decimal places of the collateral token, without --from-run.",
            min=0,
            max=255,
        ),
    ] = 6,
    rules: Annotated[
        Literal["current", "older"],
        option(
            "--rules",
            help="Rules of the program: the current ones, or the older ones, with which an epoch has a fixed number of "
            "rounds and a checkpoint ends Cooldown.",
        ),
    ] = "current",
    rounds_per_epoch: Annotated[
        int | None,
        option("--rounds-per-epoch", metavar="N", help="Rounds in an epoch, with --rules older.", min=1, max=U32_MAX),
    ] = None,
    checkpoint_seconds: Annotated[
        int | None,
        option(
            "--checkpoint-seconds",
            metavar="N",
            help="Seconds of Cooldown after which a member records a checkpoint, with --rules older. By default, none "
            "does.",
            min=0,
            max=U32_MAX,
        ),
    ] = None,
    rows: Annotated[
        int,
        option(
            "--rows",
            metavar="N",
            help="Maximum number of epochs, and of states, in the output: mainly the first and the last ones.",
            min=2,
            max=10_000_000,
        ),
    ] = 12,
    svg: Annotated[
        Path | None, option("--svg", metavar="FILE", help="Also draw a timeline into this new SVG file.")
    ] = None,
    treasurer_index: TreasurerIndex = None,
    rpc: Rpc = None,
) -> Result:
    """Predict the course of a run: states, steps, rewards and its end.

    Executes the rules of the program in virtual time, for a configuration or from the current state of a run. Assumes
    that someone ticks every second, that members join when the run waits for them, and that they report rounds until
    they are dropped. Sends nothing.
    """
    from psyche_cli.operations.config.files import load_config
    from psyche_cli.operations.sessions import reading_session
    from psyche_cli.operations.simulation.arguments import Arguments
    from psyche_cli.operations.simulation.simulate import simulate_run
    from psyche_cli.operations.status.observation import Observation, observe

    if from_run is not None and "decimals" in call.typed:
        raise UsageError(
            "Cannot use --decimals together with --from-run.", hint="The run's token has its own decimals."
        )

    def find_run() -> Observation:
        with reading_session(call.environment, rpc=rpc, given=given_options(call)) as session:
            return observe(session, from_run or "", treasurer_index)

    arguments = Arguments(
        clients=clients,
        dropping=drop or (),
        joining=join or (),
        pause_at=pause_at,
        epochs=epochs,
        rules=rules,
        rounds_per_epoch=rounds_per_epoch,
        train_seconds=train_seconds,
        warmup_seconds=warmup_seconds,
        checkpoint_seconds=checkpoint_seconds,
        rows=rows,
    )
    return simulate_run(
        arguments,
        file=None if config is None else load_config(call.environment, config),
        find_run=None if from_run is None else find_run,
        earning_rate=earning_rate,
        decimals=decimals,
        svg=svg,
    )
