"""The local validator without sockets, for tests: a transport that calls its dispatcher directly."""

from __future__ import annotations

from weakref import WeakSet

from psyche_cli.environment import Clock, SystemClock
from psyche_cli.errors import Unreachable
from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.timekeeping import Timekeeper
from psyche_cli.localnet.rpc.context import RpcContext
from psyche_cli.localnet.rpc.dispatcher import Dispatcher
from psyche_cli.localnet.validator import Validator, not_running


class InProcessTransport:
    """A ``psyche_cli.transport.Transport`` to a dispatcher in this process."""

    def __init__(self, dispatcher: Dispatcher, *, label: str = "in-process") -> None:
        self._dispatcher = dispatcher
        self._label = label
        self._open = True

    @property
    def label(self) -> str:
        """A name to display in place of an address."""
        return self._label

    def send(self, body: bytes, *, timeout: float) -> bytes:  # noqa: ARG002 -- answers immediately
        """Answer a JSON-RPC request body. Raises Unreachable after ``close``."""
        if not self._open:
            raise Unreachable(f"{self._label} is closed.")
        return self._dispatcher.handle(body)

    def close(self) -> None:
        """Reject further requests; the dispatcher remains usable."""
        self._open = False


def create_dispatcher(genesis: Genesis | None = None, *, clock: Clock | None = None) -> Dispatcher:
    """A dispatcher for a new chain with the Psyche programs (or another ``genesis``). Raises BadProgram."""
    return Dispatcher(RpcContext(Bank(genesis or Genesis(), Timekeeper(clock or SystemClock()))))


class InProcessValidator(Validator):
    """A local validator without sockets or threads, usable only from the thread that created it.

    ``genesis`` is the initial state of the chain (default: with the Psyche programs), ``clock`` the cluster's time.

    ::

        with InProcessValidator() as validator:
            validator.call("localnet_warpSeconds", 3600)

    Raises BadProgram if a program of ``genesis`` is missing or rejected by the VM.
    """

    def __init__(self, genesis: Genesis | None = None, *, clock: Clock | None = None) -> None:
        self.dispatcher = create_dispatcher(genesis, clock=clock)
        self._transports: WeakSet[InProcessTransport] = WeakSet()
        self._open = True

    def __enter__(self) -> InProcessValidator:
        return self

    def open_transport(self) -> InProcessTransport:
        """A new transport to the validator. Raises LocalnetError after ``close``."""
        if not self._open:
            raise not_running()
        transport = InProcessTransport(self.dispatcher)
        self._transports.add(transport)
        return transport

    def close(self) -> None:
        """Reject further requests; open transports raise Unreachable."""
        self._open = False
        for transport in self._transports:
            transport.close()
