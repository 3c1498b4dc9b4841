"""``psyche-cli config preview``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from psyche_cli.cli.options import Argument, option
from psyche_cli.cli.sessions import Call, plain
from psyche_cli.limits import U32_MAX
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
    train_seconds: Annotated[
        int | None,
        option(
            "--train-seconds",
            metavar="N",
            help="Expected seconds of training per round. Defaults to max_round_train_time, the slowest pace.",
            min=1,
            max=U32_MAX,
        ),
    ] = None,
    earning_rate: Annotated[
        str | None,
        option(
            "--earning-rate-total-shared",
            "--earning-rate",
            metavar="AMOUNT",
            help="Total reward per epoch, to estimate its cost.",
        ),
    ] = None,
    decimals: Annotated[
        int, option("--decimals", metavar="N", help="Decimal places of the collateral token.", min=0, max=255)
    ] = 6,
    svg: Annotated[
        Path | None, option("--svg", metavar="FILE", help="Also draw the curves into this new SVG file.")
    ] = None,
) -> Result:
    """Preview a configuration: epochs, tokens, learning rate and cost.

    Shows the rounds and duration of an epoch, tokens per step and in total, batch size and learning rate at selected
    steps, and the cost of rewards, as a table and as curves. Works offline. Assumes that enough members are always
    present.
    """
    from psyche_cli.operations.config.files import load_config
    from psyche_cli.operations.config.preview import preview

    return preview(
        load_config(call.environment, file),
        steps=steps,
        train_seconds=train_seconds,
        earning_rate=earning_rate,
        decimals=decimals,
        svg=svg,
    )
