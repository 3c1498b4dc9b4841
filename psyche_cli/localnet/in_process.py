"""The local validator without sockets: a transport straight into its dispatcher, for tests."""

from __future__ import annotations

from psyche_cli.environment import Clock, SystemClock
from psyche_cli.errors import Unreachable
from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.timekeeping import Timekeeper
from psyche_cli.localnet.rpc.context import RpcContext
from psyche_cli.localnet.rpc.dispatcher import Dispatcher


class InProcessTransport:
    """A ``psyche_cli.transport.Transport`` to a dispatcher of this process."""

    def __init__(self, dispatcher: Dispatcher, *, label: str = "in-process") -> None:
        self._dispatcher = dispatcher
        self._label = label
        self._open = True

    @property
    def label(self) -> str:
        """A name to show in place of an address."""
        return self._label

    def send(self, body: bytes, *, timeout: float) -> bytes:  # noqa: ARG002 -- answers at once
        """Answer a JSON-RPC request body. Raises Unreachable after ``close``."""
        if not self._open:
            raise Unreachable(f"{self._label} is closed.")
        return self._dispatcher.handle(body)

    def close(self) -> None:
        """Refuse further calls; the dispatcher lives on."""
        self._open = False


def create_dispatcher(genesis: Genesis | None = None, *, clock: Clock | None = None) -> Dispatcher:
    """A new chain with the Psyche programs (or another ``genesis``), ready to answer. Raises BadProgram."""
    return Dispatcher(RpcContext(Bank(genesis or Genesis(), Timekeeper(clock or SystemClock()))))
