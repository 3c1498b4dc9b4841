"""Sessions of the public API: an open endpoint, and for writes a wallet.

Each call of a ``psyche_cli.api`` function that takes a session is one operation. A write operation ends within 120
seconds, and ``sent`` and ``signature`` of its errors refer only to the transactions of that operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from psyche_cli.environment import Clock, SystemClock
from psyche_cli.errors import PsycheError
from psyche_cli.operations.elsewhere import Keys
from psyche_cli.operations.sessions import Feed
from psyche_cli.operations.sessions import Session as ReadOperation
from psyche_cli.operations.signing import SigningSession as WriteOperation
from psyche_cli.operations.signing import one_write
from psyche_cli.printable import printable
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.redaction import Redactor
from psyche_cli.solana.endpoints import check_rpc_url
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.http import HttpTransport
from psyche_cli.solana.sending.journal import Journal
from psyche_cli.solana.sending.recording import Recorder, intent_text
from psyche_cli.solana.wallet import Wallet, load_keypair_file
from psyche_cli.suggestions import NOTHING_GIVEN, GivenOptions
from psyche_cli.transport import Endpoint, Transport

Notify = Callable[[str], None]
"""Callback for one line of human-readable progress, without secrets."""


class Session:
    """A connection to an RPC endpoint for reading, created by ``open_session``. Not thread-safe."""

    def __init__(self, transport: Transport, *, notify: Notify, redactor: Redactor, clock: Clock) -> None:
        self._rpc = RpcClient(transport, clock)
        self._notify = notify
        self._redactor = redactor
        self._clock = clock

    @property
    def rpc(self) -> RpcClient:
        """The typed client for Solana's JSON-RPC methods."""
        return self._rpc

    @property
    def programs(self) -> ProgramIds:
        """The ids of the Psyche programs on the cluster."""
        return PUBLISHED

    @contextmanager
    def reading(self) -> Iterator[ReadOperation]:
        """Context manager for one read operation; redacts its errors."""
        with self._without_secrets():
            yield ReadOperation(
                rpc=self._rpc, programs=PUBLISHED, notify=self._notify, given=NOTHING_GIVEN, feed=Feed(self._clock)
            )

    @contextmanager
    def _without_secrets(self) -> Iterator[None]:
        """Redact the fields of errors, in which an endpoint may have echoed its URL or a key."""
        try:
            yield
        except PsycheError as error:
            for name, value in vars(error).items():
                setattr(error, name, _redacted(value, self._redactor))
            error.args = _redacted(error.args, self._redactor)
            raise


class SigningSession(Session):
    """A session that can also write, using a wallet that signs and pays. Created by ``open_signing_session``."""

    def __init__(
        self,
        transport: Transport,
        *,
        wallet: Wallet,
        notify: Notify,
        redactor: Redactor,
        clock: Clock,
        state_folder: Path | None = None,
        given: GivenOptions = NOTHING_GIVEN,
    ) -> None:
        super().__init__(transport, notify=notify, redactor=redactor, clock=clock)
        self._state_folder = state_folder
        self._given = given
        self._wallet = wallet
        self._instructions = Instructions(PUBLISHED)

    @property
    def wallet(self) -> Wallet:
        """The wallet that signs and pays."""
        return self._wallet

    @property
    def state_folder(self) -> Path | None:
        """The folder of the journal; None without one."""
        return self._state_folder

    @property
    def instructions(self) -> Instructions:
        """Encoder of the Psyche programs' instructions, with one method per instruction."""
        return self._instructions

    @contextmanager
    def writing(self, command: str = "", *, run_id: str | None = None, **options: Any) -> Iterator[WriteOperation]:
        """Context manager for one write operation. KeyboardInterrupt (Ctrl-C) is raised as Interrupted.

        With a state folder, transactions are recorded as those of a ``command`` with these ``options``; an interrupted
        attempt of the same request is settled first. An empty ``command`` records nothing.
        """
        with (
            self._without_secrets(),
            self._recorder(command, run_id, options) as recorder,
            one_write(
                self._rpc,
                self._clock,
                self._notify,
                Keys(self._wallet, self._wallet),
                given=self._given,
                recorder=recorder,
                warn=self._notify,
            ) as operation,
        ):
            yield operation

    @contextmanager
    def _recorder(self, command: str, run_id: str | None, options: dict[str, Any]) -> Iterator[Recorder | None]:
        """The recorder of one operation. When it ends, its caller learns the outcome, so payments are settled."""
        if self._state_folder is None or not command:
            yield None
            return
        after: list[Callable[[], None]] = []
        with closing(Journal(self._state_folder, self._clock)) as journal:
            try:
                yield Recorder(
                    journal,
                    self._clock,
                    command=command,
                    intent=intent_text(command, {"run_id": run_id, **options}),
                    run_id=run_id,
                    wallet=str(self._wallet.address),
                    redacted=self._redactor.redacted,
                    warn=self._notify,
                    after_output=after.append,
                )
            finally:
                for callback in after:
                    callback()


