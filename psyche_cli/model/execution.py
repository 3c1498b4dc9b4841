"""What an instruction sees besides the state: the clock, its signer, and the log that it writes."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field

from psyche_cli.limits import U64_MAX


@dataclass(frozen=True)
class Clock:
    """The cluster's clock: seconds since 1970 (i64) and slot (u64)."""

    unix_timestamp: int
    slot: int

    @property
    def now(self) -> int:
        """The time as the program reads it: as a u64, so that a negative one is huge."""
        return self.unix_timestamp & U64_MAX

    @property
    def random_seed(self) -> int:
        """The u64 that a round takes its committees from: known to all, chosen by nobody."""
        digest = hashlib.sha256(struct.pack("<qQ", self.unix_timestamp, self.slot)).digest()
        return int.from_bytes(digest[:8], "little")


@dataclass
class Execution:
    """One execution of one instruction. ``signer`` is a wallet (32 bytes); ``logs`` grows while it runs."""

    signer: bytes
    clock: Clock
    logs: list[str] = field(default_factory=list)

    @property
    def now(self) -> int:
        """The time, in seconds (u64)."""
        return self.clock.now

    def log(self, line: str) -> None:
        """Write one line of the program's log."""
        self.logs.append(line)
