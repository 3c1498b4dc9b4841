"""``psyche-cli drift``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from psyche_cli.cli.options import Argument, HistoryStateDir, WalletAddress
from psyche_cli.cli.sessions import Call, Reading, reads

if TYPE_CHECKING:
    from psyche_cli.run_file.wanted import WantedRun


@reads(example="psyche-cli drift runs/*.toml", archive=False)
def command(
    call: Call,
    *,
    files: Annotated[list[Path], Argument(metavar="FILE...", help="Run files (TOML).")],
    wallet: WalletAddress = None,
    state_dir: HistoryStateDir = None,
) -> Reading:
    """Check whether runs match their run files.

    Lists every value that differs and, if the history of the run was read before, the wallet and the transaction that
    changed it last. For cron: exits with code 0 if all runs match, 2 if any differs, and 3 if one of several files
    cannot be compared. Does not need a wallet.
    """
    from psyche_cli.errors import ConfigurationError, UsageError
    from psyche_cli.operations.observe.authority_check import wallet_if_any
    from psyche_cli.operations.run_files.drift import FileError, find_drift
    from psyche_cli.operations.run_files.given import read_run_file

    wanted: list[WantedRun | FileError] = []
    for path in files:
        try:
            wanted.append(read_run_file(path))
        except (ConfigurationError, UsageError) as error:
            wanted.append(FileError(path, error))
    key = wallet_if_any(call.environment, wallet)
    folder = state_dir or call.environment.state_folder
    return lambda session: find_drift(session, wanted, wallet=key, state_folder=folder)
