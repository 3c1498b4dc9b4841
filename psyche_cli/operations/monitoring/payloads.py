"""JSON payloads of ``metrics``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from psyche_cli.payload_types import Unsigned


@dataclass(frozen=True)
class MetricsReadyData:
    """A server of metrics that is ready for requests."""

    url: Annotated[str | None, "URL of the metrics; null if only --textfile is written."]
    textfile: Annotated[str | None, "The file that is written; null without one."]
    token_file: Annotated[str | None, "The file with the token that requests must have; null if they need none."]
    pid: Annotated[Unsigned, "Process id of the server."]


@dataclass(frozen=True)
class MetricsData:
    """Metrics that were read once."""

    runs: Annotated[Unsigned, "Number of runs that were read."]
    unreadable: Annotated[list[str], "Ids of the runs that do not exist or cannot be decoded."]
    textfile: Annotated[str | None, "The file that was written; null without one."]
    text: Annotated[str | None, "The metrics in the text format of Prometheus; null with --textfile."]


@dataclass(frozen=True)
class MetricsFileData:
    """A file for Grafana or Prometheus."""

    name: str
    content: Annotated[str, "JSON for Grafana, YAML for Prometheus."]
