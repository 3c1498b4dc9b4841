"""The parsed form of address lookup tables."""

from __future__ import annotations

from typing import Final

from solders.pubkey import Pubkey

from psyche_cli.json_values import Json
from psyche_cli.localnet.rpc.encoding.parsed.accounts import ChainAccount
from psyche_cli.localnet.rpc.encoding.parsed.readers import (
    ABSENT,
    as_text,
    key,
    named,
    optional,
    read_fields,
    state,
    u8,
    u64,
    unit,
)
from psyche_cli.solana.byte_reader import ByteReader

_KIND: Final = named(("uninitialized", "lookupTable"))
_META_BYTES: Final = 56
_META: Final = {
    "deactivationSlot": as_text(u64),
    "lastExtendedSlot": as_text(u64),
    "lastExtendedSlotStartIndex": u8,
    "authority": optional(key, none=ABSENT),
}


def parse(found: ChainAccount) -> Json:
    """The table with its addresses. Raises ValueError."""
    reader = ByteReader(found.account.data)
    kind = _KIND(reader)
    if kind == "uninitialized":
        return unit(kind)
    meta = read_fields(_META, reader)
    addresses = ByteReader(found.account.data)
    addresses.take(_META_BYTES)
    if addresses.left % Pubkey.LENGTH:
        raise ValueError("the addresses end in the middle of one")
    return state(kind, {**meta, "addresses": [key(addresses) for _ in range(addresses.left // Pubkey.LENGTH)]})
