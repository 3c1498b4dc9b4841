"""The cluster's time, from its clock sysvar."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from psyche_cli.errors import AccountNotFound, MalformedAccount
from psyche_cli.solana.programs import CLOCK_SYSVAR
from psyche_cli.solana.raw_account import RawAccount

_LAYOUT: Final = struct.Struct("<QqQQq")
"""Slot, start time of the epoch, epoch, epoch of the leader schedule, Unix time."""


@dataclass(frozen=True)
class ClusterClock:
    """The slot, and the Unix time in seconds."""

    slot: int
    unix_timestamp: int


def decode_clock(raw: RawAccount | None) -> ClusterClock:
    """Decode the clock sysvar (40 bytes). Raises AccountNotFound or MalformedAccount if it is not one."""
    if raw is None:
        raise AccountNotFound(
            f"The clock sysvar {CLOCK_SYSVAR} does not exist on this cluster.", address=str(CLOCK_SYSVAR)
        )
    try:
        slot, _, _, _, unix_timestamp = _LAYOUT.unpack(raw.data)
    except struct.error as error:
        raise MalformedAccount(
            f"The account {CLOCK_SYSVAR} does not contain a valid clock.", address=str(raw.address)
        ) from error
    return ClusterClock(slot=slot, unix_timestamp=unix_timestamp)
