"""List the runs on a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from solders.pubkey import Pubkey

from psyche_cli import base58
from psyche_cli.errors import AccountError, Json
from psyche_cli.limits import COORDINATOR_INSTANCE_BYTES
from psyche_cli.operations.authorizations.find import decoded_if_taken
from psyche_cli.operations.observe.run_payloads import ListedRun, RunListData
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.tones import shown_state
from psyche_cli.protocol.accounts.account_checks import account_discriminator
from psyche_cli.protocol.accounts.coordinator_account import HEADER_BYTES, CoordinatorAccount, decode_coordinator_header
from psyche_cli.protocol.accounts.small_accounts import (
    JOIN_AUTHORITY_OFFSET,
    CoordinatorInstance,
    TreasurerRun,
    decode_instance,
    decode_treasurer_run,
)
from psyche_cli.protocol.addresses import ANYONE, authorization_address
from psyche_cli.protocol.run_states import RunState
from psyche_cli.results import OperationResult, Toned
from psyche_cli.solana.raw_account import RawAccount, taken


@dataclass(frozen=True)
class RunFilter:
    """Which runs to list; None means no restriction.

    ``mine`` is the required main authority. ``joinable_by`` is a key that must be able to join now: the run is not
    halted, and everyone or the key itself is authorized. ``join_authority`` is filtered by the node.
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


def list_runs(session: Session, only: RunFilter) -> OperationResult[RunListData]:
    """The runs that pass the filter.

    Reads the instances in one call, then the beginning of each coordinator account (1,048 of 119,160 bytes) and the
    treasurers' Run accounts, 100 accounts per call; with ``joinable_by``, also the authorizations. A run whose account
    cannot be decoded is listed with the reason. Raises NetworkError.
    """
    instances = _instances(session, only.join_authority)
    found = [run for run in _found_runs(session, instances) if _passes(run, only)]
    if only.joinable_by is not None:
        open_for = _authorities_that_let_join(session, (run.instance.join_authority for run in found), only.joinable_by)
        found = [run for run in found if run.instance.join_authority in open_for]
    found.sort(key=lambda run: (run.state != RunState.WAITING_FOR_MEMBERS, run.instance.run_id))
    count = len(found)
    return OperationResult(
        summary=f"Found {count} run{'' if count == 1 else 's'} on {session.rpc.label}.",
        data=RunListData(runs=[_listed(run) for run in found]),
        details=tuple((run.instance.run_id, _described(run)) for run in found),
    )


def _instances(session: Session, join_authority: Pubkey | None) -> list[CoordinatorInstance]:
    """The instances of all runs, except those that cannot be decoded."""
    filters: list[Json] = [
        {"dataSize": COORDINATOR_INSTANCE_BYTES},
        _equal(0, account_discriminator("CoordinatorInstance")),
    ]
    if join_authority is not None:
        filters.append(_equal(JOIN_AUTHORITY_OFFSET, bytes(join_authority)))
    instances = []
    for raw in session.rpc.program_accounts(session.programs.coordinator, filters):
        try:
            instances.append(decode_instance(raw, session.programs))
        except AccountError as error:
            session.notify(f"Skipped: {error.message}")
    return instances


def _equal(offset: int, content: bytes) -> Json:
    return {"memcmp": {"offset": offset, "bytes": base58.encode(content)}}


def _found_runs(session: Session, instances: Iterable[CoordinatorInstance]) -> list[_FoundRun]:
    """The instances with the accounts that they refer to. Only an off-curve main authority can be a treasurer's Run."""
    instances = list(instances)
    addresses = dict.fromkeys(
        [instance.coordinator_account for instance in instances]
        + [instance.main_authority for instance in instances if not instance.main_authority.is_on_curve()]
    )
    raw = dict(zip(addresses, session.rpc.accounts(list(addresses), first_bytes=HEADER_BYTES), strict=True))
    return [_found_run(session, instance, raw) for instance in instances]


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


def _authorities_that_let_join(session: Session, authorities: Iterable[Pubkey], key: Pubkey) -> set[Pubkey]:
    """The join authorities that have authorized everyone, or this key."""
    pairs = [(authority, grantee) for authority in dict.fromkeys(authorities) for grantee in (ANYONE, key)]
    addresses = [authorization_address(authority, grantee, session.programs) for authority, grantee in pairs]
    open_for = set()
    for (authority, _), raw in zip(pairs, session.rpc.accounts(addresses), strict=True):
        try:
            authorization = decoded_if_taken(session, raw)
        except AccountError:
            continue  # the program does not accept it either
        if authorization is not None and authorization.is_valid_for(authority, key):
            open_for.add(authority)
    return open_for


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
        name=str(account.metadata["name"]) if account else None,
        epoch=account.epoch if account else None,
        step=account.step if account else None,
        total_steps=account.config["total_steps"] if account else None,
        problem=run.problem,
    )


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
    name = str(account.metadata["name"])
    return shown_state(account.run_state, ", ".join(parts) + (f"  {name}" if name else ""))
