"""JSON payloads of the ``nonce`` verbs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from psyche_cli.payload_types import Address, Unsigned


@dataclass(frozen=True)
class NonceData:
    """A nonce account."""

    nonce_account: Address
    authority: Annotated[Address, "The key that must sign to use or close it."]
    value: Annotated[str | None, "The current value in base58; null if it could not be read after it was created."]
    lamports: Annotated[Unsigned, "The rent in the account."]


@dataclass(frozen=True)
class ClosedNonceData:
    """A nonce account that was closed."""

    nonce_account: Address
    recovered_lamports: Unsigned
    recovered_by: Address
