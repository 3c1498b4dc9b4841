"""``psyche-cli advise``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

from psyche_cli.cli.options import HistoryStateDir, Incarnation, NoSync, OptionalRunId, TreasurerIndex, option
from psyche_cli.cli.sessions import Call, Reading, reads
from psyche_cli.errors import UsageError
from psyche_cli.limits import MAX_CLIENTS, U32_MAX
from psyche_cli.results import Result

_OF_SIMULATION = ("clients", "train_seconds", "warmup_seconds", "drop", "join")
_OF_RUN = ("file", "incarnation", "no_sync", "state_dir", "treasurer_index")


@reads(example="psyche-cli advise --run-id my-run --file run.toml -o advice.diff")
def command(
    call: Call,
    *,
    run_id: OptionalRunId = None,
    config: Annotated[
        Path | None,
        option(
            "--config",
            metavar="FILE",
            help="Run configuration, or run file, to simulate instead of reading the history of a run. Works offline.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        option(
            "--file",
            metavar="FILE",
            help="Run file that the diff changes. Defaults to the file that config dump --full writes.",
        ),
    ] = None,
    clients: Annotated[
        int | None,
        option(
            "--clients",
            metavar="N",
            help="With --config: members at the start. Defaults to init_min_clients.",
            min=1,
            max=MAX_CLIENTS,
        ),
    ] = None,
    train_seconds: Annotated[
        int | None,
        option(
            "--train-seconds",
            metavar="N",
            help="With --config: seconds after which members report a round. Defaults to max_round_train_time.",
            min=1,
            max=U32_MAX,
        ),
    ] = None,
    warmup_seconds: Annotated[
        int | None,
        option(
            "--warmup-seconds",
            metavar="N",
            help="With --config: seconds after which members have loaded the model. Defaults to warmup_time.",
            min=0,
            max=U32_MAX,
        ),
    ] = None,
    drop: Annotated[
        list[str] | None,
        option(
            "--drop",
            metavar="N@STEP",
            help="With --config: N members stop responding when the run reaches STEP. Repeatable.",
        ),
    ] = None,
    join: Annotated[
        list[str] | None,
        option(
            "--join",
            metavar="N@STEP",
            help="With --config: N new members arrive when the run reaches STEP. Repeatable.",
        ),
    ] = None,
    incarnation: Incarnation = None,
    no_sync: NoSync = False,
    output_file: Annotated[
        Path | None,
        option(
            "--output-file",
            "-o",
            metavar="FILE",
            help="Write the diff to this new file, if there is advice, for patch.",
        ),
    ] = None,
    state_dir: HistoryStateDir = None,
    treasurer_index: TreasurerIndex = None,
) -> Reading | Result:
    """Advise on the settings of a run, from its history or a simulation.

    Judges the time limits of rounds, warmups and cooldowns, epoch_time, and the numbers of members, each with its
    evidence. Advice is a diff of the run file that patch accepts, with the effect that the simulator predicts. Where
    the evidence does not suffice, it says so. docs/advise.md describes all rules. The exit code is 0 with and without
    advice. Sends nothing, and does not need a wallet.
    """
    if config is not None and "run_id" not in call.typed:
        run_id = None  # the command line takes precedence over the environment
    if (run_id is None) == (config is None):
        raise UsageError(
            "Specify either --run-id or --config.",
            hint="--run-id reads the history of a run; --config simulates a configuration.",
        )
    for name in _OF_SIMULATION if config is None else _OF_RUN:
        if name in call.typed:
            flag, other = f"--{name.replace('_', '-')}", "--config" if config is None else "--run-id"
            raise UsageError(f"{flag} needs {other}.")
    from psyche_cli.operations.advise.target import target_of_file, target_of_run_file

    if config is not None:
        from psyche_cli.operations.advise.file import advise_on_file
        from psyche_cli.operations.simulation.arguments import Arguments

        arguments = Arguments(
            clients, drop or (), join or (), train_seconds=train_seconds, warmup_seconds=warmup_seconds
        )
        return advise_on_file(target_of_file(config), arguments, output_file=output_file)
    from psyche_cli.operations.advise.run import Request, advise_on_run

    target = None if file is None else target_of_run_file(file)
    if target is not None and target.run_id != run_id:
        raise UsageError(f"{file} is the file of run {target.run_id!r}, not of {run_id!r}.")
    request = Request(
        run_id or "",
        state_dir or call.environment.state_folder,
        target,
        output_file,
        incarnation,
        treasurer_index,
        sync=not no_sync,
    )
    return partial(advise_on_run, request=request)
