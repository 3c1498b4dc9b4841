"""The row of a ledger file that describes the other tables."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from solders.hash import Hash

from psyche_cli.limits import U64_MAX
from psyche_cli.localnet.chain.journal import ChainTime
from psyche_cli.localnet.chain.number_ranges import Ranges

_STATE: Final = struct.Struct("<13Q?")
_MODULUS: Final = U64_MAX + 1


class SetDigest(NamedTuple):
    """The number of rows of a table, and the sum of their digests."""

    rows: int = 0
    total: int = 0

    def changed(self, *, removed: Iterable[int] = (), added: Iterable[int] = ()) -> SetDigest:
        """The digest after rows with these digests are removed and added."""
        rows, total = self
        for digest in removed:
            rows, total = rows - 1, total - digest
        for digest in added:
            rows, total = rows + 1, total + digest
        return SetDigest(rows, total % _MODULUS)


_EMPTY: Final = SetDigest()


@dataclass
class LedgerState:
    """The part of the row of ``chain`` that changes with each transaction.

    ``open_from`` is the first number of the newest range of visible transactions, ``indexed`` the highest number in the
    indexes, and ``first_kept`` the lowest one that is still visible; those before may have been removed.
    """

    total: int = 0
    next_number: int = 1
    open_from: int = 1
    indexed: int = 0
    first_kept: int = 1
    accounts: SetDigest = _EMPTY
    signatures: SetDigest = _EMPTY
    addresses: SetDigest = _EMPTY
    blocks: SetDigest = _EMPTY
    is_closed: bool = False

    def pack(self) -> bytes:
        """The stored form."""
        numbers = (self.total, self.next_number, self.open_from, self.indexed, self.first_kept)
        digests = (*self.accounts, *self.signatures, *self.addresses, *self.blocks)
        return _STATE.pack(*numbers, *digests, self.is_closed)

    @classmethod
    def unpack(cls, stored: bytes) -> LedgerState:
        """The inverse of ``pack``. Raises struct.error."""
        numbers = _STATE.unpack(stored)
        accounts, signatures, addresses, blocks = (SetDigest(*numbers[at : at + 2]) for at in range(5, 13, 2))
        total, next_number, open_from, indexed_up_to, first_kept = numbers[:5]
        return cls(
            total=total,
            next_number=next_number,
            open_from=open_from,
            indexed=indexed_up_to,
            first_kept=first_kept,
            accounts=accounts,
            signatures=signatures,
            addresses=addresses,
            blocks=blocks,
            is_closed=numbers[13],
        )


@dataclass(frozen=True)
class LedgerHeader:
    """The part of the row of ``chain`` that rarely changes.

    ``until`` is an upper bound of the time that the chain reached, and ``visible`` are the numbers of the visible
    transactions before ``open_from``.
    """

    genesis_hash: Hash
    until: ChainTime
    visible: Ranges = ()

    @cached_property
    def packed(self) -> bytes:
        """The stored form."""
        until = self.until
        times = [until.slot, until.height, until.unix_time, until.warped_seconds]
        return json.dumps([str(self.genesis_hash), times, self.visible], separators=(",", ":")).encode()

    @classmethod
    def unpack(cls, stored: bytes) -> LedgerHeader:
        """The inverse of ``packed``."""
        genesis_hash, times, visible = json.loads(stored)
        return cls(Hash.from_string(genesis_hash), ChainTime(*times), tuple((first, last) for first, last in visible))
