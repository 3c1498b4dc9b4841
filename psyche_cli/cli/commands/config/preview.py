"""``psyche-cli config preview``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from psyche_cli.cli.options import Argument, Rpc, TrainSeconds, TreasurerIndex, option, run_ids
from psyche_cli.cli.sessions import Call, given_options, plain
from psyche_cli.errors import UsageError
from psyche_cli.results import Result


@plain(example="psyche-cli config preview run.toml --earning-rate 12.5 --svg run.svg")
def command(
    call: Call,
    *,
    file: Annotated[Path, Argument(metavar="FILE", help="Run configuration file (TOML); - is standard input.")],
    steps: Annotated[
        str | None,
        option("--steps", metavar="N,...", help="Steps to show. By default, those at which the schedule changes."),
    ] = None,
    train_seconds: TrainSeconds = None,
    earning_rate: Annotated[
        str | None,
        option(
            "--earning-rate-total-shared",
            "--earning-rate",
            metavar="AMOUNT",
            help="Total reward per epoch, to estimate its cost. Defaults to the rate of the run given with --run-id.",
        ),
    ] = None,
    decimals: Annotated[
        int,
        option(
            "--decimals", metavar="N", help="Decimal places of the collateral token, without --run-id.", min=0, max=255
        ),
    ] = 6,
    svg: Annotated[
        Path | None, option("--svg", metavar="FILE", help="Also draw the curves into this new SVG file.")
    ] = None,
    run_id: Annotated[
        str | None,
        option(
            "--run-id",
            "-r",
            variable=False,
            metavar="RUN_ID",
            values=run_ids,
            help="Use the reward rate, the token and the vault of this run. Only this option needs a cluster.",
        ),
    ] = None,
    treasurer_index: TreasurerIndex = None,
    rpc: Rpc = None,
) -> Result:
    """Preview a configuration: epochs, tokens, learning rate and cost.

    Shows the rounds and duration of an epoch, tokens per step and in total, batch size and learning rate at selected
    steps, and the cost of rewards, as a table and as curves. Works offline, except with --run-id. Assumes that enough
    members are always present.
    """
    from psyche_cli.operations.config.files import load_config
    from psyche_cli.operations.config.preview import preview
    from psyche_cli.operations.config.reward_rate import RewardRate, parse_rate, rate_of_run
    from psyche_cli.operations.sessions import reading_session

    if run_id is not None and "decimals" in call.typed:
        raise UsageError("Cannot use --decimals together with --run-id.", hint="The run's token has its own decimals.")

    def find_rate() -> RewardRate:
        if run_id is None:
            return RewardRate(parse_rate(earning_rate or "0", decimals), decimals)
        with reading_session(call.environment, rpc=rpc, given=given_options(call)) as session:
            return rate_of_run(session, run_id=run_id, earning_rate=earning_rate, treasurer_index=treasurer_index)

    return preview(
        load_config(call.environment, file),
        steps=steps,
        train_seconds=train_seconds,
        find_rate=None if run_id is None and earning_rate is None else find_rate,
        svg=svg,
    )
