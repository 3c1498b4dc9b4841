"""JSON payloads of the verbs that transfer files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from psyche_cli.payload_types import Constraint, Unsigned

Checks = Annotated[
    list[Literal["sha256", "md5", "crc32c"]],
    "The checksums of the server that were compared and match; empty if it sent none.",
]
Sha256 = Annotated[str, Constraint(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class DownloadedFile:
    """A file of the run that is complete in the folder."""

    path: Annotated[str, "Path below the folder, with slashes."]
    size: Annotated[Unsigned, "In bytes."]
    sha256: Sha256
    status: Annotated[
        Literal["downloaded", "already_complete"],
        "already_complete: an earlier download, or another program, has stored the same content.",
    ]
    resumed_from: Annotated[Unsigned, "Bytes that an interrupted download had already stored."]
    checked: Checks


@dataclass(frozen=True)
class DownloadData:
    """The files of a run that were downloaded."""

    run_id: str
    service: Annotated[str, "Scheme, host and port of the service."]
    folder: Annotated[str, "The folder with the files."]
    received_bytes: Annotated[Unsigned, "Bytes received by this command."]
    files: list[DownloadedFile]


@dataclass(frozen=True)
class UploadedFile:
    """A file that the service has."""

    path: Annotated[str, "Path that the service received, with slashes."]
    size: Annotated[Unsigned, "In bytes."]
    sha256: Sha256
    status: Annotated[
        Literal["uploaded", "already_uploaded"],
        "already_uploaded: an earlier command has uploaded the same content, so it was not sent again.",
    ]
    checked: Checks


@dataclass(frozen=True)
class UploadData:
    """The files that were uploaded for a run."""

    run_id: str
    service: Annotated[str, "Scheme, host and port of the service."]
    source: Annotated[str, "The file or folder."]
    sent_bytes: Annotated[Unsigned, "Bytes sent by this command, including repeated attempts."]
    files: list[UploadedFile]
