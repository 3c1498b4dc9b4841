"""What a vault has received, as it was seen over time: it limits the transfers of 24 hours, by any command.

A vault pays only what its members claim, and the treasurer's Run counts that. So its balance plus the claimed amount is
all that it has ever received, which each check reads at one slot. It is recorded whenever it has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from psyche_cli.sqlite_files import SqliteFile

TABLE: Final = """
CREATE TABLE IF NOT EXISTS received (
    number INTEGER PRIMARY KEY,
    genesis_hash TEXT NOT NULL,
    vault TEXT NOT NULL,
    first_time INTEGER NOT NULL,
    last_time INTEGER NOT NULL,
    amount TEXT NOT NULL
)
"""
INDEX: Final = "CREATE INDEX IF NOT EXISTS of_vaults ON received (genesis_hash, vault, first_time)"


class Level(NamedTuple):
    """What a vault had received in all, in base units: ``amount`` at ``first``, still at ``last``, and in between.

    Both are times in seconds since 1970 by the cluster's clock.
    """

    first: int
    last: int
    amount: int


class ReceivedAmounts:
    """The levels of a vault on a cluster, in the record of scheduled acts.

    Methods raise JournalError, JournalDamaged and JournalTooNew.
    """

    def __init__(self, file: SqliteFile, genesis_hash: str, vault: str) -> None:
        self._file = file
        self._vault = (genesis_hash, vault)

    def levels(self) -> list[Level]:
        """All levels that are kept, oldest first. Creates nothing."""
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT first_time, last_time, amount FROM received WHERE genesis_hash = ? AND vault = ? "
                "ORDER BY first_time, number",
                self._vault,
            ).fetchall()
        return [Level(first, last, int(amount)) for first, last, amount in rows]

    def replace(self, levels: Sequence[Level]) -> None:
        """Replace all levels of the vault."""
        with self._file.writing() as connection:
            connection.execute("DELETE FROM received WHERE genesis_hash = ? AND vault = ?", self._vault)
            connection.executemany(
                "INSERT INTO received (genesis_hash, vault, first_time, last_time, amount) VALUES (?, ?, ?, ?, ?)",
                # As text: an amount may exceed the integers of SQLite, which are signed.
                [(*self._vault, level.first, level.last, str(level.amount)) for level in levels],
            )


def with_level(levels: Sequence[Level], time: int, amount: int, since: int) -> list[Level]:
    """The levels with what was read at ``time``, without those that say nothing about the time after ``since``.

    A node may lag: what is older than the last level is known already.
    """
    found = [*levels]
    last = found[-1] if found else None
    if last is None or (time >= last.last and amount != last.amount):
        found.append(Level(time, time, amount))
    elif time > last.last:
        found[-1] = last._replace(last=time)
    return found[_index_of_base(found, since) :]


def is_known_since(levels: Sequence[Level], since: int) -> bool:
    """Whether the levels tell what was received after ``since``, or more."""
    return bool(levels) and levels[0].first <= since


def received_since(levels: Sequence[Level], since: int) -> int:
    """What was received after ``since`` as far as it is known, in base units; possibly also some of what was before.

    What was received between two reads counts as received at the second one. A level below an earlier one is that of
    another Run with the same vault, and is no income.
    """
    counted = levels[_index_of_base(levels, since) :]
    return sum(max(later.amount - earlier.amount, 0) for earlier, later in pairwise(counted))


def first_income(levels: Sequence[Level], since: int) -> int | None:
    """The time after ``since`` of the first income that counts; None if there is none."""
    counted = levels[_index_of_base(levels, since) :]
    return next((later.first for earlier, later in pairwise(counted) if later.amount > earlier.amount), None)


def _index_of_base(levels: Sequence[Level], since: int) -> int:
    """The index of the last level that was reached by ``since``; 0 if none was."""
    return max((number for number, level in enumerate(levels) if level.first <= since), default=0)
