"""What both ends of the worker service agree on. Importing this module does not import grpc."""

from __future__ import annotations

import os
from typing import Final, Literal, TypeAlias

from psyche_cli.errors import WorkersError
from psyche_cli.extras import install_hint

TurnKind: TypeAlias = Literal["act", "work"]
"""What a worker does in a turn: look at its run and do what is due, or compute."""

PROTOCOL_VERSION: Final = 2
"""The version of the service. The daemon accepts calls of this version only."""

TOKEN: Final = "authorization"
"""The metadata with the token of a call."""
RUN_ID: Final = "run-id"
WORKER_ID: Final = "worker-id"
PROTOCOL: Final = "psyche-protocol"
"""The metadata with the version of the caller. Version 1 did not send it."""
ERROR: Final = "psyche-error"
"""The trailing metadata of a failed call: the code of the error."""
HINT: Final = "psyche-hint-bin"
"""The trailing metadata of a failed call: what the user can do about it, in UTF-8."""

MOST_MESSAGE_BYTES: Final = 4 << 20
"""The maximum size of a message. A submission may have 1 MiB, and a batch of telemetry must fit as well."""
MOST_CHARACTERS_OF_LINES: Final = MOST_MESSAGE_BYTES // 8
"""The maximum number of characters in the lines of a message with telemetry, unless it has only one line."""
FIRST_CONTROL_CREDITS: Final = 64
"""How many control events a worker accepts before it gives new credits."""
MOST_SOCKET_PATH: Final = 103
"""The maximum length of a Unix socket's path in bytes on all systems; Linux allows 107."""

RUN_VARIABLE: Final = "RUN_ID"
WORKER_VARIABLE: Final = "WORKER_ID"
CONFIG_VARIABLE: Final = "WORKER_CONFIG"
TARGET_VARIABLE: Final = "DAEMON_TARGET"
LAUNCH_TOKEN_VARIABLE: Final = "LAUNCH_TOKEN"
PUBLISH_TOKEN_VARIABLE: Final = "PUBLISH_TOKEN"
"""For the proxy, which removes it from the environment of the worker."""

_COMMON_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MOST_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MOST_MESSAGE_BYTES),
    # Without this, the sender of a stream runs megabytes ahead of a receiver that does not read.
    ("grpc.http2.bdp_probe", 0),
)
SERVER_OPTIONS: Final = (*_COMMON_OPTIONS, ("grpc.so_reuseport", 0))
CHANNEL_OPTIONS: Final = (
    *_COMMON_OPTIONS,
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.enable_http_proxy", 0),
    # Two channels of a process to the same daemon must not share a connection that is waiting to reconnect.
    ("grpc.use_local_subchannel_pool", 1),
)


def require_grpc() -> None:
    """Import grpc, which writes nothing to the standard error from then on. Raises WorkersError if it is missing."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        import google.protobuf  # noqa: F401
        import grpc  # noqa: F401
    except ImportError as error:
        raise WorkersError(
            "Workers need the packages grpcio and protobuf, which are not installed.",
            hint=install_hint("rehearse"),
        ) from error


def call_metadata(token: str, run_id: str = "", worker_id: str = "") -> tuple[tuple[str, str], ...]:
    """The metadata of a call with a token; those of workers and proxies have both ids."""
    ids = ((RUN_ID, run_id), (WORKER_ID, worker_id)) if run_id else ()
    return ((TOKEN, token), (PROTOCOL, str(PROTOCOL_VERSION)), *ids)
