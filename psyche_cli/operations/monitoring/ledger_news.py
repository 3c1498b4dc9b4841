"""What the transactions of a run since the last check say: losses, pauses and changes, and who signed them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from psyche_cli.operations.status.history import MOST_TRANSACTIONS
from psyche_cli.protocol.instructions.descriptions import describe_instruction
from psyche_cli.solana.rpc.client import SIGNATURES_PER_CALL
from psyche_cli.solana.rpc.whole_transactions import ledger_transactions

if TYPE_CHECKING:
    from solders.pubkey import Pubkey
    from solders.signature import Signature

    from psyche_cli.operations.sessions import Session
    from psyche_cli.protocol.instructions.descriptions import InstructionDescription
    from psyche_cli.solana.rpc.types import AddressSignature
    from psyche_cli.solana.rpc.whole_transactions import LedgerTransaction

_FIRST: Final = 100
"""The transactions that are read at the first check."""
_CHANGES: Final = {
    "update": "configuration",
    "update_client_version": "client version",
    "set_future_epoch_rates": "reward rates",
}


class SignedChange(NamedTuple):
    """A change of a run by its owner. ``what`` names what changed; ``signers`` are all signers of the transaction."""

    signature: str
    slot: int
    signers: tuple[str, ...]
    what: str


class LedgerNews(NamedTuple):
    """The transactions of a run since a check.

    ``newest`` is the last one that was read, with its slot; None if there is none. ``losses`` are the step, the witness
    and the loss of each report, None for one that is not a finite number. Of reports that the program rejected, only
    the latter are included. ``pause`` is the last pause. ``skipped`` is whether there were too many transactions, so
    that the older ones were not read.
    """

    newest: tuple[str, int] | None
    losses: tuple[tuple[int, str, float | None], ...]
    pause: SignedChange | None
    changes: tuple[SignedChange, ...]
    skipped: bool


def news_of(session: Session, account: Pubkey, after: tuple[Signature, int] | None) -> LedgerNews:
    """Read the transactions that include a coordinator account, after a known one (None: the newest 100).

    Raises NetworkError.
    """
    listed, skipped = _listed(session, account, after)
    found = ledger_transactions(session.rpc, [one.signature for one in listed])
    newest, pause = None, None
    losses: list[tuple[int, str, float | None]] = []
    changes: list[SignedChange] = []
    for one, transaction in zip(listed, found, strict=True):
        if transaction is None:
            break  # the ledger does not contain it yet; the next check reads it
        newest = (str(one.signature), one.slot)
        for call in _calls(session, account, transaction):
            arguments: Any = call.arguments
            if call.name == "witness":
                report = _loss(call, arguments["metadata"])
                if transaction.err is None or report[2] is None:  # the program rejects NaN
                    losses.append(report)
            elif transaction.err is not None:
                continue
            elif call.name == "set_paused":
                change = _change(one, transaction, "pause")
                pause = change if arguments["paused"] else None
            elif call.name in _CHANGES:
                changes.append(_change(one, transaction, _what(call.name, arguments)))
    return LedgerNews(newest, tuple(losses), pause, tuple(changes), skipped)


def _listed(
    session: Session, account: Pubkey, after: tuple[Signature, int] | None
) -> tuple[list[AddressSignature], bool]:
    """The transactions after a known one, in order, and whether older ones were left out."""
    found: list[AddressSignature] = []
    limit = _FIRST if after is None else SIGNATURES_PER_CALL
    while True:
        page = session.rpc.signatures_for_address(
            account,
            before=found[-1].signature if found else None,
            until=None if after is None else after[0],
            limit=limit,
        )
        # A node that does not know the transaction returns older ones.
        wanted = [one for one in page if after is None or (one.slot >= after[1] and one.signature != after[0])]
        found += wanted
        if after is None or len(page) < limit or len(wanted) < len(page):
            return found[::-1], False
        if len(found) >= MOST_TRANSACTIONS:
            return found[::-1], True


def _calls(session: Session, account: Pubkey, transaction: LedgerTransaction) -> Iterator[InstructionDescription]:
    """The decoded calls of the coordinator for this account."""
    for instruction in transaction.executed:
        if instruction.program == session.programs.coordinator:
            call = describe_instruction(instruction, session.programs, exact=True)
            if not call.problem and any(one.account.address == account for one in call.accounts):
                yield call


def _loss(call: InstructionDescription, metadata: Any) -> tuple[int, str, float | None]:
    loss = metadata["loss"]
    finite = loss if isinstance(loss, int | float) and math.isfinite(loss) else None
    return metadata["step"], str(call.accounts[0].account.address), finite


def _change(one: AddressSignature, transaction: LedgerTransaction, what: str) -> SignedChange:
    signers = tuple(str(account.address) for account in transaction.message.accounts if account.is_signer)
    return SignedChange(str(one.signature), one.slot, signers, what)


def _what(name: str, arguments: Any) -> str:
    if name != "update":
        return _CHANGES[name]
    parts = [part for part in ("metadata", "config", "model", "progress") if arguments.get(part) is not None]
    return ", ".join(parts) or "nothing"
