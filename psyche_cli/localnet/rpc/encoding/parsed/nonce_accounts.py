"""The parsed form of nonce accounts.

One that is not initialized has none: any account of the system program could be that.
"""

from __future__ import annotations

from typing import Final

from psyche_cli.json_values import Json
from psyche_cli.localnet.rpc.encoding.parsed.accounts import ChainAccount
from psyche_cli.localnet.rpc.encoding.parsed.readers import as_text, key, named, record, state, u64
from psyche_cli.solana.byte_reader import ByteReader

_VERSION: Final = named(("legacy", "current"))
_STATE: Final = named(("uninitialized", "initialized"))
_NONCE: Final = record(authority=key, blockhash=key, feeCalculator=record(lamportsPerSignature=as_text(u64)))


def parse(found: ChainAccount) -> Json:
    """The nonce. Raises ValueError."""
    reader = ByteReader(found.account.data)
    _VERSION(reader)
    if _STATE(reader) != "initialized":
        raise ValueError("the account holds no nonce")
    return state("initialized", _NONCE(reader))
