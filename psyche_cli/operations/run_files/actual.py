"""Reads what a run file describes from the cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from solders.pubkey import Pubkey

from psyche_cli.errors import AccountNotFound, RunNotFound, UsageError, WalletNotFound
from psyche_cli.operations.authorizations.find import decoded_if_taken
from psyche_cli.operations.authorizations.read import join_filters
from psyche_cli.operations.runs.find import LocatedRun, Run, locate_run, require_written_layout, token_amount
from psyche_cli.operations.sessions import Session
from psyche_cli.protocol.accounts.small_accounts import Authorization, decode_authorization
from psyche_cli.protocol.accounts.token_accounts import TokenMint, decode_mint
from psyche_cli.protocol.addresses import (
    ANYONE,
    associated_token_address,
    authorization_address,
    instance_address,
    treasurer_index,
    treasurer_run_address,
)
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_file.wanted import WantedRun
from psyche_cli.solana.programs import RENT_SYSVAR
from psyche_cli.solana.raw_account import RawAccount, taken
from psyche_cli.solana.rent import Rent, decode_rent

StateOfRun: TypeAlias = Literal["absent", "unstarted", "running", "pausing", "paused", "finished"]
"""The state of a run as far as a run file depends on it."""


@dataclass(frozen=True)
class ActualRun:
    """What was read of a run that a run file describes; ``run`` is None if it does not exist.

    ``wallet`` is the key that would change it, with its ``lamports`` and its balance of the collateral, ``tokens``, in
    base units; None without a token account. ``join_authority`` is that of the run or, before it is created, the one
    that it would get, and ``authorizations`` are its authorizations by grantee: those that the file lists and, if the
    file deactivates others, all. ``gifts`` are the lamports at the addresses of authorizations that do not exist.
    ``mint`` is that of a run to create with a treasurer, ``held`` are the lamports at the addresses of its instance,
    treasurer and vault, and ``taken`` those of the latter two that exist already.
    """

    run: Run | None
    wallet: Pubkey
    join_authority: Pubkey
    lamports: int
    tokens: int | None
    rent: Rent
    authorizations: Mapping[Pubkey, Authorization]
    mint: TokenMint | None
    held: tuple[int, ...]
    taken: tuple[Pubkey, ...] = ()
    gifts: Mapping[Pubkey, int] = field(default_factory=dict)

    def lamports_without(self, grantee: Pubkey) -> int:
        """The lamports at the address of an authorization that does not exist."""
        return self.gifts.get(grantee, 0)

    @property
    def is_recreated(self) -> bool:
        """Whether the transaction that creates the run closes another one."""
        return False

    @property
    def first_step_is_open(self) -> bool:
        """Whether the run starts at a step that is only known later."""
        return False

    @property
    def recovered(self) -> int:
        """The lamports that this transaction recovers."""
        return 0

    @property
    def state(self) -> StateOfRun:
        """The state of the run."""
        if self.run is None:
            return "absent"
        account = self.run.account
        if not account.run_state.is_halted:
            return "pausing" if account.pending_pause else "running"
        halted: dict[RunState, StateOfRun] = {RunState.PAUSED: "paused", RunState.FINISHED: "finished"}
        return halted.get(account.run_state, "unstarted")

    @property
    def decimals(self) -> int:
        """The decimals of the collateral; 0 for points."""
        if self.run is not None:
            return self.run.treasury.mint.decimals if self.run.treasury else 0
        return self.mint.decimals if self.mint else 0

    @property
    def received(self) -> int | None:
        """What the vault has ever received, in base units: it can only be claimed. None without a treasurer."""
        if self.run is None or self.run.treasury is None:
            return 0 if self.run is None and self.mint is not None else None
        return self.run.treasury.received


def read_actual(
    session: Session, wanted: WantedRun, wallet: Pubkey | None, *, replaced: Pubkey | None = None
) -> ActualRun:
    """Read everything that the run file describes, in two round trips, or three if it deactivates others.

    A run with the coordinator account ``replaced`` counts as absent, because it is closed before.

    Without a ``wallet``, it is the main authority of the run. Raises WalletNotFound if the run does not exist either;
    AccountNotFound, AccountError, UnsupportedLayout.
    """
    located = _located(session, wanted)
    is_replaced = located is not None and located.instance.coordinator_account == replaced
    if is_replaced:
        located = None
    if located is None and wallet is None:
        raise WalletNotFound(
            f"Run {wanted.run_id!r} does not exist, so what is missing depends on the wallet that creates it.",
            hint="Specify the wallet: --wallet-private-key-path FILE.",
        )
    owner = wallet or (located.main_authority if located else None)
    assert owner is not None
    grantor = located.instance.join_authority if located else wanted.join.authority or owner
    run_addresses = located.addresses if located else _addresses_to_create(session, wanted)
    mint = _mint_of(located, wanted)
    grantees = [ANYONE, *(one.grantee for one in wanted.join.authorizations)]
    permits = [authorization_address(grantor, grantee, session.programs) for grantee in grantees]
    vault_owner = [associated_token_address(owner, mint)] if mint else []
    found = session.rpc.accounts([*run_addresses, *permits, owner, RENT_SYSVAR, *vault_owner])
    of_run, rest = found[: len(run_addresses)], found[len(run_addresses) :]
    if located is None and not is_replaced and taken(of_run[0]) is not None:
        return read_actual(session, wanted, wallet, replaced=replaced)  # it was created between the two reads
    raw_wallet, raw_rent, *raw_tokens = rest[len(permits) :]
    return ActualRun(
        run=None if located is None else _read(located, of_run),
        wallet=owner,
        join_authority=grantor,
        lamports=0 if raw_wallet is None else raw_wallet.lamports,
        tokens=token_amount(raw_tokens[0]) if raw_tokens and taken(raw_tokens[0]) else None,
        rent=decode_rent(raw_rent),
        authorizations=_authorizations(session, wanted, grantor, rest[: len(permits)]),
        mint=None if located or mint is None else decode_mint(_existing_mint(mint, of_run[-1])),
        held=() if located else _held(of_run, is_replaced=is_replaced),
        taken=() if located else tuple(raw.address for raw in of_run[1:3] if raw is not None and raw.is_taken),
        gifts={
            grantee: raw.lamports
            for grantee, raw in zip(grantees, rest, strict=False)
            if raw is not None and not raw.is_taken
        },
    )


def _held(found: Sequence[RawAccount | None], *, is_replaced: bool) -> tuple[int, ...]:
    """The lamports at the addresses of a run to create. Closing the run that it replaces empties the first one."""
    held = [0 if raw is None else raw.lamports for raw in found[:3]]
    return (0, *held[1:]) if is_replaced else tuple(held)


def _located(session: Session, wanted: WantedRun) -> LocatedRun | None:
    index = None if wanted.treasurer is None else wanted.treasurer.index
    try:
        if index is not None:
            with suppress(UsageError):  # the plan says that the treasurer of a run cannot be changed
                return locate_run(session, wanted.run_id, index)
        return locate_run(session, wanted.run_id)
    except RunNotFound:
        return None


def _addresses_to_create(session: Session, wanted: WantedRun) -> tuple[Pubkey, ...]:
    """The instance of a run to create, and with a treasurer its Run, its vault and its mint."""
    instance = instance_address(wanted.run_id, session.programs)
    if wanted.treasurer is None:
        return (instance,)
    index = treasurer_index(wanted.run_id) if wanted.treasurer.index is None else wanted.treasurer.index
    run = treasurer_run_address(index, session.programs)
    return (instance, run, associated_token_address(run, wanted.treasurer.mint), wanted.treasurer.mint)


def _mint_of(located: LocatedRun | None, wanted: WantedRun) -> Pubkey | None:
    if located is not None:
        return located.treasurer.collateral_mint if located.treasurer else None
    return wanted.treasurer.mint if wanted.treasurer else None


def _existing_mint(mint: Pubkey, raw: RawAccount | None) -> RawAccount:
    if taken(raw) is None or raw is None:
        raise AccountNotFound(
            f"The mint {mint} does not exist on this cluster.",
            hint="Check treasurer.mint in the run file, and --rpc.",
            address=str(mint),
        )
    return raw


def _read(located: LocatedRun, found: Sequence[RawAccount | None]) -> Run:
    run = located.read(found)
    require_written_layout(run.layout, run.account.address, run.run_id)
    return run


def _authorizations(
    session: Session, wanted: WantedRun, grantor: Pubkey, found: Sequence[RawAccount | None]
) -> dict[Pubkey, Authorization]:
    read = [decoded_if_taken(session, raw) for raw in found]
    known = {one.grantee: one for one in read if one is not None}
    if wanted.join.deactivates_unlisted:
        everything = session.rpc.program_accounts(session.programs.authorizer, join_filters(grantor))
        decoded = [decode_authorization(raw, session.programs) for raw in everything]
        known |= {one.grantee: one for one in sorted(decoded, key=lambda one: str(one.grantee))}
    return known
