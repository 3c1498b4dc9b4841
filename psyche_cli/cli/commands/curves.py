"""``psyche-cli curves``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from psyche_cli.cli.options import HistoryStateDir, Incarnation, NoSync, RunId, option
from psyche_cli.cli.sessions import Call, Reading, reads


@reads(example="psyche-cli curves --run-id my-run --what loss,evals -o curves.png")
def command(
    call: Call,
    *,
    run_id: RunId,
    what: Annotated[
        str | None,
        option(
            "--what",
            metavar="LIST",
            help="Comma-separated subjects: loss, tokens, bandwidth, evals, lr, members, rewards, witnesses. All by "
            "default.",
        ),
    ] = None,
    steps: Annotated[
        str | None,
        option("--steps", metavar="FIRST-LAST", help="Only these steps, such as 100-200, 100- or -200."),
    ] = None,
    incarnation: Incarnation = None,
    no_sync: NoSync = False,
    output_file: Annotated[
        Path | None,
        option(
            "--output-file",
            "-o",
            metavar="FILE",
            help="Write the curves to this new file. Its suffix is the format: .csv, .json, .svg or .png.",
        ),
    ] = None,
    format: Annotated[
        Literal["csv", "json", "svg", "png", "tensorboard"] | None,
        option(
            "--format",
            help="Format of the file. tensorboard writes event files into a new folder. csv without a file is printed.",
        ),
    ] = None,
    state_dir: HistoryStateDir = None,
) -> Reading:
    """Plot the curves of a run: loss, members, rewards and more.

    Reads the run's transactions into its history first. Values that several witnesses reported about the same step are
    shown as their median; the spread is the narrowest interval with more than half of them. Values that are not finite
    are left out and counted. docs/curves.md describes all curves. SVG and PNG files need the extra plots, event files
    for TensorBoard the extra tensorboard. Does not need a wallet.
    """
    from psyche_cli.operations.curves.request import parse_request
    from psyche_cli.operations.curves.show import show_curves

    request = parse_request(
        run_id,
        state_dir or call.environment.state_folder,
        what=what,
        steps=steps,
        incarnation=incarnation,
        sync=not no_sync,
        file=output_file,
        format=format,
    )
    return lambda session: show_curves(session, request)
