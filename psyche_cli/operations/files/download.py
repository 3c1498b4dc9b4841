"""``download-results``: the files of a run, into a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from psyche_cli.confirmation import asking
from psyche_cli.environment import Environment
from psyche_cli.errors import BadServiceResponse
from psyche_cli.operations.files.download_file import FileDownload
from psyche_cli.operations.files.payloads import DownloadData, DownloadedFile
from psyche_cli.operations.files.progress import TransferProgress, count_of_files, size_text
from psyche_cli.operations.files.server_paths import ServerPath, check_paths
from psyche_cli.operations.files.service import RunFiles
from psyche_cli.operations.files.target_folder import TargetFolder
from psyche_cli.operations.files.transfers import Transfers
from psyche_cli.results import OperationResult

_NOTHING: Final = "No file was changed."


def download_results(transfers: Transfers, output_dir: Path, *, agreed: bool) -> OperationResult[DownloadData]:
    """Download all files of the run into a folder.

    A file that is already complete is not downloaded again, and one that is partly there is continued. With ``agreed``,
    existing files with other content are replaced; otherwise the user is asked before anything is written into a folder
    that contains files of another origin, and before the first of them is replaced.

    Raises NetworkError, FileError, NotConfirmed, and Interrupted; the hint says how many files are complete.
    """
    folder = TargetFolder(output_dir)
    consent = Consent(transfers.environment, agreed=agreed)
    if not folder.is_empty and not transfers.record.has_downloads(folder.path):
        consent.ask(f"The folder {output_dir} is not empty. Files in it may be overwritten.")
    progress = transfers.progress
    files: list[DownloadedFile] = []
    received = 0
    with transfers.reporting():
        listing = Listing(transfers.service)
        progress.total = len(listing.paths)
        for path in listing.paths:
            one = FileDownload(transfers, folder, path, listing=listing, may_replace=consent.ask)
            files.append(one.run())
            received += one.received
            progress.finish(_line(files[-1], progress))
    return _result(transfers, output_dir, files, received)


class Listing:
    """The files of a run, and their current presigned URLs."""

    def __init__(self, service: RunFiles) -> None:
        self._service = service
        listed = service.downloads()
        self.paths: list[ServerPath] = check_paths(path for path, _ in listed)
        self._urls = dict(listed)

    def url(self, path: ServerPath) -> str:
        """The presigned URL of a file."""
        return self._urls[path.text]

    def renew(self, path: ServerPath) -> None:
        """Request new URLs. Raises BadServiceResponse if the file no longer exists."""
        self._urls = dict(self._service.downloads())
        if path.text not in self._urls:
            raise BadServiceResponse(
                f"The file {path.text} is no longer available at {self._service.label}.",
                endpoint=self._service.label,
                path=path.text,
            )


class Consent:
    """Asks at most once whether files may be replaced. ``agreed`` answers in advance."""

    def __init__(self, environment: Environment, *, agreed: bool) -> None:
        self._confirm: Callable[[str], bool] = asking(environment, agreed=agreed, otherwise=_NOTHING)
        self._agreed = agreed

    def ask(self, consequence: str) -> None:
        """Raise NotConfirmed unless the user agrees or has agreed."""
        if not self._agreed:
            self._confirm(consequence)
            self._agreed = True


def _line(file: DownloadedFile, progress: TransferProgress) -> str:
    done = "Downloaded" if file.status == "downloaded" else "Already complete:"
    return f"{done} {file.path} ({size_text(file.size)}), {progress.complete + 1} of {progress.total}"


def _result(
    transfers: Transfers, output_dir: Path, files: list[DownloadedFile], received: int
) -> OperationResult[DownloadData]:
    run_id, service = transfers.run_id, transfers.service.label
    data = DownloadData(run_id=run_id, service=service, folder=str(output_dir), received_bytes=received, files=files)
    new = [file for file in files if file.status == "downloaded"]
    if not files:
        summary = f"The service has no files of run {run_id}."
    elif not new:
        summary = f"All {count_of_files(len(files))} of run {run_id} were already complete."
    else:
        summary = f"Downloaded {count_of_files(len(new))} of run {run_id}."
    checked = sum(bool(file.checked) for file in new)
    details = (
        ("folder", str(output_dir)),
        ("files", f"{len(files)} ({size_text(sum(file.size for file in files))})"),
        ("already complete", str(len(files) - len(new))),
        ("received", size_text(received)),
        *([("verified by a server checksum", f"{checked} of {len(new)}")] if new else []),
    )
    return OperationResult(summary, data, details if files else ())
