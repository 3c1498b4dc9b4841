"""``psyche-cli explain``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

from psyche_cli.cli.lifecycle_options import run_state_names
from psyche_cli.cli.options import TreasurerIndex, option, run_ids
from psyche_cli.cli.sessions import Call, Reading, reads
from psyche_cli.errors import UsageError
from psyche_cli.results import Result


@reads(example="psyche-cli explain --run-id my-run")
def command(
    call: Call,
    *,
    run_id: Annotated[
        str | None, option("--run-id", "-r", metavar="RUN_ID", help="Run id, 1 to 32 bytes.", values=run_ids)
    ] = None,
    account_file: Annotated[
        Path | None,
        option(
            "--account-file",
            metavar="FILE",
            help="File with the coordinator account of a run, in any form that decode accepts; - is standard input. "
            "Works offline.",
        ),
    ] = None,
    state: Annotated[
        str | None,
        option("--state", metavar="STATE", help="Name or number of a state. Works offline.", values=run_state_names),
    ] = None,
    at: Annotated[
        str | None,
        option(
            "--at",
            metavar="TIME",
            help="Time for --account-file, as Unix seconds or ISO 8601 (UTC by default). Without it, rules that need "
            "the time are not checked.",
        ),
    ] = None,
    treasurer_index: TreasurerIndex = None,
) -> Reading | Result:
    """Explain what a run is doing, what is wrong with it, and what to do.

    Lists findings, the most severe first, each with evidence, advice and commands: blocking ones keep the run from
    continuing, warnings cost members, rewards or time, and notes are normal. docs/diagnosis.md describes all rules.
    The exit code is 0 even if there are findings. Does not need a wallet.
    """
    if "run_id" not in call.typed and (account_file is not None or state is not None):
        run_id = None  # the command line takes precedence over the environment
    if sum(source is not None for source in (run_id, account_file, state)) != 1:
        raise UsageError("Specify one of --run-id, --account-file and --state.")
    if at is not None and account_file is None:
        raise UsageError("--at is only for --account-file.", hint="For a run, the time of the cluster is used.")
    from psyche_cli.operations.status.explain import explain_file, explain_run, explain_state
    from psyche_cli.operations.times import parse_time

    if state is not None:
        return explain_state(state)
    if account_file is not None:
        return explain_file(call.environment, account_file, at=None if at is None else parse_time(at, "--at"))
    assert run_id is not None
    return partial(explain_run, run_id=run_id, treasurer_index=treasurer_index)
