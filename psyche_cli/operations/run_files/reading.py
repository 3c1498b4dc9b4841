"""Reads what run files describe from the cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeAlias, TypeVar

from solders.pubkey import Pubkey

from psyche_cli.errors import AccountNotFound, NetworkError, PsycheError, RunNotFound, UsageError, WalletNotFound
from psyche_cli.operations.authorizations.find import decoded_if_taken
from psyche_cli.operations.authorizations.read import join_filters
from psyche_cli.operations.rewards.frozen import frozen_accounts
from psyche_cli.operations.run_files.actual import ActualRun
from psyche_cli.operations.runs.find import (
    LocatedRun,
    Run,
    locate_run,
    locate_runs,
    require_written_layout,
    token_amount,
)
from psyche_cli.operations.sessions import Session
from psyche_cli.protocol.accounts.small_accounts import Authorization, decode_authorization
from psyche_cli.protocol.accounts.token_accounts import decode_mint
from psyche_cli.protocol.addresses import (
    ANYONE,
    associated_token_address,
    authorization_address,
    instance_address,
    treasurer_index,
    treasurer_run_address,
)
from psyche_cli.run_file.wanted import WantedRun
from psyche_cli.solana.programs import RENT_SYSVAR
from psyche_cli.solana.raw_account import RawAccount, taken
from psyche_cli.solana.rent import decode_rent

_T = TypeVar("_T")
_Permits: TypeAlias = Mapping[Pubkey, Authorization]


def read_actual(
    session: Session, wanted: WantedRun, wallet: Pubkey | None, *, replaced: Pubkey | None = None
) -> ActualRun:
    """Read everything that the run file describes, in two round trips, or three if it deactivates others.

    A run with the coordinator account ``replaced`` counts as absent, because it is closed before.

    Without a ``wallet``, it is the main authority of the run. Raises WalletNotFound if the run does not exist either;
    AccountNotFound, AccountError, UnsupportedLayout.
    """
    while True:
        located = _located(session, wanted, _index(wanted))
        subject = _subject(session, wanted, wallet, located, replaced)
        found = session.rpc.accounts(subject.addresses)
        if not subject.was_created_meanwhile(found):
            return _actual(session, subject, found, _all_authorizations(session))


def read_several(session: Session, files: Sequence[WantedRun], wallet: Pubkey | None) -> list[ActualRun | PsycheError]:
    """``read_actual`` for several run files together; the error for each that cannot be read.

    Takes one round trip per 50 files for the places of their runs, and one per 100 accounts. Raises NetworkError.
    """
    runs = locate_runs(session, [(one.run_id, _index(one)) for one in files])
    subjects = [
        _or_error(_subject_of_several, session, wanted, wallet, located)
        for wanted, located in zip(files, runs, strict=True)
    ]
    addresses = dict.fromkeys(address for one in subjects if isinstance(one, _Subject) for address in one.addresses)
    found = dict(zip(addresses, session.rpc.accounts([*addresses]), strict=True))
    everything = _all_authorizations(session)

    def actual(subject: _Subject) -> ActualRun:
        accounts = [found[address] for address in subject.addresses]
        if subject.was_created_meanwhile(accounts):
            return read_actual(session, subject.wanted, wallet)
        return _actual(session, subject, accounts, everything)

    return [one if isinstance(one, PsycheError) else _or_error(actual, one) for one in subjects]


class _Subject(NamedTuple):
    """A run file, and what the addresses of everything that it describes depend on.

    ``owner`` is the key that would change the run, ``grantor`` its join authority, and ``mint`` that of its collateral.
    """

    wanted: WantedRun
    located: LocatedRun | None
    is_replaced: bool
    owner: Pubkey
    grantor: Pubkey
    mint: Pubkey | None
    of_run: tuple[Pubkey, ...]
    permits: tuple[Pubkey, ...]

    @property
    def addresses(self) -> list[Pubkey]:
        """The addresses of the run, of authorizations, of the wallet, of the rent and, with a mint, of its tokens."""
        tokens = [associated_token_address(self.owner, self.mint)] if self.mint else []
        return [*self.of_run, *self.permits, self.owner, RENT_SYSVAR, *tokens]

    @property
    def grantees(self) -> list[Pubkey]:
        return _grantees(self.wanted)

    def was_created_meanwhile(self, found: Sequence[RawAccount | None]) -> bool:
        """Whether a run that could not be located exists."""
        return self.located is None and not self.is_replaced and taken(found[0]) is not None


def _subject(
    session: Session,
    wanted: WantedRun,
    wallet: Pubkey | None,
    located: LocatedRun | None,
    replaced: Pubkey | None = None,
) -> _Subject:
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
    return _Subject(
        wanted=wanted,
        located=located,
        is_replaced=is_replaced,
        owner=owner,
        grantor=grantor,
        mint=_mint_of(located, wanted),
        of_run=located.addresses if located else _addresses_to_create(session, wanted),
        permits=tuple(authorization_address(grantor, one, session.programs) for one in _grantees(wanted)),
    )


def _subject_of_several(
    session: Session, wanted: WantedRun, wallet: Pubkey | None, located: LocatedRun | PsycheError
) -> _Subject:
    if isinstance(located, UsageError):
        located = _located(session, wanted, None) or located
    if isinstance(located, RunNotFound):
        return _subject(session, wanted, wallet, None)
    if isinstance(located, PsycheError):
        raise located
    return _subject(session, wanted, wallet, located)


def _or_error(read: Callable[..., _T], *arguments: Any) -> _T | PsycheError:
    """What is read, or the error if it cannot be. Raises NetworkError."""
    try:
        return read(*arguments)
    except NetworkError:
        raise
    except PsycheError as error:
        return error


def _actual(
    session: Session,
    subject: _Subject,
    found: Sequence[RawAccount | None],
    everything: Callable[[Pubkey], _Permits],
) -> ActualRun:
    """What was read, from the accounts at the addresses of the subject. ``everything`` reads all authorizations."""
    located, mint, wanted = subject.located, subject.mint, subject.wanted
    of_run, rest = found[: len(subject.of_run)], found[len(subject.of_run) :]
    raw_permits = rest[: len(subject.permits)]
    raw_wallet, raw_rent, *raw_tokens = rest[len(subject.permits) :]
    permits = [decoded_if_taken(session, raw) for raw in raw_permits]
    listed = {one.grantee: one for one in permits if one is not None}
    vaults = of_run[1:2] if located else []
    return ActualRun(
        run=None if located is None else _run(located, of_run),
        wallet=subject.owner,
        join_authority=subject.grantor,
        lamports=0 if raw_wallet is None else raw_wallet.lamports,
        tokens=token_amount(raw_tokens[0]) if raw_tokens and taken(raw_tokens[0]) else None,
        rent=decode_rent(raw_rent),
        authorizations={**listed, **(everything(subject.grantor) if wanted.join.deactivates_unlisted else {})},
        mint=None if located or mint is None else decode_mint(_existing_mint(mint, of_run[-1])),
        held=() if located else _held(of_run, is_replaced=subject.is_replaced),
        taken=() if located else tuple(raw.address for raw in of_run[1:3] if raw is not None and raw.is_taken),
        gifts={
            grantee: raw.lamports
            for grantee, raw in zip(subject.grantees, raw_permits, strict=True)
            if raw is not None and not raw.is_taken
        },
        frozen=frozen_accounts(*raw_tokens, *vaults),
        has_vault=all(taken(raw) is not None for raw in vaults),
    )


def _grantees(wanted: WantedRun) -> list[Pubkey]:
    return [ANYONE, *(one.grantee for one in wanted.join.authorizations)]


def _index(wanted: WantedRun) -> int | None:
    return None if wanted.treasurer is None else wanted.treasurer.index


def _held(found: Sequence[RawAccount | None], *, is_replaced: bool) -> tuple[int, ...]:
    """The lamports at the addresses of a run to create. Closing the run that it replaces empties the first one."""
    held = [0 if raw is None else raw.lamports for raw in found[:3]]
    return (0, *held[1:]) if is_replaced else tuple(held)


def _located(session: Session, wanted: WantedRun, index: int | None) -> LocatedRun | None:
    """The run, with another treasurer than that at the index if it has one: the plan says that it cannot be changed."""
    try:
        return locate_run(session, wanted.run_id, index)
    except RunNotFound:
        return None
    except UsageError:
        if index is None:
            raise
        return _located(session, wanted, None)


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


def _run(located: LocatedRun, found: Sequence[RawAccount | None]) -> Run:
    run = located.read(found)
    require_written_layout(run.layout, run.account.address, run.run_id)
    return run


def _all_authorizations(session: Session) -> Callable[[Pubkey], _Permits]:
    """Reads all authorizations of a grantor by their grantees, once."""

    @cache
    def read(grantor: Pubkey) -> _Permits:
        everything = session.rpc.program_accounts(session.programs.authorizer, join_filters(grantor))
        decoded = [decode_authorization(raw, session.programs) for raw in everything]
        return {one.grantee: one for one in sorted(decoded, key=lambda one: str(one.grantee))}

    return read
