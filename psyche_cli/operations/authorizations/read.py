"""Read one join authorization, or all of a grantor."""

from __future__ import annotations

from typing import Final

from solders.pubkey import Pubkey

from psyche_cli import base58
from psyche_cli.amounts import format_sol
from psyche_cli.errors import Json
from psyche_cli.operations.authorizations.find import (
    authorization_data,
    authorization_details,
    named,
    require_authorization,
)
from psyche_cli.operations.authorizations.payloads import AuthorizationData, AuthorizationListData
from psyche_cli.operations.sessions import Session
from psyche_cli.protocol.accounts.account_checks import account_discriminator
from psyche_cli.protocol.accounts.small_accounts import Authorization, decode_authorization
from psyche_cli.protocol.addresses import ANYONE, JOIN_SCOPE, authorization_address
from psyche_cli.results import OperationResult

_GRANTOR_OFFSET: Final = 9
_SCOPE_OFFSET: Final = 73
"""Offset of the scope's length (u32), which precedes its bytes. It is the same in all authorizations."""
_ACTIVE_OFFSET: Final = _SCOPE_OFFSET + 4 + len(JOIN_SCOPE)


def read_join_authorization(
    session: Session, *, grantor: Pubkey, grantee: Pubkey
) -> OperationResult[AuthorizationData]:
    """Read one authorization in one round trip. Raises AccountNotFound, AccountError."""
    found = session.rpc.account(authorization_address(grantor, grantee, session.programs))
    authorization = require_authorization(session, found, grantor=grantor, grantee=grantee)
    state = "active and can" if authorization.active else "inactive and cannot"
    return OperationResult(
        summary=f"The join authorization for {named(grantee)} is {state} be used to join.",
        data=authorization_data(authorization),
        details=authorization_details(authorization),
    )


def list_join_authorizations(session: Session, *, grantor: Pubkey) -> OperationResult[AuthorizationListData]:
    """Read all join authorizations of a grantor in one round trip, filtered by the node. Raises AccountError."""
    found = session.rpc.program_accounts(session.programs.authorizer, join_filters(grantor))
    authorizations = [decode_authorization(raw, session.programs) for raw in found]
    authorizations.sort(key=lambda one: (one.grantee != ANYONE, str(one.grantee)))
    lamports = sum(authorization.lamports for authorization in authorizations)
    count = len(authorizations)
    held = f"They hold {format_sol(lamports)} SOL of rent." if count > 1 else f"It holds {format_sol(lamports)} SOL."
    active = sum(authorization.active for authorization in authorizations)
    return OperationResult(
        summary=(
            f"{grantor} has {count} join authorization{'' if count == 1 else 's'}, {active} active. {held}"
            if count > 0
            else f"{grantor} has no join authorizations."
        ),
        data=AuthorizationListData(
            grantor=str(grantor),
            authorizations=[authorization_data(authorization) for authorization in authorizations],
            lamports=lamports,
        ),
        details=tuple(row for authorization in authorizations for row in _rows(authorization)),
    )


def join_filters(grantor: Pubkey | None, *, active_only: bool = False) -> list[Json]:
    """``getProgramAccounts`` filters for the account type, the scope, ``grantor`` unless it is None, and with
    ``active_only`` for active authorizations."""
    scope = len(JOIN_SCOPE).to_bytes(4, "little") + JOIN_SCOPE
    parts = [(0, account_discriminator("Authorization")), (_SCOPE_OFFSET, scope)]
    parts += [(_GRANTOR_OFFSET, bytes(grantor))] if grantor is not None else []
    parts += [(_ACTIVE_OFFSET, b"\1")] if active_only else []
    return [{"memcmp": {"offset": offset, "bytes": base58.encode(content)}} for offset, content in parts]


def _rows(authorization: Authorization) -> list[tuple[str, str]]:
    """A row for the grantee, and one for each delegate."""
    who = "everyone" if authorization.grantee == ANYONE else str(authorization.grantee)
    rent = f"{format_sol(authorization.lamports)} SOL"
    state = "active" if authorization.active else "inactive"
    count = len(authorization.delegates)
    delegates = f", {count} delegate{'' if count == 1 else 's'}" if count > 0 else ""
    return [(who, f"{state}, {rent}{delegates}"), *(("  delegate", str(key)) for key in authorization.delegates)]
