"""The authorizations with which members may join a run: those that its history does not know, and their check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from psyche_cli.errors import NetworkError
from psyche_cli.history.authorizations import replayed_authorizations
from psyche_cli.history.comparison import authorization_differences
from psyche_cli.history.store import History
from psyche_cli.operations.authorizations.read import join_filters
from psyche_cli.operations.sessions import Session
from psyche_cli.protocol.accounts.small_accounts import Authorization, decode_authorization, decode_instance
from psyche_cli.protocol.addresses import instance_address
from psyche_cli.solana.raw_account import taken


class FoundAuthorizations(NamedTuple):
    """The authorizations of a run's join authority by their addresses, when ``finalized_slot`` was finalized."""

    grantor: str
    by_address: Mapping[str, Authorization]
    finalized_slot: int


def find_authorizations(session: Session, run_id: str) -> FoundAuthorizations | None:
    """The authorizations of the join authority of a run now; None for a run that does not exist.

    Asks once, because many endpoints do not permit such a search. Raises NetworkError.
    """
    rpc, programs = session.rpc.without_retries(), session.programs
    address = instance_address(run_id, programs)
    finalized_slot = rpc.chain_position("finalized").slot
    raw = taken(rpc.account(address))
    if raw is None:
        return None
    grantor = decode_instance(raw, programs).join_authority
    found = [
        decode_authorization(one, programs) for one in rpc.program_accounts(programs.authorizer, join_filters(grantor))
    ]
    return FoundAuthorizations(str(grantor), {str(one.address): one for one in found}, finalized_slot)


def wrong_authorizations(history: History, found: FoundAuthorizations) -> Iterator[str]:
    """In what the authorizations differ from the replayed ones, in sentences. Those that just changed are left out."""
    incomplete = {gap.address for gap in history.gaps()}
    for address, replayed in replayed_authorizations(history.authorizer_events()).items():
        is_settled = replayed.place.slot <= found.finalized_slot and address not in incomplete
        if replayed.grantor == found.grantor and is_settled:
            for one in authorization_differences(replayed, found.by_address.get(address)):
                yield f"Of the authorization {address}, {one.sentence}"


def try_to_find_authorizations(session: Session, run_id: str) -> FoundAuthorizations | NetworkError | None:
    """Like ``find_authorizations``, but returns the error of an endpoint that does not permit the search."""
    try:
        return find_authorizations(session, run_id)
    except NetworkError as error:
        return error
