"""Sessions of operations on a cluster. Those that can write are in ``operations.signing``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from psyche_cli.environment import Environment
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.solana.endpoints import check_rpc_url
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.suggestions import NOTHING_GIVEN, GivenOptions


class Session:
    """An RPC client, the program ids on its cluster, and a callback for progress messages.

    ``given`` holds the options that suggested commands must repeat.
    """

    def __init__(
        self, rpc: RpcClient, programs: ProgramIds, notify: Callable[[str], None], given: GivenOptions
    ) -> None:
        self.rpc = rpc
        self.programs = programs
        self.notify = notify
        self.given = given


@contextmanager
def reading_session(environment: Environment, *, rpc: str, given: GivenOptions = NOTHING_GIVEN) -> Iterator[Session]:
    """Open a session without a wallet. Raises UsageError for an invalid URL."""
    with connected(environment, rpc) as client:
        yield Session(
            rpc=client,
            programs=PUBLISHED,
            notify=environment.progress,
            given=given,
        )


@contextmanager
def connected(environment: Environment, rpc: str) -> Iterator[RpcClient]:
    """Context manager for a client of an endpoint. Raises UsageError for an invalid URL."""
    url = check_rpc_url(rpc)
    environment.redactor.learn_url(url)
    transport = environment.requests.watch(environment.open_transport(url))
    try:
        yield RpcClient(transport, environment.clock)
    finally:
        transport.close()
