"""JSON payloads of the authorization verbs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from psyche_cli.payload_types import Address, Unsigned


@dataclass(frozen=True)
class JoinAuthorizationData:
    """An authorization to join the runs of a join authority."""

    grantor: Annotated[Address, "The join authority."]
    grantee: Annotated[Address, "The key that may join; the system program's address means everyone."]
    permissionless: Annotated[bool, "Whether everyone may join."]
    address: Annotated[Address, "Address of the authorization account."]
    active: bool
    created: Annotated[bool, "Whether the command created the account; false if it already existed."]
    already_so: Annotated[bool, "Whether the authorization was already active, so nothing was sent."]
    lamports: Annotated[Unsigned, "Balance of the account, which pays its rent; 0 if it could not be read."]


@dataclass(frozen=True)
class AuthorizationData:
    """An authorization as it is on-chain."""

    grantor: Annotated[Address, "The join authority."]
    grantee: Annotated[Address, "The key that may join; the system program's address means everyone."]
    permissionless: Annotated[bool, "Whether everyone may join."]
    address: Annotated[Address, "Address of the authorization account."]
    active: Annotated[bool, "Whether the authorization can be used to join."]
    delegates: Annotated[list[Address], "Keys that may join on behalf of the grantee."]
    lamports: Annotated[Unsigned, "Balance of the account, which pays its rent."]
    grantor_update_unix_timestamp: Annotated[
        int | None, "Unix time in seconds when the grantor last activated or deactivated it; null if never."
    ]


@dataclass(frozen=True)
class AuthorizationListData:
    """All join authorizations of a grantor."""

    grantor: Annotated[Address, "The join authority."]
    authorizations: Annotated[list[AuthorizationData], "The one for everyone first, the others sorted by grantee."]
    lamports: Annotated[Unsigned, "Total balance of all accounts."]


@dataclass(frozen=True)
class DelegatesData:
    """A change to the delegates of an authorization."""

    already_so: Annotated[bool, "Whether the delegates were already as requested, so nothing was sent."]
    added: Annotated[list[Address], "Delegates that were added."]
    removed: Annotated[list[Address], "Delegates that were removed."]
    rent_change_lamports: Annotated[int, "Rent that the wallet paid; negative for rent that it recovered."]
    authorization: AuthorizationData


@dataclass(frozen=True)
class DeactivatedData:
    """An authorization that was deactivated."""

    already_so: Annotated[bool, "Whether it was already inactive, so nothing was sent."]
    authorization: Annotated[AuthorizationData | None, "Null if it was already closed."]
    closing_transaction: Annotated[str | None, "Signature of the transaction that closed it; null if it exists."]


@dataclass(frozen=True)
class ClosedAuthorizationData:
    """An authorization whose account was closed."""

    already_so: Annotated[bool, "Whether it was already closed, so nothing was sent."]
    closing_transaction: Annotated[str, "Signature of the transaction that closed it."]
    grantor: Annotated[Address, "The join authority."]
    grantee: Annotated[Address, "The key that could join; the system program's address means everyone."]
    address: Annotated[Address, "Address of the closed account."]
    recovered_lamports: Annotated[Unsigned, "The balance of the account, without deducting the fee."]
    recovered_by: Annotated[Address | None, "The wallet that received it; null if it was already closed."]


@dataclass(frozen=True)
class AuthorizedLine:
    """A line in a file of grantees."""

    line: Annotated[Unsigned, "Line number in the file, from 1."]
    grantee: Annotated[Address, "The key that may join."]
    address: Annotated[Address, "Address of the authorization account."]
    outcome: Annotated[
        Literal["created", "activated", "already active", "repeated"],
        "The outcome for this line; repeated means that an earlier line has the same key.",
    ]
    signature: Annotated[str | None, "Signature of the transaction; null if none was needed."]


@dataclass(frozen=True)
class AuthorizedFileData:
    """The join authorizations for a file of grantees."""

    grantor: Annotated[Address, "The join authority."]
    already_so: Annotated[bool, "Whether all authorizations were already active, so nothing was sent."]
    created: Unsigned
    activated: Unsigned
    lines: list[AuthorizedLine]
