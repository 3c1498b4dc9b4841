"""A local validator with the accounts of a run, on which its migration is rehearsed."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.amounts import LAMPORTS_PER_SOL
from psyche_cli.environment import Clock, SystemClock
from psyche_cli.errors import AccountError, NotFound
from psyche_cli.limits import NEW_AUTHORIZATION_BYTES
from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.timekeeping import ClockMode, Timekeeper
from psyche_cli.localnet.in_process import InProcessTransport
from psyche_cli.localnet.rpc.context import RpcContext
from psyche_cli.localnet.rpc.dispatcher import Dispatcher
from psyche_cli.members.actions import Actions
from psyche_cli.members.looking import find_run, look_at
from psyche_cli.members.sending import MemberSender, Outgoing
from psyche_cli.operations.archives.collecting import collect
from psyche_cli.operations.authorizations.read import join_filters
from psyche_cli.operations.migrations.old_run import reading_only
from psyche_cli.operations.sessions import Session
from psyche_cli.protocol.accounts.account_checks import account_discriminator
from psyche_cli.protocol.addresses import (
    ANYONE,
    JOIN_SCOPE,
    associated_token_address,
    find_authorization,
    instance_address,
    treasurer_index,
    treasurer_run_address,
)
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.run_file.wanted import WantedRun
from psyche_cli.solana.cluster_clock import ClusterClock
from psyche_cli.solana.programs import UPGRADEABLE_LOADER
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.wallet import Wallet

_TOKEN_OWNER: Final = slice(32, 64)
"""The owner in the data of a token account."""
_GRANTOR: Final = slice(9, 41)
"""The grantor in the data of an Authorization, after its discriminator and its bump."""
_GRANTEE: Final = slice(41, 73)
_SCOPE: Final = 77
"""Where the bytes of the scope begin, after their length (u32)."""


class Copied(NamedTuple):
    """The accounts that a migration depends on, as they are on the cluster, and its clock with them."""

    accounts: dict[Pubkey, RawAccount]
    clock: ClusterClock


def copy_accounts(session: Session, run_id: str, index: int | None, new: WantedRun, wallet: Pubkey) -> Copied:
    """Read the accounts of a run, those that the new run would have, and those of the ``wallet``.

    Raises the errors of ``collect``.
    """
    collected = collect(reading_only(session), run_id, index, (wallet,))
    found = [one.account for one in collected.accounts if one.account is not None]
    authority = new.join.authority or wallet
    found += session.rpc.program_accounts(session.programs.authorizer, join_filters(authority))
    more = session.rpc.accounts([*_of_new_run(session, new, wallet)])
    found += [raw for raw in more if raw is not None]
    return Copied({raw.address: raw for raw in found if _can_be_copied(raw)}, collected.clock)


def _of_new_run(session: Session, new: WantedRun, wallet: Pubkey) -> Iterator[Pubkey]:
    yield from (wallet, instance_address(new.run_id, session.programs))
    if new.treasurer is not None:
        index = treasurer_index(new.run_id) if new.treasurer.index is None else new.treasurer.index
        run, mint = treasurer_run_address(index, session.programs), new.treasurer.mint
        yield from (run, mint, associated_token_address(run, mint), associated_token_address(wallet, mint))


def _can_be_copied(raw: RawAccount) -> bool:
    """Whether an account is neither a program, which the validator has its own of, nor a sysvar."""
    is_sysvar = str(raw.owner).startswith("Sysvar1")
    return not raw.executable and raw.owner != UPGRADEABLE_LOADER and not is_sysvar


def with_owner(copied: Copied, real: Pubkey, stand_in: Pubkey) -> Copied:
    """The accounts with a key in place of the owner of the run, which also gets its SOL, tokens and authorizations."""
    accounts = {}
    for address, raw in copied.accounts.items():
        moved, data = address, raw.data
        if address == real:
            moved = stand_in
        elif len(data) > _TOKEN_OWNER.stop and data[_TOKEN_OWNER] == bytes(real):
            mint = Pubkey(data[: _TOKEN_OWNER.start])
            if address == associated_token_address(real, mint):
                moved = associated_token_address(stand_in, mint)
                data = data.replace(bytes(real), bytes(stand_in))
        elif data[:8] == account_discriminator("Authorization") and data[_GRANTOR] == bytes(real):
            moved, data = _granted_by(stand_in, data)
        elif data[:8] in (account_discriminator("CoordinatorInstance"), account_discriminator("Run")):
            data = data.replace(bytes(real), bytes(stand_in))
        accounts[moved] = raw._replace(address=moved, data=data)
    return copied._replace(accounts=accounts)


def _granted_by(grantor: Pubkey, data: bytes) -> tuple[Pubkey, bytes]:
    """The address and the data of an authorization if another key had granted it."""
    grantee = Pubkey(data[_GRANTEE])
    size = int.from_bytes(data[_GRANTEE.stop : _SCOPE], "little")
    address, bump = find_authorization(grantor, grantee, scope=data[_SCOPE : _SCOPE + size])
    return address, data[: _GRANTOR.start - 1] + bytes([bump]) + bytes(grantor) + data[_GRANTOR.stop :]


class ClonedCluster:
    """A validator in this process with copied accounts, the stand-ins for the programs, and the cluster's clock.

    The clock moves only when it is warped, or when a command waits: then the old run, of which no member acts, is
    ticked as soon as a tick is due. Nothing is sent to any other cluster.
    """

    def __init__(self, copied: Copied, *, old_run_id: str) -> None:
        accounts = {address: Account(raw.lamports, raw.data, raw.owner) for address, raw in copied.accounts.items()}
        self._ticker = Wallet.generate("a wallet that ticks")
        genesis = Genesis(accounts=accounts, balances={self._ticker.address: LAMPORTS_PER_SOL})
        timekeeper = Timekeeper(
            SystemClock(), slot_seconds=0, mode=ClockMode("fixed", max(copied.clock.unix_timestamp, 0))
        )
        self._bank = Bank(genesis, timekeeper, first_slot=max(copied.clock.slot, 1))
        transport = InProcessTransport(Dispatcher(RpcContext(self._bank)), label="the validator of the rehearsal")
        self.clock: Clock = _WaitingClock(self)
        self.rpc = RpcClient(transport, self.clock)
        self._old_run_id = old_run_id

    def let_everyone_join(self, grantor: Pubkey) -> bool:
        """Write the authorization for everyone if it is not active; whether it was not."""
        address, bump = find_authorization(grantor, ANYONE)
        data = _open_authorization(grantor, bump)
        existing = self.rpc.account(address)
        if existing is not None and existing.data[: len(data) - 8] == data[:-8]:
            return False
        self._bank.set_account(address, Account(LAMPORTS_PER_SOL, data, PUBLISHED.authorizer))
        return True

    def pass_time(self, seconds: float) -> None:
        """Advance to the next tick of the old run while its pause is pending, and tick it; else by ``seconds``."""
        try:
            instance = find_run(self.rpc, self._old_run_id)
            run = look_at(self.rpc, instance)[0]
        except (NotFound, AccountError):  # it was closed, or has a retired layout
            return self._bank.warp_seconds(max(int(seconds), 1))
        if not run.account.pending_pause or not run.state.is_active:
            return self._bank.warp_seconds(max(int(seconds), 1))
        self._bank.warp_seconds(max(run.due_at - run.now, 1))
        tick = Actions(instance).tick(self._ticker.address)
        MemberSender(self.rpc, SystemClock()).send_all([Outgoing(self._ticker, [tick], "tick")])
        return None


class _WaitingClock(SystemClock):
    """A clock on which waits take no time: they pass on the cluster."""

    def __init__(self, cluster: ClonedCluster) -> None:
        self._cluster = cluster
        self._passed = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self._passed

    def sleep(self, seconds: float) -> None:
        self._passed += seconds
        self._cluster.pass_time(seconds)


def _open_authorization(grantor: Pubkey, bump: int) -> bytes:
    """The data of an active authorization for everyone."""
    scope = struct.pack("<I", len(JOIN_SCOPE)) + JOIN_SCOPE
    start = account_discriminator("Authorization") + bytes([bump]) + bytes(grantor) + bytes(ANYONE) + scope
    data = start + b"\1" + struct.pack("<Iq", 0, 0)
    assert len(data) == NEW_AUTHORIZATION_BYTES
    return data
