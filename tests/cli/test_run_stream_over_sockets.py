"""The stream of a run over real sockets: a validator that restarts, and WebSockets that end or become silent."""

from __future__ import annotations

import io
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from psyche_cli.environment import Environment, SystemClock
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator
from psyche_cli.model.states import CoordinatorState
from psyche_cli.operations.sessions import reading_session
from psyche_cli.operations.status.observation import Observation
from psyche_cli.operations.status.stream import RunStream
from psyche_cli.operations.status.wakeups import Pace
from psyche_cli.solana.rpc.http import HttpTransport
from psyche_cli.solana.rpc.websocket import open_websocket
from psyche_cli.solana.wallet import Wallet
from tests.support.patience import PATIENCE
from tests.support.run_driver import RunDriver

QUICK = Pace(poll=0.2, idle=0.3, pong=0.3, late=0.5, first_retry=0.05, longest_retry=0.2)
SOL = 10**9


class TcpProxy:
    """Passes bytes between its clients and a server. ``swallows`` them instead if that is set."""

    def __init__(self, port: int) -> None:
        self.swallows = False
        self._port = port
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def _start(self, target: Callable[..., None], *args: socket.socket) -> None:
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._port))
                except OSError:
                    client.close()
                    continue
                self._pairs.append((client, server))
                for pair in ((client, server), (server, client)):
                    self._start(self._pass_on, *pair)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not self.swallows:
                    target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def end(self, how: int) -> None:
        """Shut down the connections to the clients: SHUT_WR leaves them half open."""
        for client, _ in self._pairs:
            with suppress(OSError):
                client.shutdown(how)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.end(socket.SHUT_RDWR)
        for pair in self._pairs:
            for one in pair:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for pair in self._pairs:
            for one in pair:
                one.close()


class Stage:
    """A validator with a ledger, a proxy of its PubSub, and a run. ``expected`` are the states after each action."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        self._owner = Wallet.generate()
        self._port = 0
        self.start()
        self.proxy = TcpProxy(self._port + 1)
        stack.callback(self.proxy.close)
        transport = HttpTransport(self.url)
        stack.callback(transport.close)
        self.run = RunDriver(transport, self._owner).create()
        self.run.add_members(3)
        self.expected: list[CoordinatorState] = []

    def start(self) -> None:
        genesis = Genesis(balances={self._owner.address: 100 * SOL})
        options = LocalnetOptions(genesis, self._port, ledger=self._folder)
        self.validator = LocalValidator(options)
        self.validator.start()
        self.url = self.validator.rpc_url
        self._port = int(urlsplit(self.url).port or 0)
        self._stack.callback(self.validator.close)

    def restart(self) -> None:
        """The validator stops, and continues its ledger."""
        self.validator.close()
        self.start()

    def act(self, *actions: Callable[[], object]) -> None:
        """Let the owner or a member act, and record the state after each action."""
        for action in actions:
            action()
            self.expected.append(self.run.state)

    @contextmanager
    def stream(self) -> Iterator[RunStream]:
        environment = Environment(
            io.StringIO(), io.StringIO(), io.StringIO(), os.environ, self._folder, SystemClock(), HttpTransport,
            open_websocket=lambda url, timeout: open_websocket(url, {}, timeout=timeout),
        )  # fmt: skip
        with (
            reading_session(environment, rpc=self.url, ws_rpc=self.proxy.url) as session,
            RunStream(session, "test", pace=QUICK) as stream,
        ):
            yield stream


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield Stage(stack, tmp_path / "ledger")


def restart(stage: Stage) -> None:
    stage.restart()


def silence(stage: Stage) -> None:
    stage.proxy.swallows = True


def end_half(stage: Stage) -> None:
    stage.proxy.end(socket.SHUT_WR)


def end(stage: Stage) -> None:
    stage.proxy.end(socket.SHUT_RDWR)


def nothing(stage: Stage) -> None:
    """The reader is just slow."""


@pytest.mark.parametrize("fault", [restart, silence, end_half, end, nothing])
def test_no_state_is_lost_or_repeated(stage: Stage, fault: Callable[[Stage], None]) -> None:
    run = stage.run
    with stage.stream() as stream:
        seen: list[CoordinatorState] = []

        def read(count: int, notice: str = "") -> None:
            while len(seen) < count or notice not in ["", *kinds]:
                item = stream.next(PATIENCE)
                assert item is not None, (len(seen), count)
                if isinstance(item, Observation):
                    seen.append(item.state)
                else:
                    kinds.append(item.kind)

        kinds: list[str] = []
        read(1)
        stage.act(run.resume, lambda: run.join(0))
        read(3)
        assert kinds == ["connected"]
        stage.act(lambda: run.join(1))
        fault(stage)
        stage.act(lambda: run.join(2), lambda: run.tick(5), lambda: run.tick(1))
        read(1 + len(stage.expected), "" if fault is nothing else "lost")
        stage.proxy.swallows = False
        stage.act(lambda: run.set_rates(5))
        read(1 + len(stage.expected))
    assert seen[1:] == stage.expected
    assert not {"gap", "rolled_back", "closed"} & {*kinds}
