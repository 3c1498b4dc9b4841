"""Whether an account that does not exist was closed, as opposed to one that never existed.

If it was closed, a command that closes it has nothing to do. A mistyped run id or key must not look like that.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from solders.transaction import Transaction

from psyche_cli.errors import NetworkError
from psyche_cli.operations.signing import SigningSession
from psyche_cli.solana.rpc.whole_transactions import ledger_transaction

if TYPE_CHECKING:
    from solders.pubkey import Pubkey

CLOSE: Final = "close"
"""The label of the transactions that close an account."""

_LATEST: Final = 10
"""Maximum number of transactions of an account that are searched for the one that closed it."""


class Closure(NamedTuple):
    """The transaction that closed an account, and its slot if known."""

    signature: str
    slot: int | None


def find_closure(session: SigningSession, address: Pubkey) -> Closure | None:
    """The transaction that closed an account that does not exist; None if it is not known to have existed.

    It is the interrupted attempt of this command that has landed since, one in the journal that this wallet sent to
    this cluster, or else the latest transaction in the cluster's ledger that changed the account's balance. Takes one
    round trip for the journal and otherwise at least one. An endpoint without a ledger knows nothing. Raises
    JournalError.
    """
    if session.earlier is not None and session.earlier.label == CLOSE:
        return Closure(session.earlier.signature, session.earlier.slot)
    with suppress(NetworkError):
        return _in_journal(session, address) or _in_ledger(session, address)
    return None


def _in_journal(session: SigningSession, address: Pubkey) -> Closure | None:
    recorder = session.recorder
    entries = [] if recorder is None else recorder.landed(CLOSE)
    for entry in entries:
        if address in Transaction.from_bytes(entry.raw).message.account_keys and entry.genesis_hash == str(
            session.sender.identify_cluster()
        ):
            return Closure(entry.signature, entry.slot)
    return None


def _in_ledger(session: SigningSession, address: Pubkey) -> Closure | None:
    for record in session.rpc.signatures_for_address(address, limit=_LATEST):
        landed = ledger_transaction(session.rpc, record.signature) if record.err is None else None
        for change in landed.effects.lamports if landed else ():
            if change.address == address:
                return Closure(str(record.signature), record.slot) if change.after == 0 else None
    return None
