"""The accounts of a run that go into its archive: all that commands read about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from psyche_cli.errors import AccountError, AccountNotFound, RunNotFound
from psyche_cli.operations.archives.accounts import ArchivedAccount
from psyche_cli.operations.archives.format import Search
from psyche_cli.operations.authorizations.read import join_filters
from psyche_cli.operations.observe.list_runs import instance_filters
from psyche_cli.operations.runs.find import Run, locate_run
from psyche_cli.protocol.addresses import (
    ANYONE,
    associated_token_address,
    authorization_address,
    instance_address,
    participant_address,
    treasurer_index,
    treasurer_run_address,
)
from psyche_cli.solana.cluster_clock import decode_clock
from psyche_cli.solana.deployments import PROGRAM_DATA_HEADER_BYTES, program_data_address
from psyche_cli.solana.programs import CLOCK_SYSVAR

if TYPE_CHECKING:
    from solders.pubkey import Pubkey

    from psyche_cli.operations.runs.find import LocatedRun
    from psyche_cli.operations.sessions import Session
    from psyche_cli.solana.cluster_clock import ClusterClock
    from psyche_cli.solana.rpc.client import RpcClient

_MOST_READS: Final = 5
"""How often the accounts are read if members join meanwhile."""


class Collected(NamedTuple):
    """The accounts of a run, the searches that they answer, and the clock of the cluster with them.

    ``run`` is None if the run does not exist, or if its account cannot be decoded.
    """

    accounts: list[ArchivedAccount]
    searches: list[Search]
    clock: ClusterClock
    run: Run | None


def collect(session: Session, run_id: str, index: int | None, keys: Sequence[Pubkey]) -> Collected:
    """Read the accounts of a run, and what is known of further ``keys``.

    The first 100 are read at the same slot, among them the run itself. Raises InvalidRunId, UsageError, AccountError,
    NetworkError.
    """
    derived = treasurer_run_address(treasurer_index(run_id) if index is None else index, session.programs)
    first = [CLOCK_SYSVAR, instance_address(run_id, session.programs), derived]
    searches = [Search(str(session.programs.coordinator), instance_filters())]
    code = _read(session.rpc, _program_addresses(session), first_bytes=PROGRAM_DATA_HEADER_BYTES)
    try:
        located = locate_run(session, run_id, index)
    except RunNotFound:
        accounts = _read(session.rpc, first)
        return Collected([*accounts, *code], searches, _clock(accounts), None)
    grantor = located.instance.join_authority
    filters = join_filters(grantor)
    searches.append(Search(str(session.programs.authorizer), filters))
    first += [*located.addresses, *([located.treasurer.address] if located.treasurer else [])]
    accounts, run = list[ArchivedAccount](), None
    for _ in range(_MOST_READS):
        permits = [raw.address for raw in session.rpc.program_accounts(session.programs.authorizer, filters)]
        wallets = _wallets(run)
        more = [address for key in (*wallets, *keys) for address in _of_key(session, located, key)]
        others = [
            located.main_authority,
            located.instance.main_authority,
            grantor,
            authorization_address(grantor, ANYONE, session.programs),
        ]
        accounts = _read(session.rpc, [*dict.fromkeys((*first, *others, *permits, *more))])
        run = _decoded(located, accounts)
        if _wallets(run) == wallets:
            break
    return Collected([*accounts, *code], searches, _clock(accounts), run)


def _wallets(run: Run | None) -> list[Pubkey]:
    return [] if run is None else [client.id.wallet for client in run.account.clients]


def _of_key(session: Session, located: LocatedRun, key: Pubkey) -> Iterator[Pubkey]:
    """The accounts that belong to a wallet in a run."""
    yield key
    yield authorization_address(located.instance.join_authority, key, session.programs)
    if located.treasurer is not None:
        yield participant_address(located.treasurer.address, key, session.programs)
        yield associated_token_address(key, located.treasurer.collateral_mint)


def _decoded(located: LocatedRun, accounts: Sequence[ArchivedAccount]) -> Run | None:
    found = {one.address: one.account for one in accounts}
    try:
        return located.read([found[address] for address in located.addresses])
    except (AccountError, AccountNotFound):
        return None


def _read(rpc: RpcClient, addresses: Sequence[Pubkey], *, first_bytes: int | None = None) -> list[ArchivedAccount]:
    client = rpc.remembering()
    found = client.accounts(addresses, first_bytes=first_bytes)
    slots = [client.last_read(address) for address in addresses]
    return [
        ArchivedAccount(address, 0 if slot is None else slot[0], raw)
        for address, raw, slot in zip(addresses, found, slots, strict=True)
    ]


def _program_addresses(session: Session) -> list[Pubkey]:
    programs = session.programs.by_name.values()
    return [*programs, *map(program_data_address, programs)]


def _clock(accounts: Sequence[ArchivedAccount]) -> ClusterClock:
    return decode_clock(accounts[0].account)
