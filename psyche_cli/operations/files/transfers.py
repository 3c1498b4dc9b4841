"""What uploads and downloads share: the wallet, the service, the record, progress, and reports of interruptions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from psyche_cli.environment import Environment
from psyche_cli.errors import Interrupted, PsycheError
from psyche_cli.operations.files.exchange import FileHttp
from psyche_cli.operations.files.progress import TransferProgress
from psyche_cli.operations.files.record import TransferRecord
from psyche_cli.operations.files.retries import Retries
from psyche_cli.operations.files.service import RunFiles, check_base_url
from psyche_cli.private_keys import refuse_key_as_path
from psyche_cli.protocol.addresses import check_run_id
from psyche_cli.solana.wallet import load_wallet

_AGAIN = "To continue, run the same command again."


class Transfers(NamedTuple):
    """The transfers of one command."""

    environment: Environment
    http: FileHttp
    service: RunFiles
    record: TransferRecord
    progress: TransferProgress
    run_id: str

    def retries(self) -> Retries:
        """A new counter of failures, for one file."""
        return Retries(self.progress)

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Add to errors, and to an interruption, how many files are complete."""
        try:
            yield
        except PsycheError as error:
            # Nothing has begun yet if the number of files is not known.
            if self.progress.total > 0:
                error.hint = " ".join(filter(None, (error.hint, self.progress.tally, _AGAIN)))
            raise
        except KeyboardInterrupt as stop:
            tally = f" {self.progress.tally}" if self.progress.total > 0 else ""
            raise Interrupted.by(stop, f"Interrupted.{tally}", hint=_AGAIN, sent=False) from None
        finally:
            self.progress.clear()


@contextmanager
def transfers(
    environment: Environment,
    doing: str,
    *,
    run_id: str,
    base_url: str,
    wallet_path: Path | None,
    state_folder: Path | None,
    expires_in_seconds: int,
    stall_seconds: int,
) -> Iterator[Transfers]:
    """Prepare transfers. ``doing`` is the verb that the progress bar shows. Makes no request.

    Raises UsageError for an invalid run id, base URL or folder, and WalletError.
    """
    check_run_id(run_id)
    base_url = check_base_url(base_url)
    if state_folder is not None:
        refuse_key_as_path("--state-dir", state_folder)
    wallet = load_wallet(environment, wallet_path, environment.diagnostics.line)
    progress = TransferProgress(environment, doing)
    record = TransferRecord(
        state_folder or environment.state_folder, base_url=base_url, run_id=run_id, warn=environment.diagnostics.line
    )
    http = FileHttp(environment.variables, environment.clock, environment.detail, stall_seconds=stall_seconds)
    with closing(http):
        service = RunFiles(
            http,
            wallet,
            base_url=base_url,
            run_id=run_id,
            expires_in_seconds=expires_in_seconds,
            progress=progress,
        )
        yield Transfers(environment, http, service, record, progress, run_id)
