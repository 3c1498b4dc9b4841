"""What every operation on a cluster starts from: an endpoint, and for writes a wallet and a sender."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from psyche_cli.environment import Clock, Environment
from psyche_cli.protocol.errors.program_errors import failure_describer
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.solana.endpoints import check_rpc_url
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.deadline import Deadline
from psyche_cli.solana.sending.sender import WRITING_SECONDS, Sender
from psyche_cli.solana.wallet import Wallet, load_wallet
from psyche_cli.suggestions import NOTHING_GIVEN, GivenOptions

if TYPE_CHECKING:
    from psyche_cli.protocol.instructions.builder import Instructions


@dataclass(frozen=True)
class Session:
    """An open RPC endpoint, the ids of the programs there, and a way to tell the user something meanwhile.

    ``given`` is what commands that are suggested to the user must repeat.
    """

    rpc: RpcClient
    programs: ProgramIds
    notify: Callable[[str], None]
    given: GivenOptions


@dataclass(frozen=True)
class SigningSession(Session):
    """A session that can write: with the wallet that signs and pays."""

    wallet: Wallet
    sender: Sender
    instructions: Instructions


@contextmanager
def reading_session(environment: Environment, *, rpc: str, given: GivenOptions = NOTHING_GIVEN) -> Iterator[Session]:
    """A session without a wallet. Raises UsageError for an invalid URL."""
    with _connected(environment, rpc) as client:
        yield Session(
            rpc=client,
            programs=PUBLISHED,
            notify=environment.progress,
            given=given,
        )


@contextmanager
def signing_session(
    environment: Environment, *, rpc: str, wallet_path: Path | None = None, given: GivenOptions = NOTHING_GIVEN
) -> Iterator[SigningSession]:
    """A session with the wallet that ``wallet_path`` or the environment names, which asks nothing once
    WRITING_SECONDS have passed since the start of the command.

    Every error of what is done with it says by ``sent`` and ``signature`` whether a transaction may have reached the
    cluster, and so does a signal to stop, which becomes Interrupted. Raises UsageError, WalletError.
    """
    # Which wallet pays, and who else can read it, is no progress that --quiet leaves out.
    wallet = load_wallet(environment, wallet_path, environment.diagnostics.line)
    with (
        _connected(environment, rpc) as client,
        one_write(
            client, environment.clock, environment.progress, wallet, given=given, since=environment.started
        ) as session,
    ):
        yield session


@contextmanager
def one_write(
    client: RpcClient,
    clock: Clock,
    notify: Callable[[str], None],
    wallet: Wallet,
    *,
    given: GivenOptions = NOTHING_GIVEN,
    since: float | None = None,
) -> Iterator[SigningSession]:
    """A session for one operation that writes, over an open endpoint.

    It asks nothing once WRITING_SECONDS have passed ``since`` that moment of the clock (None: now), and its errors say
    what this operation sent.
    """
    # Not at the top: verbs that only read do not need it.
    from psyche_cli.protocol.instructions.builder import Instructions

    rpc = client.within(Deadline(clock, WRITING_SECONDS, since=since))
    sender = Sender(rpc, clock, notify, describe_failure=failure_describer(PUBLISHED))
    with sender.accounting():
        yield SigningSession(
            rpc=rpc,
            programs=PUBLISHED,
            notify=notify,
            given=given,
            wallet=wallet,
            sender=sender,
            instructions=Instructions(PUBLISHED),
        )


@contextmanager
def _connected(environment: Environment, rpc: str) -> Iterator[RpcClient]:
    url = check_rpc_url(rpc)
    environment.redactor.learn_url(url)
    transport = environment.requests.watch(environment.open_transport(url))
    try:
        yield RpcClient(transport, environment.clock)
    finally:
        transport.close()
