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
    active: Annotated[bool, "Whether it lets anybody join."]
    delegates: Annotated[list[Address], "Keys that may join in the grantee's place."]
    lamports: Annotated[Unsigned, "Balance of the account, which pays its rent."]
    grantor_update_unix_timestamp: Annotated[
        int | None, "When the grantor last activated or deactivated it, in seconds; null if never."
    ]


@dataclass(frozen=True)
class AuthorizationListData:
    """All join authorizations of a grantor."""

    grantor: Annotated[Address, "The join authority."]
    authorizations: Annotated[list[AuthorizationData], "That of everyone first, then by grantee."]
    lamports: Annotated[Unsigned, "Balance of all the accounts."]


@dataclass(frozen=True)
class DelegatesData:
    """The delegates of an authorization, after they were changed."""

    already_so: Annotated[bool, "Whether the delegates were as requested, so that nothing was sent."]
    added: Annotated[list[Address], "Delegates that were not there before."]
    removed: Annotated[list[Address], "Delegates that are no longer there."]
    rent_change_lamports: Annotated[int, "Rent that the wallet paid; negative for rent that it got back."]
    authorization: AuthorizationData


@dataclass(frozen=True)
class DeactivatedData:
    """An authorization that no longer lets anybody join."""

    already_so: Annotated[bool, "Whether it was inactive, so that nothing was sent."]
    authorization: AuthorizationData


@dataclass(frozen=True)
class ClosedAuthorizationData:
    """An authorization whose account was closed."""

    grantor: Annotated[Address, "The join authority."]
    grantee: Annotated[Address, "The key that could join; the system program's address means everyone."]
    address: Annotated[Address, "Address that the account had."]
    recovered_lamports: Annotated[Unsigned, "What the account held, before the fee."]
    recovered_by: Annotated[Address, "The wallet that received it."]


@dataclass(frozen=True)
class AuthorizedLine:
    """A line of a file of grantees."""

    line: Annotated[Unsigned, "Its number in the file, from 1."]
    grantee: Annotated[Address, "The key that may join."]
    address: Annotated[Address, "Address of the authorization account."]
    outcome: Annotated[
        Literal["created", "activated", "already active", "repeated"],
        "What was done for it; repeated: an earlier line names the same key.",
    ]
    signature: Annotated[str | None, "The transaction, if the line needed one."]


@dataclass(frozen=True)
class AuthorizedFileData:
    """The join authorizations for a file of grantees."""

    grantor: Annotated[Address, "The join authority."]
    already_so: Annotated[bool, "Whether all were active, so that nothing was sent."]
    created: Unsigned
    activated: Unsigned
    lines: list[AuthorizedLine]
