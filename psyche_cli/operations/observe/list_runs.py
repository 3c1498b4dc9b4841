"""List the runs on a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from solders.pubkey import Pubkey

from psyche_cli import base58
from psyche_cli.errors import AccountError, Json
from psyche_cli.limits import COORDINATOR_INSTANCE_BYTES
from psyche_cli.operations.authorizations.read import join_filters
from psyche_cli.operations.observe.run_payloads import ListedRun, RunListData
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.tones import shown_state
from psyche_cli.protocol.accounts.account_checks import account_discriminator
from psyche_cli.protocol.accounts.coordinator_account import HEADER_BYTES, CoordinatorAccount, decode_coordinator_header
from psyche_cli.protocol.accounts.small_accounts import (
    JOIN_AUTHORITY_OFFSET,
    CoordinatorInstance,
    TreasurerRun,
    decode_authorization,
    decode_instance,
    decode_treasurer_run,
    lets_join,
)
from psyche_cli.protocol.addresses import ANYONE, authorization_address
from psyche_cli.protocol.layouts.known import WRITTEN
from psyche_cli.protocol.run_states import RunState
from psyche_cli.results import OperationResult, Toned
from psyche_cli.solana.raw_account import RawAccount, taken

_MOST_SEARCHES: Final = 10
"""Maximum number of grantors whose authorizations are searched one by one."""


@dataclass(frozen=True)
class RunFilter:
    """Which runs to list; None means no restriction.

    ``mine`` is the required main authority. ``joinable_by`` is a key that must be able to join now: the run is not
    halted, and the key, everyone, or a grantee that appointed the key as its delegate is authorized. ``join_authority``
    is filtered by the node.
    """

    state: RunState | None = None
    mine: Pubkey | None = None
    joinable_by: Pubkey | None = None
    join_authority: Pubkey | None = None


@dataclass(frozen=True)
class _FoundRun:
    instance: CoordinatorInstance
    treasurer: TreasurerRun | None
    account: CoordinatorAccount | None
    problem: str | None

    @property
    def main_authority(self) -> Pubkey:
        return self.treasurer.main_authority if self.treasurer else self.instance.main_authority

    @property
    def state(self) -> RunState | None:
        return self.account.run_state if self.account else None


def list_runs(
    session: Session, only: RunFilter, *, coordinator_program: Pubkey | None = None
) -> OperationResult[RunListData]:
    """The runs of the coordinator program, by default the published one, that pass the filter.

    Reads the instances in one call, then the beginning of each coordinator account (1,072 of 119,160 bytes) and the
    treasurers' Run accounts, 100 accounts per call; with ``joinable_by``, also the authorizations for the key and for
    everyone. Only if a running run is open to neither, the authorizations of its join authority are read, in one more
    round trip. A run whose account cannot be decoded is listed with the reason. Raises NetworkError.
    """
    if coordinator_program is not None:
        programs = session.programs._replace(coordinator=coordinator_program)
        session = Session(session.rpc, programs, session.notify, session.given)
    instances = _instances(session, only.join_authority)
    everything, open_for = _found_runs(session, instances, only.joinable_by)
    found = [run for run in everything if _passes(run, only)]
    if only.joinable_by is not None:
        asked = dict.fromkeys(run.instance.join_authority for run in found)
        open_for |= authorities_with_delegate(session, [key for key in asked if key not in open_for], only.joinable_by)
        found = [run for run in found if run.instance.join_authority in open_for]
    found.sort(key=lambda run: (run.state != RunState.WAITING_FOR_MEMBERS, run.instance.run_id))
    count = len(found)
    return OperationResult(
        summary=f"Found {count} run{'' if count == 1 else 's'} on {session.rpc.label}.",
        data=RunListData(coordinator_program=str(session.programs.coordinator), runs=[_listed(run) for run in found]),
        details=tuple((run.instance.run_id, _described(run)) for run in found),
    )


def _instances(session: Session, join_authority: Pubkey | None) -> list[CoordinatorInstance]:
    """The instances of all runs, except those that cannot be decoded."""
    filters = instance_filters()
    if join_authority is not None:
        filters.append(_equal(JOIN_AUTHORITY_OFFSET, bytes(join_authority)))
    instances = []
    for raw in session.rpc.program_accounts(session.programs.coordinator, filters):
        try:
            instances.append(decode_instance(raw, session.programs))
        except AccountError as error:
            session.notify(f"Skipped: {error.message}")
    return instances


def instance_filters() -> list[Json]:
    """``getProgramAccounts`` filters for the instances of all runs."""
    return [{"dataSize": COORDINATOR_INSTANCE_BYTES}, _equal(0, account_discriminator("CoordinatorInstance"))]


def _equal(offset: int, content: bytes) -> Json:
    return {"memcmp": {"offset": offset, "bytes": base58.encode(content)}}


def _found_runs(
    session: Session, instances: Sequence[CoordinatorInstance], key: Pubkey | None
) -> tuple[list[_FoundRun], set[Pubkey]]:
    """The instances with the accounts that they refer to, and the join authorities that authorized everyone or ``key``.

    Only an off-curve main authority can be a treasurer's Run.
    """
    authorizations = {} if key is None else _authorizations(session, instances, key)
    addresses = dict.fromkeys(
        [instance.coordinator_account for instance in instances]
        + [instance.main_authority for instance in instances if not instance.main_authority.is_on_curve()]
        + list(authorizations)
    )
    raw = dict(zip(addresses, session.rpc.accounts(list(addresses), first_bytes=HEADER_BYTES), strict=True))
    # The layout depends on the size of the account, which some nodes do not state.
    unknown = [one.address for one in raw.values() if one and one.space is None and len(one.data) == HEADER_BYTES]
    raw |= zip(unknown, session.rpc.accounts(unknown), strict=True)
    open_for = set()
    for address, grantor in authorizations.items():
        head = taken(raw[address])
        if key is not None and head is not None and lets_join(head, grantor, key, session.programs):
            open_for.add(grantor)
    return [_found_run(session, instance, raw) for instance in instances], open_for


def _authorizations(session: Session, instances: Iterable[CoordinatorInstance], key: Pubkey) -> dict[Pubkey, Pubkey]:
    """The addresses of the authorizations for everyone and for ``key``, with their grantors."""
    grantors = dict.fromkeys(instance.join_authority for instance in instances)
    return {
        authorization_address(grantor, grantee, session.programs): grantor
        for grantor in grantors
        for grantee in (ANYONE, key)
    }


def _found_run(session: Session, instance: CoordinatorInstance, raw: Mapping[Pubkey, RawAccount | None]) -> _FoundRun:
    account, problem, treasurer = None, None, None
    head = taken(raw[instance.coordinator_account])
    if head is None:
        problem = "The coordinator account does not exist."
    else:
        try:
            account = decode_coordinator_header(head, session.programs)
            account.run_state  # noqa: B018 -- raises for a state that no program writes
        except AccountError as error:
            account, problem = None, error.message
    owner = taken(raw.get(instance.main_authority))
    if owner is not None and owner.owner == session.programs.treasurer:
        try:
            treasurer = decode_treasurer_run(owner, session.programs)
        except AccountError as error:
            problem = problem or error.message
    return _FoundRun(instance, treasurer, account, problem)


def _passes(run: _FoundRun, only: RunFilter) -> bool:
    if only.state is not None and run.state != only.state:
        return False
    if only.joinable_by is not None and (run.state is None or run.state.is_halted):
        return False
    return only.mine is None or run.main_authority == only.mine


def authorities_with_delegate(session: Session, authorities: Iterable[Pubkey], key: Pubkey) -> set[Pubkey]:
    """The join authorities with an active authorization that has ``key`` as a delegate, in one round trip if possible.

    The node filters by active and by grantor, or reads those of all grantors if there are many. It cannot search a list
    of delegates.
    """
    wanted = set(authorities)
    if not wanted:
        return set()
    grantors = sorted(wanted, key=bytes) if len(wanted) <= _MOST_SEARCHES else [None]
    searches = [join_filters(grantor, active_only=True) for grantor in grantors]
    found = session.rpc.program_accounts_together(session.programs.authorizer, *searches)
    return {grantor for accounts in found for raw in accounts for grantor in _delegator(session, raw, key)} & wanted


def _delegator(session: Session, raw: RawAccount, key: Pubkey) -> tuple[Pubkey, ...]:
    """The grantor of an authorization if ``key`` is a delegate, else nothing."""
    try:
        authorization = decode_authorization(raw, session.programs)
    except AccountError:
        return ()  # the program does not accept it either
    return (authorization.grantor,) if key in authorization.delegates else ()


def _listed(run: _FoundRun) -> ListedRun:
    account = run.account
    return ListedRun(
        run_id=run.instance.run_id,
        coordinator_instance=str(run.instance.address),
        coordinator_account=str(run.instance.coordinator_account),
        main_authority=str(run.main_authority),
        join_authority=str(run.instance.join_authority),
        treasurer=str(run.treasurer.address) if run.treasurer else None,
        state=account.run_state.text if account else None,
        layout=account.layout if account else None,
        name=_name(account) if account else None,
        epoch=account.epoch if account else None,
        step=account.step if account else None,
        total_steps=account.config["total_steps"] if account else None,
        problem=run.problem,
    )


def _name(account: CoordinatorAccount) -> str | None:
    return str(account.metadata["name"]) if account.has("metadata") else None


def _described(run: _FoundRun) -> Toned:
    if run.account is None:
        return Toned(run.problem or "", "bad")
    account = run.account
    parts = [
        "",
        f"epoch {account.epoch}",
        f"step {account.step} of {account.config['total_steps']}",
    ]
    parts += ["pays rewards"] if run.treasurer else []
    parts += [] if account.layout == WRITTEN else [f"layout {account.layout}"]
    name = _name(account)
    return shown_state(account.run_state, ", ".join(parts) + (f"  {name}" if name else ""))
