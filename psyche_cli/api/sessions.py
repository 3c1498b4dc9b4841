"""Sessions of the library: an open endpoint, and for writes a wallet.

Every function of ``psyche_cli.api`` that takes a session is one operation. What it writes ends within 120 seconds, and
its errors say by ``sent`` and ``signature`` what that operation, and no earlier one, may have sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psyche_cli.environment import Clock, SystemClock
from psyche_cli.errors import PsycheError
from psyche_cli.operations.sessions import Session as ReadOperation
from psyche_cli.operations.sessions import SigningSession as WriteOperation
from psyche_cli.operations.sessions import one_write
from psyche_cli.printable import printable
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.redaction import Redactor
from psyche_cli.solana.endpoints import check_rpc_url
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.http import HttpTransport
from psyche_cli.solana.wallet import Wallet, load_keypair_file
from psyche_cli.suggestions import NOTHING_GIVEN
from psyche_cli.transport import Endpoint, Transport

Notify = Callable[[str], None]
"""Takes one line about what is under way, for a person. The line holds no secret."""


class Session:
    """An open RPC endpoint, to read from. Made by ``open_session``; for one thread at a time."""

    def __init__(self, transport: Transport, *, notify: Notify, redactor: Redactor, clock: Clock) -> None:
        self._rpc = RpcClient(transport, clock)
        self._notify = notify
        self._redactor = redactor
        self._clock = clock

    @property
    def rpc(self) -> RpcClient:
        """Typed calls of Solana's JSON-RPC."""
        return self._rpc

    @property
    def programs(self) -> ProgramIds:
        """The ids of the Psyche programs on the cluster."""
        return PUBLISHED

    @contextmanager
    def reading(self) -> Iterator[ReadOperation]:
        """What one reading operation works with."""
        with self._without_secrets():
            yield ReadOperation(rpc=self._rpc, programs=PUBLISHED, notify=self._notify, given=NOTHING_GIVEN)

    @contextmanager
    def _without_secrets(self) -> Iterator[None]:
        """Take out of an error what an endpoint may have repeated: its own URL, or a key."""
        try:
            yield
        except PsycheError as error:
            for name, value in vars(error).items():
                setattr(error, name, _redacted(value, self._redactor))
            error.args = _redacted(error.args, self._redactor)
            raise


class SigningSession(Session):
    """A session that can write, with the wallet that signs and pays. Made by ``open_signing_session``."""

    def __init__(
        self, transport: Transport, *, wallet: Wallet, notify: Notify, redactor: Redactor, clock: Clock
    ) -> None:
        super().__init__(transport, notify=notify, redactor=redactor, clock=clock)
        self._wallet = wallet
        self._instructions = Instructions(PUBLISHED)

    @property
    def wallet(self) -> Wallet:
        """Who signs and pays."""
        return self._wallet

    @property
    def instructions(self) -> Instructions:
        """A method per instruction of the three programs that this tool encodes."""
        return self._instructions

    @contextmanager
    def writing(self) -> Iterator[WriteOperation]:
        """What one writing operation works with. A signal to stop (Ctrl-C) becomes Interrupted."""
        with self._without_secrets(), one_write(self._rpc, self._clock, self._notify, self._wallet) as operation:
            yield operation


@contextmanager
def open_session(endpoint: str | Endpoint, *, notify: Notify | None = None) -> Iterator[Session]:
    """A session to read from ``endpoint``: an RPC URL, ``devnet`` or ``mainnet-beta``, or a local validator.

    ``notify`` takes lines about what is under way; without it they are dropped. Nothing is asked of the endpoint yet.
    Raises UsageError for a text that is no RPC URL.

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
    endpoint: str | Endpoint, *, wallet: Wallet | Path | str, notify: Notify | None = None
) -> Iterator[SigningSession]:
    """A session to write to ``endpoint`` with ``wallet``: a Wallet, or the path of a keypair file.

    Environment variables and the default wallet of the Solana tools play no part. ``notify`` also takes a warning when
    others may read the file. Raises UsageError, WalletNotFound, WalletMalformed, WalletError.

    >>> from psyche_cli import api
    >>> wallet = api.Wallet.generate()
    >>> genesis = api.Genesis(balances={wallet.address: 2 * 10**9})
    >>> with api.InProcessValidator(genesis) as validator:
    ...     with api.open_signing_session(validator, wallet=wallet) as session:
    ...         api.create_run(session, run_id="docs").summary
    'Created run docs. It is Uninitialized: configure it next.'
    """
    redactor = Redactor()
    tell = _safe(notify, redactor)
    if isinstance(wallet, Wallet):
        wallet.hide_in(redactor)
    else:
        wallet = load_keypair_file(Path(wallet).expanduser(), tell, redactor)
    transport = _transport(endpoint, redactor)
    try:
        yield SigningSession(transport, wallet=wallet, notify=tell, redactor=redactor, clock=SystemClock())
    finally:
        transport.close()


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
