"""JSON payloads of ``workers daemon``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from psyche_cli.payload_types import Unsigned


@dataclass(frozen=True)
class DaemonReadyData:
    """A worker daemon that accepts calls."""

    address: Annotated[str, "Its address as a gRPC target: `unix:PATH` or `HOST:PORT`."]
    pid: Annotated[Unsigned, "Its process id."]
    folder: Annotated[str, "The folder of the workers."]
    token_path: Annotated[str, "The file with the token that calls of the owner must carry."]
    log_path: Annotated[str, "Its log."]
    workers: Annotated[Unsigned, "The number of workers that were adopted from an earlier daemon."]
