"""The context of an instruction, apart from the state: the clock, the signer, and the log."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field

from psyche_cli.limits import U64_MAX


@dataclass(frozen=True)
class Clock:
    """The cluster's clock: Unix time in seconds (i64) and slot (u64)."""

    unix_timestamp: int
    slot: int

    @property
    def now(self) -> int:
        """The Unix time as the program reads it: reinterpreted as u64, so that a negative time becomes huge."""
        return self.unix_timestamp & U64_MAX

    @property
    def random_seed(self) -> int:
        """The u64 seed of a round's committees: the first 8 bytes of SHA-256 over time and slot, little-endian."""
        digest = hashlib.sha256(struct.pack("<qQ", self.unix_timestamp, self.slot)).digest()
        return int.from_bytes(digest[:8], "little")


@dataclass
class Execution:
    """The execution of one instruction. ``signer`` is a wallet (32 bytes); ``logs`` collects the log lines."""

    signer: bytes
    clock: Clock
    logs: list[str] = field(default_factory=list)

    @property
    def now(self) -> int:
        """The Unix time in seconds (u64)."""
        return self.clock.now

    def log(self, line: str) -> None:
        """Append one line to the program's log."""
        self.logs.append(line)
