"""``psyche-cli download-results``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from psyche_cli.cli.commands.file_options import (
    BaseUrl,
    ExpiresInSeconds,
    RecordDir,
    SigningWallet,
    StallTimeout,
)
from psyche_cli.cli.options import RunId, Yes, option
from psyche_cli.cli.sessions import Call, plain
from psyche_cli.operations.files.defaults import BASE_URL
from psyche_cli.results import Result


@plain(example="psyche-cli download-results --run-id my-run -o results")
def command(
    call: Call,
    *,
    run_id: RunId,
    output_dir: Annotated[
        Path,
        option("--output-dir", "-o", metavar="DIR", help="Folder to write to. Defaults to the current folder."),
    ] = Path(),
    overwrite: Annotated[bool, option("--overwrite", help="Replace existing files without asking.")] = False,
    yes: Yes = False,
    expires_in_seconds: ExpiresInSeconds = 3600,
    base_url: BaseUrl = BASE_URL,
    stall_timeout: StallTimeout = 30,
    wallet: SigningWallet = None,
    state_dir: RecordDir = None,
) -> Result:
    """Download the files of a run.

    Complete files are not downloaded again and partial ones (NAME.part) are continued, so after an interruption, run
    the same command again. The content is compared with the checksums that the server sends. Needs a wallet, but no
    RPC endpoint.
    """
    from psyche_cli.operations.files.download import download_results
    from psyche_cli.operations.files.transfers import transfers
    from psyche_cli.private_keys import refuse_key_as_path

    refuse_key_as_path("--output-dir", output_dir)
    with transfers(
        call.environment,
        "Downloading",
        run_id=run_id,
        base_url=base_url,
        wallet_path=wallet,
        state_folder=state_dir,
        expires_in_seconds=expires_in_seconds,
        stall_seconds=stall_timeout,
    ) as open_transfers:
        return download_results(open_transfers, output_dir, agreed=overwrite or yes)
