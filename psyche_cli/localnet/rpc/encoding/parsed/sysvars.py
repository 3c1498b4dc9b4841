"""The parsed form of sysvars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from psyche_cli.json_values import Json
from psyche_cli.localnet.rpc.encoding.parsed.accounts import ChainAccount
from psyche_cli.localnet.rpc.encoding.parsed.readers import (
    Reader,
    as_text,
    boolean,
    f64,
    i64,
    key,
    record,
    skipped,
    state,
    u8,
    u64,
    u128,
    vector,
)
from psyche_cli.solana.byte_reader import ByteReader
from psyche_cli.solana.programs import SYSVARS

SLOT_HISTORY_SLOTS: Final = 1024 * 1024
"""The number of slots in the slot history, a bit each."""

_WORD_BYTES: Final = 8
_FEE_CALCULATOR: Final = record(lamportsPerSignature=as_text(u64))


def _slot_bits(reader: ByteReader) -> str:
    """The bits of the slot history as digits: an optional list of words, and the number of bits."""
    if not boolean(reader):
        raise ValueError("the slot history has no bits")
    words = reader.take(reader.number(8) * _WORD_BYTES)
    if reader.number(8) < SLOT_HISTORY_SLOTS or len(words) * 8 < SLOT_HISTORY_SLOTS:
        raise ValueError("the slot history has too few bits")
    digits = format(int.from_bytes(words, "little"), f"0{len(words) * 8}b")
    return digits[::-1][:SLOT_HISTORY_SLOTS]


_SYSVARS: Final[Mapping[str, Reader]] = {
    "clock": record(slot=u64, epochStartTimestamp=i64, epoch=u64, leaderScheduleEpoch=u64, unixTimestamp=i64),
    "epochRewards": record(
        distributionStartingBlockHeight=u64,
        numPartitions=u64,
        parentBlockhash=key,
        totalPoints=as_text(u128),
        totalRewards=as_text(u64),
        distributedRewards=as_text(u64),
        active=boolean,
    ),
    "epochSchedule": record(
        slotsPerEpoch=u64, leaderScheduleSlotOffset=u64, warmup=boolean, firstNormalEpoch=u64, firstNormalSlot=u64
    ),
    "fees": record(feeCalculator=_FEE_CALCULATOR),
    "lastRestartSlot": record(lastRestartSlot=u64),
    "recentBlockhashes": vector(record(blockhash=key, feeCalculator=_FEE_CALCULATOR)),
    "rent": record(lamportsPerByteYear=as_text(u64), exemptionThreshold=f64, burnPercent=u8),
    "rewards": record(validatorPointValue=f64, unused=skipped(8)),
    "slotHashes": vector(record(slot=u64, hash=key)),
    "slotHistory": record(bits=_slot_bits, nextSlot=u64),
    "stakeHistory": vector(record(epoch=u64, stakeHistory=record(effective=u64, activating=u64, deactivating=u64))),
}
"""The content by the name, which is the type."""

_NAMES: Final = {address: name for name, address in SYSVARS.items()}


def parse(found: ChainAccount) -> Json:
    """The sysvar at this address. Raises ValueError."""
    if found.address not in _NAMES:
        raise ValueError("no known sysvar")
    kind = _NAMES[found.address]
    return state(kind, _SYSVARS[kind](ByteReader(found.account.data)))
