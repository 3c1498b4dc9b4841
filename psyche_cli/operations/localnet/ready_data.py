"""The JSON payload of ``localnet`` itself, in a module that is imported quickly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from psyche_cli.payload_types import Unsigned


@dataclass(frozen=True)
class ReadyData:
    """A local validator that is ready for requests."""

    rpc_url: str
    ws_url: Annotated[str, "WebSocket URL of PubSub."]
    pid: Annotated[Unsigned, "Process id of the validator."]
