"""JSON payloads of the wallet verbs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from psyche_cli.payload_types import Address, Unsigned


@dataclass(frozen=True)
class PublicKeyData:
    """The public key of a keypair."""

    address: Annotated[Address, "The public key."]


@dataclass(frozen=True)
class BalanceData:
    """The balance of an address; 0 if the account does not exist."""

    address: Address
    lamports: Unsigned
    sol: Annotated[Decimal, "The balance in SOL, exact."]
