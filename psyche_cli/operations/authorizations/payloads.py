"""JSON payloads of the authorization verbs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

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
