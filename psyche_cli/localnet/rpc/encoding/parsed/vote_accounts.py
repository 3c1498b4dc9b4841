"""The parsed form of vote accounts, in each version of their state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from psyche_cli.json_values import Json
from psyche_cli.localnet.rpc.encoding.parsed.accounts import ChainAccount
from psyche_cli.localnet.rpc.encoding.parsed.readers import (
    ABSENT,
    NO_KEY,
    Reader,
    as_text,
    i64,
    items,
    key,
    named,
    optional,
    read_fields,
    record,
    skipped,
    state,
    u8,
    u16,
    u32,
    u64,
    vector,
)
from psyche_cli.solana.byte_reader import ByteReader

_PRIOR_VOTERS: Final = 32
_PERCENT: Final = 100
"""Basis points per per cent."""


def _voters(reader: ByteReader) -> Json:
    """The authorized voters by epoch; of two entries for one epoch, the later counts."""
    found = vector(record(epoch=u64, authorizedVoter=key))(reader)
    return [entry for _, entry in sorted({entry["epoch"]: entry for entry in found}.items())]


def _prior_voters(read: Reader, after: int) -> Reader:
    """The used places of a ring buffer, which ends with ``after`` bytes that are not shown."""

    def read_ring(reader: ByteReader) -> Json:
        voters = items(read, _PRIOR_VOTERS)(reader)
        reader.take(after)
        return [voter for voter in voters if voter["authorizedPubkey"] != NO_KEY]

    return read_ring


def _commission(reader: ByteReader) -> int:
    """A commission in basis points, in per cent as far as they fit into a byte."""
    return int(u16(reader)) // _PERCENT % 256


_PRIOR_VOTER: Final = {"authorizedPubkey": key, "epochOfLastAuthorizedSwitch": u64, "targetEpoch": u64}
_LOCKOUT: Final = {"slot": u64, "confirmationCount": u32}
_LANDED: Final = record(latency=skipped(1), **_LOCKOUT)
_RING: Final = _prior_voters(record(**_PRIOR_VOTER), after=9)
_CREDITS: Final = vector(record(epoch=u64, credits=as_text(u64), previousCredits=as_text(u64)))
_END: Final = {"epochCredits": _CREDITS, "lastTimestamp": record(slot=u64, timestamp=i64)}


def _fields_since_2022(lockout: Reader) -> Mapping[str, Reader]:
    """The fields of the second and third version, which differ in the form of a vote."""
    return {
        "nodePubkey": key,
        "authorizedWithdrawer": key,
        "commission": u8,
        "votes": vector(lockout),
        "rootSlot": optional(u64),
        "authorizedVoters": _voters,
        "priorVoters": _RING,
        **_END,
    }


_VERSION: Final = named(("0.23.5", "1.14.11", "3", "4"))
_FIELDS: Final[Mapping[str, Mapping[str, Reader]]] = {
    "0.23.5": {
        "nodePubkey": key,
        "authorizedVoters": lambda reader: [{"authorizedVoter": key(reader), "epoch": u64(reader)}],
        "priorVoters": _prior_voters(record(**_PRIOR_VOTER, slot=skipped(8)), after=8),
        "authorizedWithdrawer": key,
        "commission": u8,
        "votes": vector(record(**_LOCKOUT)),
        "rootSlot": optional(u64),
        **_END,
    },
    "1.14.11": _fields_since_2022(record(**_LOCKOUT)),
    "3": _fields_since_2022(_LANDED),
    "4": {
        "nodePubkey": key,
        "authorizedWithdrawer": key,
        "collectors": skipped(64),
        "commission": _commission,
        "blockRevenueCommission": skipped(2),
        "pendingDelegatorRewards": skipped(8),
        "blsPubkey": optional(skipped(48), none=ABSENT),
        "votes": vector(_LANDED),
        "rootSlot": optional(u64),
        "authorizedVoters": _voters,
        **_END,
    },
}


def parse(found: ChainAccount) -> Json:
    """The vote account. Raises ValueError."""
    reader = ByteReader(found.account.data)
    fields = read_fields(_FIELDS[_VERSION(reader)], reader)
    return state("vote", {"priorVoters": [], **fields})
