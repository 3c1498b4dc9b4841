"""The local validator as one object, served in the foreground or in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from psyche_cli.environment import Clock, SystemClock
from psyche_cli.errors import LocalnetError
from psyche_cli.limits import BLOCKHASH_MAX_AGE, LOCAL_RPC_PORT
from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.history import DEFAULT_CAPACITY
from psyche_cli.localnet.chain.timekeeping import DEFAULT_SLOT_SECONDS, ClockMode, Timekeeper
from psyche_cli.localnet.chain.vm_accounts import AccountRefused
from psyche_cli.localnet.rpc.context import RpcContext, no_log
from psyche_cli.localnet.rpc.dispatcher import Dispatcher
from psyche_cli.localnet.server.http import LocalServer
from psyche_cli.localnet.server.ports import bind_pair
from psyche_cli.localnet.validator import Validator, not_running

if TYPE_CHECKING:
    from psyche_cli.localnet.storage.ledger import Ledger
    from psyche_cli.transport import Transport


@dataclass(frozen=True)
class LocalnetOptions:
    """Options of a local validator.

    ``rpc_port`` 0 selects any free pair of ports. With ``slot_seconds`` 0, slots end only by warping and after
    transactions. ``log`` receives a line per transaction, and with ``log_requests`` also one per request and per
    program log line; ``notice`` receives important lines: damage of a ledger and internal errors. ``history_capacity``
    is the number of transactions to keep. ``ledger`` is a folder for the chain; with ``reset`` its content is
    discarded.
    """

    genesis: Genesis = field(default_factory=Genesis)
    rpc_port: int = LOCAL_RPC_PORT
    slot_seconds: float = DEFAULT_SLOT_SECONDS
    clock_mode: ClockMode = field(default_factory=ClockMode)
    clock: Clock = field(default_factory=SystemClock)
    first_slot: int = 1
    history_capacity: int = DEFAULT_CAPACITY
    log: Callable[[str], None] = no_log
    notice: Callable[[str], None] = no_log
    log_requests: bool = False
    ledger: Path | None = None
    reset: bool = False


def create_server(options: LocalnetOptions) -> LocalServer:
    """Load the programs, continue from the ledger if one is given, and bind the ports.

    Raises BadProgram, PortInUse, UsageError or LocalnetError.
    """
    ports = bind_pair(options.rpc_port)
    try:
        ledger, bank = _create_bank(options)
    except BaseException:
        for bound in ports:
            bound.close()
        raise
    rpc_address, pubsub_address = ("{}:{}".format(*bound.getsockname()) for bound in ports)
    context = RpcContext(
        bank,
        log=options.log,
        notice=options.notice,
        log_requests=options.log_requests,
        ledger=options.ledger,
        rpc_address=rpc_address,
        pubsub_address=pubsub_address,
    )
    return LocalServer(Dispatcher(context), ports, on_stop=ledger.close if ledger else None)


def _create_bank(options: LocalnetOptions) -> tuple[Ledger | None, Bank]:
    timekeeper = Timekeeper(options.clock, slot_seconds=options.slot_seconds, mode=options.clock_mode)
    if options.ledger is None:
        bank = Bank(
            options.genesis, timekeeper, first_slot=options.first_slot, history_capacity=options.history_capacity
        )
        return None, bank
    from psyche_cli.localnet.storage.ledger import Ledger

    ledger = Ledger(options.ledger, reset=options.reset, notice=options.notice)
    try:
        return ledger, open_bank(ledger, options, timekeeper)
    except BaseException:
        ledger.close()
        raise


def open_bank(ledger: Ledger, options: LocalnetOptions, timekeeper: Timekeeper) -> Bank:
    """The chain stored in the ledger, or a new one, with all changes recorded. Raises LocalnetError, BadProgram."""
    stored = ledger.load()
    if stored is None:
        bank = Bank(
            options.genesis,
            timekeeper,
            first_slot=options.first_slot,
            history_capacity=options.history_capacity,
            archive=ledger.archive,
        )
        options.notice("ledger: starting a new chain")
    else:
        timekeeper.continue_from(stored.until.unix_time - stored.until.warped_seconds)
        # The height continues past the validity of every earlier blockhash, so that clients see these expire.
        bank = Bank(
            replace(options.genesis, blockhash=stored.genesis_hash),
            timekeeper,
            first_slot=max(stored.until.slot + 1, options.first_slot),
            first_height=stored.until.height + BLOCKHASH_MAX_AGE + 1,
            history_capacity=options.history_capacity,
            archive=ledger.archive,
        )
        try:
            bank.resume(stored.accounts, stored.until.warped_seconds)
        except AccountRefused as error:
            raise LocalnetError(
                f"Cannot load an account from the ledger: {error}.",
                hint="Use the version of psyche-cli that wrote it, or start a new chain with --reset.",
            ) from error
        stored.continue_in(bank.history)
        count = "1 transaction" if bank.history.total == 1 else f"{bank.history.total} transactions"
        options.notice(f"ledger: continuing at slot {bank.slot} after {count}")
    ledger.attach(bank)
    return bank


class LocalValidator(Validator):
    """A local validator in a thread of this process, by default on any free pair of ports.

    ::

        with LocalValidator() as validator:
            client = solana.rpc.api.Client(validator.rpc_url)

    On entering, it raises the errors of :func:`create_server`.
    """

    def __init__(self, options: LocalnetOptions | None = None) -> None:
        self._options = options or LocalnetOptions(rpc_port=0)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._server: LocalServer | None = None

    def __enter__(self) -> LocalValidator:
        self.start()
        return self

    @property
    def rpc_url(self) -> str:
        """The URL of the JSON-RPC server."""
        return self._started().rpc_url

    @property
    def ws_url(self) -> str:
        """The URL of the PubSub server."""
        return self._started().ws_url

    def open_transport(self) -> Transport:
        """A new HTTP transport to the validator, to be closed by the caller."""
        from psyche_cli.solana.rpc.http import HttpTransport

        return HttpTransport(self.rpc_url)

    def _started(self) -> LocalServer:
        if self._server is None:
            raise not_running()
        return self._server

    def start(self) -> None:
        """Start serving; returns once requests are accepted."""
        self._thread = threading.Thread(target=self._run, name="local-validator", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def close(self) -> None:
        """Stop serving and release the ports."""
        if self._thread is None:
            return
        if self._loop is not None and self._stop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._thread = None
        self._server = None

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        started = asyncio.Event()
        # The VM can only be used in the thread that created it.
        self._server = create_server(self._options)
        serving = asyncio.create_task(self._server.serve(started, self._stop))
        await started.wait()
        self._ready.set()
        await serving
