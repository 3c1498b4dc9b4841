"""``upload-data``: files for a run."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Final, Literal

from psyche_cli.errors import BadServiceResponse, FileError, PsycheError
from psyche_cli.operations.files.checksums import PIECE, Algorithm, Digests, checksums_of
from psyche_cli.operations.files.local_files import LocalFile, list_files
from psyche_cli.operations.files.payloads import UploadData, UploadedFile
from psyche_cli.operations.files.progress import count_of_files, size_text
from psyche_cli.operations.files.service import needs_new_url
from psyche_cli.operations.files.transfers import Transfers
from psyche_cli.results import OperationResult

_STORED: Final = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT})


def upload_data(transfers: Transfers, source: Path) -> OperationResult[UploadData]:
    """Upload a file, or all files of a folder with their paths below it.

    A file that an earlier command has uploaded to the same path with the same content is not sent again. A presigned
    URL accepts a file only as a whole, so an interrupted file starts again at its first byte.

    Raises NetworkError, FileError, and Interrupted; the hint says how many files are complete.
    """
    found = list_files(source)
    progress = transfers.progress
    progress.total = len(found)
    files: list[UploadedFile] = []
    sent = 0
    with transfers.reporting():
        for one in found:
            upload = _FileUpload(transfers, one)
            files.append(upload.run())
            sent += upload.sent
            done = "Uploaded" if files[-1].status == "uploaded" else "Already uploaded:"
            progress.finish(f"{done} {one.path} ({size_text(files[-1].size)}), {progress.complete + 1} of {len(found)}")
    return _result(transfers, source, files, sent)


class _FileUpload:
    """The upload of one file. ``sent`` is the number of bytes sent."""

    def __init__(self, transfers: Transfers, file: LocalFile) -> None:
        self._transfers = transfers
        self._file = file
        self._was_rejected = False
        self.sent = 0

    def run(self) -> UploadedFile:
        """Upload the file unless it is already uploaded."""
        record, path = self._transfers.record, self._file.path
        before = Digests()
        for piece in self._pieces():
            before.update(piece)
        if record.is_uploaded(path, before.size, before.sha256):
            return self._done("already_uploaded", before, [])
        record.forget_upload(path)
        retries = self._transfers.retries()
        while True:
            try:
                checked = self._attempt(before)
            except PsycheError as error:
                if needs_new_url(error):
                    self._once_more(error)
                else:
                    retries.pause(error)
                continue
            record.uploaded(path, before.size, before.sha256)
            return self._done("uploaded", before, checked)

    def _once_more(self, error: PsycheError) -> None:
        """Continue with a new URL, because the storage server rejected the current one; once."""
        if self._was_rejected:
            error.hint = "A new URL was also rejected."
            raise error
        self._was_rejected = True
        self._transfers.environment.progress(f"Requesting a new URL for {self._file.path}.")

    def _attempt(self, before: Digests) -> list[Algorithm]:
        """Send the file once. Returns the checksums that the server confirmed."""
        transfers, path = self._transfers, self._file.path
        url = transfers.service.upload(path)
        sent = Digests()
        # No checksum is sent: a header that the URL's signature does not cover may invalidate it.
        headers = {"Content-Type": "application/octet-stream"}
        transfers.progress.begin(path, before.size)
        with (
            transfers.environment.redactor.hiding_url(url, (path, str(self._file.local), transfers.run_id)),
            transfers.http.request("PUT", url, headers, self._body(before, sent), size=before.size) as answer,
        ):
            if answer.status not in _STORED:
                raise answer.failure()
            checksums = checksums_of(answer.headers, "upload")
            wrong = checksums.mismatch(sent)
            if wrong is not None:
                raise BadServiceResponse(
                    f"{answer.label} stored {path} with a different {wrong} checksum than that of the content sent.",
                    endpoint=answer.label,
                    path=path,
                    checksum=wrong,
                )
            return checksums.matches(sent)

    def _body(self, before: Digests, sent: Digests) -> Iterator[bytes]:
        """The content, with progress. Raises FileError if it is not the content that ``before`` describes."""
        for piece in self._pieces():
            sent.update(piece)
            # The last bytes are only sent if the file has not changed.
            if sent.size >= before.size and (sent.size, sent.sha256) != (before.size, before.sha256):
                raise self._changed()
            self.sent += len(piece)
            self._transfers.progress.advance(len(piece))
            yield piece
        if sent.size < before.size:
            raise self._changed()

    def _changed(self) -> FileError:
        return FileError(
            f"{self._file.local} changed while it was uploaded.",
            hint="Wait until no other program writes to it.",
            path=str(self._file.local),
        )

    def _pieces(self) -> Iterator[bytes]:
        try:
            with self._file.local.open("rb") as file:
                while piece := file.read(PIECE):
                    yield piece
        except OSError as error:
            raise FileError(f"Cannot read {self._file.local}: {error.strerror}.", path=str(self._file.local)) from error

    def _done(
        self, status: Literal["uploaded", "already_uploaded"], digests: Digests, checked: list[Algorithm]
    ) -> UploadedFile:
        return UploadedFile(self._file.path, digests.size, digests.sha256, status, checked)


def _result(transfers: Transfers, source: Path, files: list[UploadedFile], sent: int) -> OperationResult[UploadData]:
    data = UploadData(
        run_id=transfers.run_id, service=transfers.service.label, source=str(source), sent_bytes=sent, files=files
    )
    new = [file for file in files if file.status == "uploaded"]
    if new:
        summary = f"Uploaded {count_of_files(len(new))} for run {transfers.run_id}."
    else:
        summary = f"All {count_of_files(len(files))} for run {transfers.run_id} were already uploaded."
    checked = sum(bool(file.checked) for file in new)
    details = (
        ("source", str(source)),
        ("files", f"{len(files)} ({size_text(sum(file.size for file in files))})"),
        ("already uploaded", str(len(files) - len(new))),
        ("sent", size_text(sent)),
        *([("verified by a server checksum", f"{checked} of {len(new)}")] if new else []),
    )
    return OperationResult(summary, data, details)
