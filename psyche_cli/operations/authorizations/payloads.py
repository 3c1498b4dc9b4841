"""What the verbs of authorizations return to programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from psyche_cli.payload_types import Address, Unsigned


@dataclass(frozen=True)
class JoinAuthorizationData:
    """An authorization to join the runs of a join authority."""

    grantor: Annotated[Address, "The join authority."]
    grantee: Annotated[Address, "Who may join; the system program stands for everybody."]
    permissionless: Annotated[bool, "Whether everybody may join."]
    address: Annotated[Address, "The authorization's account."]
    active: bool
    created: Annotated[bool, "Whether the account was created; false where it existed."]
    already_so: Annotated[bool, "Whether it was active already, so that nothing was sent."]
    lamports: Annotated[Unsigned, "Rent that the account holds; 0 where it could not be read."]
