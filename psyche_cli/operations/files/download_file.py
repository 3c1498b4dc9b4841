"""The download of one file: continues a partial file, verifies the content, and gives it its final name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO, Final

from psyche_cli.errors import BadServiceResponse, HttpStatusError, PsycheError, TimedOut, Unreachable
from psyche_cli.operations.files.checksums import Algorithm, Checksums, Digests, checksums_of
from psyche_cli.operations.files.exchange import Answer
from psyche_cli.operations.files.payloads import DownloadedFile
from psyche_cli.operations.files.record import Download
from psyche_cli.operations.files.server_paths import ServerPath
from psyche_cli.operations.files.service import needs_new_url
from psyche_cli.operations.files.target_folder import TargetFile, TargetFolder
from psyche_cli.operations.files.transfers import Transfers

if TYPE_CHECKING:
    from psyche_cli.operations.files.download import Listing

_PROGRESS: Final = 1024 * 1024
"""Bytes beyond the furthest position so far after which a failed attempt counts as progress."""

_RANGE: Final = re.compile(r"bytes ([0-9]{1,19})-[0-9]{1,19}/([0-9]{1,19})", re.IGNORECASE)
"""Content-Range with the first byte and the size of the whole file."""


class FileDownload:
    """The download of one file. ``received`` is the number of bytes received."""

    def __init__(
        self,
        transfers: Transfers,
        folder: TargetFolder,
        path: ServerPath,
        *,
        listing: Listing,
        may_replace: Callable[[str], None],
    ) -> None:
        self._transfers = transfers
        self._folder = folder
        self._path = path
        self._listing = listing
        self._may_replace = may_replace
        self._restarts = 0
        self._renewals = 0
        self._position = self._furthest = 0
        self.received = 0

    def run(self) -> DownloadedFile:
        """Download the file unless it is already complete. Raises NetworkError, FileError, NotConfirmed."""
        retries = self._transfers.retries()
        record = self._transfers.record
        if record.download(self._folder.path, self._path.text) is None:
            self._discard_partial()  # from now on, what is in the folder may be from this download
        with self._folder.file(self._path) as target:
            while True:
                try:
                    return self._attempt(target)
                except _StartAgain as reason:
                    self._restarts += 1
                    if self._restarts > 1:
                        raise reason.error from None
                    self._transfers.environment.progress(f"{reason.error.message} Starting {self._path.text} again.")
                except PsycheError as error:
                    # A file that starts again does not make progress until it is beyond where it was.
                    if self._position - self._furthest >= _PROGRESS:
                        self._furthest = self._position
                        retries.progressed()
                        self._renewals = 0
                    if needs_new_url(error):
                        self._renew(error)
                    else:
                        retries.pause(error)

    def _renew(self, error: PsycheError) -> None:
        """Request new URLs, because the current one was rejected; once without progress."""
        self._renewals += 1
        if self._renewals > 1:
            error.hint = "A new URL was also rejected."
            raise error
        self._transfers.environment.progress(f"Requesting a new URL for {self._path.text}.")
        self._listing.renew(self._path)

    def _attempt(self, target: TargetFile) -> DownloadedFile:
        transfers, path = self._transfers, self._path
        known = transfers.record.download(self._folder.path, path.text)
        existing = target.existing()
        headers, offset = {}, 0
        if known is not None and known.sha256 is None and _is_strong(known.tag):
            offset = target.partial_size
        if offset > 0:
            headers = {"Range": f"bytes={offset}-", "If-Range": known.tag if known else ""}
        elif known is not None and known.tag and _is_unchanged(target, existing, known):
            headers = {"If-None-Match": known.tag}
        url = self._listing.url(path)
        transfers.progress.begin(path.text)
        shown = (path.text, str(target.shown), transfers.run_id)
        with (
            transfers.environment.redactor.hiding_url(url, shown),
            transfers.http.request("GET", url, headers) as answer,
        ):
            if answer.status == HTTPStatus.NOT_MODIFIED and "If-None-Match" in headers and known is not None:
                return self._complete(known.size or 0, known.sha256 or "", [])
            if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and offset > 0:
                self._discard_partial()
                raise _StartAgain(answer.failure())
            if answer.status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
                raise answer.failure()
            is_range = answer.status == HTTPStatus.PARTIAL_CONTENT
            size = self._size_in_range(answer, offset, known.tag if known else "") if is_range else answer.length
            checksums = checksums_of(answer.headers, "part" if is_range else "file")
            if existing is not None:
                same = None if is_range else self._same(target, existing, answer, checksums)
                if same is not None:
                    return same
                self._may_replace(
                    f"The file {target.shown} already exists with different content and will be replaced."
                )
            return self._receive(target, answer, checksums, offset if is_range else 0, size)

    def _discard_partial(self) -> None:
        self._transfers.record.downloaded(self._folder.path, self._path.text, Download(""))

    def _size_in_range(self, answer: Answer, offset: int, tag: str) -> int:
        """The size of the whole file in a partial response, which must continue the partial file."""
        found = _RANGE.fullmatch(answer.headers.get("content-range", ""))
        if found is None or offset == 0 or int(found[1]) != offset or answer.headers.get("etag", tag) != tag:
            raise self._wrong_part(answer)
        return int(found[2])

    def _wrong_part(self, answer: Answer) -> _StartAgain:
        self._discard_partial()
        return _StartAgain(
            BadServiceResponse(
                f"{answer.label} sent a different part of {self._path.text} than requested.",
                endpoint=answer.label,
                path=self._path.text,
            )
        )

    def _same(
        self, target: TargetFile, existing: os.stat_result, answer: Answer, checksums: Checksums
    ) -> DownloadedFile | None:
        """The existing file, if a server checksum proves that it has the same content."""
        if answer.length != existing.st_size or not (checksums.expected or checksums.tag_md5):
            return None
        digests = Digests(with_crc32c=checksums.needs_crc32c)
        with target.open() as file:
            digests.read(file)
        checked = checksums.matches(digests)
        if not checked:
            return None
        self._remember(answer, digests, existing)
        return self._complete(digests.size, digests.sha256, checked)

    def _complete(self, size: int, digest: str, checked: list[Algorithm]) -> DownloadedFile:
        return DownloadedFile(
            path=self._path.text, size=size, sha256=digest, status="already_complete", resumed_from=0, checked=checked
        )

    def _remember(self, answer: Answer, digests: Digests, status: os.stat_result) -> None:
        download = Download(answer.headers.get("etag", ""), digests.size, digests.sha256, status.st_mtime_ns)
        self._transfers.record.downloaded(self._folder.path, self._path.text, download)

    def _receive(
        self, target: TargetFile, answer: Answer, checksums: Checksums, offset: int, size: int | None
    ) -> DownloadedFile:
        if answer.length is not None:
            target.check_space(answer.length)
        digests = Digests(with_crc32c=checksums.needs_crc32c)
        with target.open_partial() as file:
            digests.read(file, offset)
            file.seek(offset)
            file.truncate()
            if offset == 0:
                tag = answer.headers.get("etag", "")
                self._transfers.record.downloaded(self._folder.path, self._path.text, Download(tag))
            self._stream(answer, file, digests, offset)
            if size not in (None, digests.size):  # a server may send less than the rest of the file
                raise self._wrong_part(answer)
            self._verify(answer, checksums, digests, file)
            self._remember(answer, digests, target.finish(file))
        checked = checksums.matches(digests)
        return DownloadedFile(
            path=self._path.text,
            size=digests.size,
            sha256=digests.sha256,
            status="downloaded",
            resumed_from=offset,
            checked=checked,
        )

    def _stream(self, answer: Answer, file: BinaryIO, digests: Digests, offset: int) -> None:
        progress, length = self._transfers.progress, answer.length
        progress.begin(self._path.text, None if length is None else offset + length, offset)
        self._position = offset
        try:
            for piece in answer.pieces():
                self.received += len(piece)
                self._position += len(piece)
                digests.update(piece)
                file.write(piece)
                progress.advance(len(piece))
        except (Unreachable, TimedOut):
            file.flush()  # a partial file without an entity tag cannot be continued, but is kept
            raise

    def _verify(self, answer: Answer, checksums: Checksums, digests: Digests, file: BinaryIO) -> None:
        """Compare the content with the checksums of the server. Content that does not match is discarded."""
        wrong = checksums.mismatch(digests)
        if wrong is None:
            return
        file.seek(0)
        file.truncate()
        self._discard_partial()
        raise _StartAgain(
            BadServiceResponse(
                f"The content of {self._path.text} does not match the {_ALGORITHMS[wrong]} checksum "
                f"sent by {answer.label}.",
                endpoint=answer.label,
                path=self._path.text,
                checksum=wrong,
            )
        )


_ALGORITHMS: Final[dict[Algorithm, str]] = {"sha256": "SHA-256", "md5": "MD5", "crc32c": "CRC-32C"}


class _StartAgain(Exception):
    """The partial file is of no use, so that the file must be requested again from its first byte."""

    def __init__(self, error: BadServiceResponse | HttpStatusError) -> None:
        super().__init__()
        self.error = error


def _is_strong(tag: str) -> bool:
    """Whether an entity tag changes with every byte of the content."""
    return tag.startswith('"')


def _is_unchanged(target: TargetFile, existing: os.stat_result | None, known: Download) -> bool:
    """Whether the existing file is the one that was downloaded: same size, and same modification time or content."""
    if existing is None or existing.st_size != known.size:
        return False
    if existing.st_mtime_ns == known.modified:
        return True
    digests = Digests()
    with target.open() as file:
        digests.read(file)
    return digests.sha256 == known.sha256
