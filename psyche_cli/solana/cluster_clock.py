"""What time it is on the cluster, as its clock sysvar says."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from psyche_cli.errors import AccountNotFound, MalformedAccount
from psyche_cli.solana.programs import CLOCK_SYSVAR
from psyche_cli.solana.raw_account import RawAccount

_LAYOUT: Final = struct.Struct("<QqQQq")
"""Slot, start of the epoch, epoch, epoch of the leader schedule, time."""


@dataclass(frozen=True)
class ClusterClock:
    """The slot, and seconds since 1970-01-01 UTC."""

    slot: int
    unix_timestamp: int


def decode_clock(raw: RawAccount | None) -> ClusterClock:
    """Read the clock sysvar (40 bytes). Raises AccountNotFound or MalformedAccount where there is no such thing."""
    if raw is None:
        raise AccountNotFound(
            f"The cluster has no account {CLOCK_SYSVAR}, which holds its time.", address=str(CLOCK_SYSVAR)
        )
    try:
        slot, _, _, _, unix_timestamp = _LAYOUT.unpack(raw.data)
    except struct.error as error:
        raise MalformedAccount(
            f"The account {CLOCK_SYSVAR} does not hold the cluster's time.", address=str(raw.address)
        ) from error
    return ClusterClock(slot=slot, unix_timestamp=unix_timestamp)
