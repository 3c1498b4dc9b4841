"""``psyche-cli upload-data``."""

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
from psyche_cli.cli.options import RunId, option
from psyche_cli.cli.sessions import Call, plain
from psyche_cli.operations.files.defaults import BASE_URL
from psyche_cli.results import Result


@plain(example="psyche-cli upload-data --run-id my-run --path data")
def command(
    call: Call,
    *,
    run_id: RunId,
    path: Annotated[
        Path, option("--path", "-p", metavar="PATH", help="File, or folder whose files are uploaded with subfolders.")
    ],
    expires_in_seconds: ExpiresInSeconds = 3600,
    base_url: BaseUrl = BASE_URL,
    stall_timeout: StallTimeout = 30,
    wallet: SigningWallet = None,
    state_dir: RecordDir = None,
) -> Result:
    """Upload files for a run.

    Files that were already uploaded with the same content are not sent again, so after an interruption, run the same
    command again. The file that was interrupted starts again at its first byte. Needs a wallet, but no RPC endpoint.
    """
    from psyche_cli.operations.files.transfers import transfers
    from psyche_cli.operations.files.upload import upload_data
    from psyche_cli.private_keys import refuse_key_as_path

    refuse_key_as_path("--path", path)
    with transfers(
        call.environment,
        "Uploading",
        run_id=run_id,
        base_url=base_url,
        wallet_path=wallet,
        state_folder=state_dir,
        expires_in_seconds=expires_in_seconds,
        stall_seconds=stall_timeout,
    ) as open_transfers:
        return upload_data(open_transfers, path)
