"""``psyche-cli plan``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from psyche_cli.cli.options import Argument, WalletAddress, option
from psyche_cli.cli.sessions import Call, Reading, reads


@reads(example="psyche-cli plan run.toml -o plan.json", archive=False)
def command(
    call: Call,
    *,
    file: Annotated[Path, Argument(metavar="FILE", help="Run file (TOML).")],
    output_file: Annotated[
        Path | None,
        option(
            "--output-file",
            "-o",
            metavar="FILE",
            help="Also write the plan to this new file, for apply. An existing file is never overwritten.",
        ),
    ] = None,
    wallet: WalletAddress = None,
) -> Reading:
    """Show what would make a run match its run file.

    Lists the steps in their order, with every value that changes, what must be waited for, and the fees, rent and
    collateral that they cost; and what cannot be changed, and why. Exits with code 0 if there is nothing to do, and 2
    otherwise. With --output-file, writes the plan for apply. Sends nothing.
    """
    from psyche_cli.operations.migrations.unfinished import target_of
    from psyche_cli.operations.observe.authority_check import wallet_if_any
    from psyche_cli.operations.run_files.given import read_run_file
    from psyche_cli.operations.run_files.plan import as_written, plan_target

    target = target_of(as_written(read_run_file(file)))
    key = wallet_if_any(call.environment, wallet)
    return lambda session: plan_target(session, target, wallet=key, output_file=output_file)
