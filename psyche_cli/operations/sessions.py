"""Sessions of operations on a cluster. Those that can write are in ``operations.signing``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from psyche_cli.environment import Clock, Environment, SystemClock
from psyche_cli.errors import UsageError
from psyche_cli.limits import LOCAL_RPC_URL
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.solana.endpoints import check_rpc_url, endpoint_label
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.deadline import Deadline
from psyche_cli.suggestions import NOTHING_GIVEN, GivenOptions

if TYPE_CHECKING:
    from psyche_cli.transport import WebSocket


class Feed(NamedTuple):
    """How a command follows an account: ``clock`` is for its pauses, and ``open_websocket`` opens a WebSocket
    within a number of seconds.

    The latter is None if there is none, so that the command polls. It raises NetworkError or UsageError.
    """

    clock: Clock
    open_websocket: Callable[[float], WebSocket] | None = None


class Session:
    """An RPC client, the program ids on its cluster, and a callback for progress messages.

    ``given`` holds the options that suggested commands must repeat. ``feed`` is for commands that follow an account.
    ``is_for_writing`` is whether it can send transactions. Then it rejects runs that psyche-cli cannot change.
    ``another_client`` opens a client with its own connections to the same endpoints, for use in another thread, until
    the end of the session; None if there is none.
    """

    is_for_writing: ClassVar[bool] = False

    def __init__(
        self,
        rpc: RpcClient,
        programs: ProgramIds,
        notify: Callable[[str], None],
        given: GivenOptions,
        feed: Feed | None = None,
        another_client: Callable[[], RpcClient] | None = None,
    ) -> None:
        self.another_client = another_client
        self.rpc = rpc
        self.programs = programs
        self.notify = notify
        self.given = given
        self.feed = feed or Feed(SystemClock())


@contextmanager
def reading_session(
    environment: Environment,
    *,
    rpc: str | Sequence[str] | None,
    given: GivenOptions = NOTHING_GIVEN,
    commitment: str | None = None,
    timeout: float | None = None,
    ws_rpc: str | None = None,
) -> Iterator[Session]:
    """Open a session without a wallet, at the endpoint or endpoints ``rpc`` or, if it is None, the default one.

    ``timeout`` limits the command, in seconds after its start. ``ws_rpc`` is the PubSub URL, by default the one that
    belongs to the first endpoint. Raises UsageError for an invalid URL.
    """
    feed = _feed(environment, rpc, ws_rpc)
    if rpc is None:
        rpc, commitment = _default_endpoint(environment, commitment)
    with ExitStack() as opened:
        client = opened.enter_context(connected(environment, rpc, commitment))
        if timeout is not None:
            client = client.within(Deadline(environment.clock, timeout, since=environment.started, total=True))
        yield Session(
            rpc=client,
            programs=PUBLISHED,
            notify=environment.progress,
            given=given,
            feed=feed,
            another_client=lambda: opened.enter_context(connected(environment, rpc, commitment)),
        )


def _feed(environment: Environment, rpc: str | Sequence[str] | None, ws_rpc: str | None) -> Feed:
    """How a command follows an account at these endpoints."""
    connect = environment.open_websocket
    if connect is None:
        return Feed(environment.clock)

    def open_websocket(timeout: float) -> WebSocket:
        url = _websocket_url(environment, rpc, ws_rpc)
        environment.redactor.learn_url(url)
        return connect(url, timeout)

    return Feed(environment.clock, open_websocket)


def _websocket_url(environment: Environment, rpc: str | Sequence[str] | None, ws_rpc: str | None) -> str:
    """The PubSub URL: the given one, else that of the Solana CLI if it chose the endpoint, else the derived one."""
    from psyche_cli.solana.endpoints import check_websocket_url, websocket_url

    if ws_rpc is not None:
        return check_websocket_url(ws_rpc)
    if rpc is None:
        from psyche_cli.solana.cli_config import read_solana_cli_config

        config = read_solana_cli_config(environment.solana_cli_config_path)
        if config.websocket_url is not None:
            return check_websocket_url(config.websocket_url)
        rpc = config.json_rpc_url or LOCAL_RPC_URL
    return websocket_url(check_rpc_url(rpc if isinstance(rpc, str) else rpc[0]))


@contextmanager
def connected(
    environment: Environment, rpc: str | Sequence[str] | None, commitment: str | None = None
) -> Iterator[RpcClient]:
    """Context manager for a client at a commitment, by default "confirmed", of one or several endpoints of a cluster.

    If ``rpc`` is None, the configuration of the Solana CLI decides: its ``json_rpc_url``, which is reported, and its
    ``commitment``. Without that, it is the local validator. Raises UsageError for an invalid URL or configuration.
    """
    if rpc is None:
        rpc, commitment = _default_endpoint(environment, commitment)
    commitment = commitment or "confirmed"
    urls = list(dict.fromkeys(check_rpc_url(url) for url in ([rpc] if isinstance(rpc, str) else rpc)))
    with ExitStack() as opened:
        transports = []
        for url in urls:
            environment.redactor.learn_url(url)
            transports.append(environment.requests.watch(environment.open_transport(url)))
            opened.callback(transports[-1].close)
        transport = transports[0]
        if len(transports) > 1:
            from psyche_cli.solana.rpc.failover import FailoverTransport

            transport = FailoverTransport(transports, environment.clock, commitment, environment.diagnostics.line)
        yield RpcClient(transport, environment.clock, commitment, waits=environment.waits)


def _default_endpoint(environment: Environment, commitment: str | None) -> tuple[str, str | None]:
    """The URL of the default endpoint, and the commitment: the given one, else that of the configuration, if any."""
    path = environment.solana_cli_config_path
    if not os.path.lexists(path):
        return LOCAL_RPC_URL, commitment
    from psyche_cli.solana.cli_config import read_solana_cli_config

    config = read_solana_cli_config(path)
    if config.json_rpc_url is None:
        return LOCAL_RPC_URL, commitment
    try:
        label = endpoint_label(check_rpc_url(config.json_rpc_url))
    except UsageError as error:
        error.hint = f"The URL is json_rpc_url in {path}. {error.hint}"
        raise
    if commitment is None and config.commitment != "processed":  # whose blocks may still be dropped
        commitment = config.commitment
    at = "" if commitment in (None, "confirmed") else f" with commitment {commitment}"
    environment.diagnostics.line(f"Using the cluster {label}{at}, from {path}.")
    return config.json_rpc_url, commitment
