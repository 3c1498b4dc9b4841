"""Reading and describing join authorizations."""

from __future__ import annotations

from datetime import datetime, timezone

from solders.pubkey import Pubkey

from psyche_cli.amounts import format_sol
from psyche_cli.errors import AccountNotFound, UsageError
from psyche_cli.operations.authorizations.payloads import AuthorizationData
from psyche_cli.operations.sessions import Session
from psyche_cli.protocol.accounts.small_accounts import Authorization, decode_authorization
from psyche_cli.protocol.addresses import ANYONE, authorization_address, parse_pubkey
from psyche_cli.solana.raw_account import RawAccount, taken


def choose_grantee(authorizer: str | None, *, permissionless: bool) -> Pubkey:
    """The grantee: one public key, or ``ANYONE``. Raises UsageError unless exactly one of the two options is given."""
    if permissionless == (authorizer is not None):
        raise UsageError(
            "Specify either --authorizer PUBKEY or --permissionless.",
            hint="--permissionless means everyone; --authorizer means only that key and its delegates.",
        )
    return ANYONE if authorizer is None else parse_pubkey(authorizer, "--authorizer")


def decoded_if_taken(session: Session, found: RawAccount | None) -> Authorization | None:
    """Decode an authorization; None if the account does not exist. Raises AccountError."""
    raw = taken(found)
    return None if raw is None else decode_authorization(raw, session.programs)


def require_authorization(
    session: Session, found: RawAccount | None, *, grantor: Pubkey, grantee: Pubkey
) -> Authorization:
    """Decode an authorization. Raises AccountNotFound if the account does not exist, AccountError."""
    authorization = decoded_if_taken(session, found)
    if authorization is None:
        raise AccountNotFound(
            f"{grantor} has not authorized {named(grantee)} to join.",
            hint="Check the keys. The grantor creates an authorization with join-authorization-create.",
            address=str(authorization_address(grantor, grantee, session.programs)),
        )
    return authorization


def named(grantee: Pubkey) -> str:
    """The name of a grantee in messages."""
    return "everyone" if grantee == ANYONE else str(grantee)


def authorization_data(authorization: Authorization) -> AuthorizationData:
    """The authorization as a JSON payload."""
    updated = authorization.grantor_update_timestamp
    return AuthorizationData(
        grantor=str(authorization.grantor),
        grantee=str(authorization.grantee),
        permissionless=authorization.grantee == ANYONE,
        address=str(authorization.address),
        active=authorization.active,
        delegates=[str(delegate) for delegate in authorization.delegates],
        lamports=authorization.lamports,
        grantor_update_unix_timestamp=None if updated == 0 else updated,
    )


def authorization_details(authorization: Authorization) -> tuple[tuple[str, str], ...]:
    """The authorization as rows of human-readable output."""
    everyone = " (everyone)" if authorization.grantee == ANYONE else ""
    updated = authorization.grantor_update_timestamp
    return (
        ("grantor (join authority)", str(authorization.grantor)),
        ("grantee", f"{authorization.grantee}{everyone}"),
        ("authorization", str(authorization.address)),
        ("active", "yes" if authorization.active else "no"),
        ("last changed by grantor", "never" if updated == 0 else time_text(updated)),
        ("rent", f"{format_sol(authorization.lamports)} SOL"),
        ("delegates", str(len(authorization.delegates))),
        *((f"delegate {number}", str(key)) for number, key in enumerate(authorization.delegates, 1)),
    )


def time_text(unix_timestamp: int) -> str:
    """A Unix time in seconds, formatted in UTC."""
    try:
        return datetime.fromtimestamp(unix_timestamp, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):  # outside the range of datetime
        return f"{unix_timestamp} seconds since 1970"
