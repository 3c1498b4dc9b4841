"""The fees of each epoch of a run, according to what the coordinator program logged in its transactions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from psyche_cli.operations.observe.run_payloads import EpochFees

if TYPE_CHECKING:
    from solders.pubkey import Pubkey

    from psyche_cli.solana.rpc.whole_transactions import LedgerTransaction

_EPOCH_ENDED: Final = "Epoch end, sucecsss: true"
"""What the coordinator program logs when it increments the number of the epoch. (The misspelling is the program's.)"""

_INVOKED: Final = re.compile(r"Program (\w+) invoke \[\d+\]")
_RETURNED: Final = re.compile(r"Program \w+ (?:success|failed: .*)")
_LOG: Final = "Program log: "


def fees_by_epoch(
    newest_first: Sequence[LedgerTransaction | None], *, current: int, complete: bool, coordinator: Pubkey
) -> list[EpochFees]:
    """The fees of each epoch, oldest first, counting backward from ``current``, the number of the current epoch.

    A transaction that ends an epoch belongs to that epoch, and everything before the first epoch ends to epoch 0. None
    is a transaction that the node no longer has: nothing before it can be assigned. ``complete`` is whether these are
    all transactions of the run.
    """
    found: list[EpochFees] = []
    epoch, count, lamports = current, 0, 0
    for transaction in newest_first:
        if transaction is None:
            complete = False
            break
        if transaction.err is None and _EPOCH_ENDED in _logged(transaction.logs, str(coordinator)):
            found.append(EpochFees(epoch=epoch, transactions=count, lamports=lamports, complete=True))
            epoch, count, lamports = epoch - 1, 0, 0
        count += 1
        lamports += transaction.fee
    found.append(EpochFees(epoch=epoch, transactions=count, lamports=lamports, complete=complete and epoch == 0))
    # Another client can set the number of the epoch, after which counting backward does not end at 0.
    return [] if epoch < 0 else found[::-1]


def _logged(logs: Sequence[str], program: str) -> Iterator[str]:
    """The lines that a program itself logged, without those of the programs that it called or was called by."""
    callers: list[str] = []
    for line in logs:
        invoked = _INVOKED.fullmatch(line)
        if invoked:
            callers.append(invoked[1])
        elif _RETURNED.fullmatch(line):
            del callers[-1:]
        elif line.startswith(_LOG) and callers[-1:] == [program]:
            yield line.removeprefix(_LOG)
