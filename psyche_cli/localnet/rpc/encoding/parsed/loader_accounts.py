"""The parsed form of accounts of the upgradeable loader: programs, their data, and buffers."""

from __future__ import annotations

from typing import Final

from psyche_cli.json_values import Json
from psyche_cli.localnet.rpc.encoding.parsed.accounts import ChainAccount
from psyche_cli.localnet.rpc.encoding.parsed.readers import (
    base64_rest,
    key,
    named,
    optional,
    record,
    state,
    u64,
    unit,
)
from psyche_cli.solana.byte_reader import ByteReader

_KIND: Final = named(("uninitialized", "buffer", "program", "programData"))
_INFO: Final = {
    "buffer": record(authority=optional(key), data=base64_rest),
    "program": record(programData=key),
    "programData": record(slot=u64, authority=optional(key), data=base64_rest),
}
"""Without an authority, the data begin where it would be, so that they begin with the bytes of the last authority."""


def parse(found: ChainAccount) -> Json:
    """The account; programs and buffers with their code. Raises ValueError."""
    reader = ByteReader(found.account.data)
    kind = _KIND(reader)
    return state(kind, _INFO[kind](reader)) if kind in _INFO else unit(kind)
