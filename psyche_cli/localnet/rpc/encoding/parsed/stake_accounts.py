"""The parsed form of stake accounts."""

from __future__ import annotations

from typing import Final

from psyche_cli.json_values import Json
from psyche_cli.localnet.rpc.encoding.parsed.accounts import ChainAccount
from psyche_cli.localnet.rpc.encoding.parsed.readers import as_text, f64, i64, key, named, record, state, u64, unit
from psyche_cli.solana.byte_reader import ByteReader

_KIND: Final = named(("uninitialized", "initialized", "delegated", "rewardsPool"))
_META: Final = record(
    rentExemptReserve=as_text(u64),
    authorized=record(staker=key, withdrawer=key),
    lockup=record(unixTimestamp=i64, epoch=u64, custodian=key),
)
_STAKE: Final = record(
    delegation=record(
        voter=key,
        stake=as_text(u64),
        activationEpoch=as_text(u64),
        deactivationEpoch=as_text(u64),
        warmupCooldownRate=f64,
    ),
    creditsObserved=u64,
)


def parse(found: ChainAccount) -> Json:
    """The stake account. Raises ValueError."""
    reader = ByteReader(found.account.data)
    kind = _KIND(reader)
    if kind not in ("initialized", "delegated"):
        return unit(kind)
    meta = _META(reader)
    if kind == "initialized":
        return state(kind, {"meta": meta, "stake": None})
    stake = _STAKE(reader)
    reader.take(1)  # flags, which are not shown
    return state(kind, {"meta": meta, "stake": stake})