@contextmanager
def open_session(endpoint: str | Endpoint, *, notify: Notify | None = None) -> Iterator[Session]:
    """Open a session that reads from ``endpoint``: an RPC URL, ``devnet`` or ``mainnet-beta``, or a local validator.

    ``notify`` receives progress lines, which are otherwise dropped. No request is sent yet. Raises UsageError for an
    invalid RPC URL.

    >>> from psyche_cli import api
    >>> with api.InProcessValidator() as validator, api.open_session(validator) as session:
    ...     session.rpc.balance(api.Wallet.generate().address)
    0
    """
    redactor = Redactor()
    transport = _transport(endpoint, redactor)
    try:
        yield Session(transport, notify=_safe(notify, redactor), redactor=redactor, clock=SystemClock())
    finally:
        transport.close()


@contextmanager
def open_signing_session(
    endpoint: str | Endpoint,
    *,
    wallet: Wallet | Path | str,
    notify: Notify | None = None,
    state_folder: Path | str | None = None,
) -> Iterator[SigningSession]:
    """Open a session that writes to ``endpoint`` with ``wallet``: a Wallet, or the path of a keypair file.

    Environment variables and the default wallet of the Solana tools are ignored. ``notify`` also receives a warning if
    other users can read the keypair file. Raises UsageError, WalletNotFound, WalletMalformed, WalletError.

    ``state_folder`` is the folder of a journal, as for the option ``--state-dir``: every transaction is recorded there
    before it is sent, and a call that repeats an interrupted one settles that one first. By default nothing is
    recorded. With a journal, every function that writes may also raise JournalError, and TransactionUnknown for an
    earlier attempt.

    >>> from psyche_cli import api
    >>> wallet = api.Wallet.generate()
    >>> genesis = api.Genesis(balances={wallet.address: 2 * 10**9})
    >>> with api.InProcessValidator(genesis) as validator:
    ...     with api.open_signing_session(validator, wallet=wallet) as session:
    ...         api.create_run(session, run_id="docs").summary
    'Created run docs. It is Uninitialized: configure it next.'
    """
    redactor = Redactor()
    safe_notify = _safe(notify, redactor)
    if isinstance(wallet, Wallet):
        wallet.hide_in(redactor)
    else:
        wallet = load_keypair_file(Path(wallet).expanduser(), safe_notify, redactor)
    transport = _transport(endpoint, redactor)
    try:
        yield SigningSession(
            transport,
            wallet=wallet,
            notify=safe_notify,
            redactor=redactor,
            clock=SystemClock(),
            state_folder=None if state_folder is None else Path(state_folder).expanduser(),
            given=_given(endpoint, state_folder),
        )
    finally:
        transport.close()


def _given(endpoint: str | Endpoint, state_folder: Path | str | None) -> GivenOptions:
    """What a suggested command must repeat; it can only settle what is in a journal."""
    if state_folder is None:
        return NOTHING_GIVEN
    return GivenOptions(rpc=endpoint if isinstance(endpoint, str) else None, state_dir=str(state_folder))


def _transport(endpoint: str | Endpoint, redactor: Redactor) -> Transport:
    if not isinstance(endpoint, str):
        return endpoint.open_transport()
    url = check_rpc_url(endpoint)
    redactor.learn_url(url)
    return HttpTransport(url)


def _safe(notify: Notify | None, redactor: Redactor) -> Notify:
    if notify is None:
        return lambda _: None
    return lambda line: notify(printable(redactor.redacted(line)))


def _redacted(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, str):
        return redactor.redacted(value)
    if isinstance(value, dict):
        return {key: _redacted(inner, redactor) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_redacted(inner, redactor) for inner in value)
    return value
