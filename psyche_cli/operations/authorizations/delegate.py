"""Change the delegates of a join authorization, as its grantee."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.amounts import format_sol
from psyche_cli.limits import MAX_TRANSACTION_BYTES, NEW_AUTHORIZATION_BYTES
from psyche_cli.operations.authorizations.find import authorization_data, authorization_details, require_authorization
from psyche_cli.operations.authorizations.payloads import DelegatesData
from psyche_cli.operations.effects.ledger import Effects, Ledger
from psyche_cli.operations.funds import accounts_and_funds, require_lamports
from psyche_cli.operations.outlets import PlannedTransaction
from psyche_cli.operations.sending import read_if_possible
from psyche_cli.operations.signing import SigningSession
from psyche_cli.protocol.accounts.small_accounts import Authorization
from psyche_cli.protocol.addresses import authorization_address
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult
from psyche_cli.solana.rent import Rent


def change_delegates(
    session: SigningSession, *, grantor: Pubkey, clear: bool, added: Sequence[Pubkey], removed: Sequence[Pubkey] = ()
) -> OperationResult[DelegatesData]:
    """Change the delegates of the authorization granted to the wallet.

    The program only appends and does not remove duplicates. Existing delegates are therefore not added again, and to
    remove one, the list is cleared and the others are added back. Uses one transaction per 25 delegates or so;
    repeating the command after a failure completes the change. The account is resized with the list: the wallet pays or
    recovers the rent. Raises AccountNotFound, AccountError, InsufficientFunds.
    """
    grantee = session.authority
    address = authorization_address(grantor, grantee, session.programs)
    [found], funds = accounts_and_funds(session, [address])
    before = require_authorization(session, found, grantor=grantor, grantee=grantee)
    target = wanted(before.delegates, clear=clear, added=added, removed=removed)
    steps = plan(session, before, target)
    transactions = [step.instructions for step in steps]
    size = NEW_AUTHORIZATION_BYTES + Pubkey.LENGTH * len(target)
    change = funds.rent.exempt_minimum(size) - before.lamports if transactions else 0
    if len(target) >= len(before.delegates):
        change = max(change, 0)  # surplus lamports remain in the account if it grows
    if transactions:
        require_lamports(session, funds, *transactions, rent=max(change, 0))
    receipts: list[Receipt] = []
    sending = session.send_all(_planned(steps, address, funds.rent))
    for _ in transactions:
        if receipts:
            session.deadline.restart()
        receipts.append(next(sending))
    latest = read_if_possible(lambda: session.rpc.account(address)) if receipts else None
    now = require_authorization(session, latest, grantor=grantor, grantee=grantee) if latest else None
    return _result(before, now or before._replace(delegates=target), receipts, change)


def wanted(
    present: Sequence[Pubkey], *, clear: bool, added: Sequence[Pubkey], removed: Sequence[Pubkey] = ()
) -> tuple[Pubkey, ...]:
    """The requested delegates; ``present`` itself if they differ only in order."""
    kept = () if clear else tuple(key for key in present if key not in set(removed))
    target = (*kept, *(key for key in dict.fromkeys(added) if key not in kept))
    return tuple(present) if sorted(map(bytes, target)) == sorted(map(bytes, present)) else target


class Composer(Protocol):
    """Composes transactions of a wallet: a signing session, or what predicts one."""

    @property
    def authority(self) -> Pubkey:
        """The wallet."""
        ...

    @property
    def instructions(self) -> Instructions:
        """What encodes its instructions."""
        ...

    def size(self, instructions: Sequence[Instruction]) -> int:
        """The size of a transaction in bytes."""
        ...


class Step(NamedTuple):
    """The instructions of one transaction, and the delegates after it."""

    instructions: list[Instruction]
    delegates: tuple[Pubkey, ...]


def plan(session: Composer, authorization: Authorization, target: Sequence[Pubkey]) -> list[Step]:
    """The transactions, with one instruction each: append the missing delegates, or clear and refill the list."""
    present = authorization.delegates
    if tuple(target) == present:
        return []
    clear = tuple(target[: len(present)]) != present
    rest = list(target) if clear else list(target[len(present) :])

    def instruction(keys: Sequence[Pubkey], *, clear: bool) -> list[Instruction]:
        wallet = session.authority
        return [
            session.instructions.authorization_grantee_update(
                payer=wallet,
                grantee=wallet,
                authorization=authorization.address,
                delegates_clear=clear,
                delegates_added=keys,
            )
        ]

    room = MAX_TRANSACTION_BYTES - session.size(instruction([], clear=clear))
    most = room // Pubkey.LENGTH - 1  # one fewer, because the length prefixes in the message grow
    chunks = [rest[start : start + most] for start in range(0, len(rest), most)] or [[]]
    steps = []
    delegates = () if clear else present
    for number, chunk in enumerate(chunks):
        delegates = (*delegates, *chunk)
        steps.append(Step(instruction(chunk, clear=clear and number == 0), delegates))
    return steps


def _planned(steps: Sequence[Step], address: Pubkey, rent: Rent) -> list[PlannedTransaction]:
    count = len(steps)
    return [
        PlannedTransaction(
            step.instructions,
            label="delegates" if count == 1 else f"delegates, {number} of {count}",
            expected=_effects_of(step, address, rent),
            follows=number > 1,
        )
        for number, step in enumerate(steps, 1)
    ]


def _effects_of(step: Step, address: Pubkey, rent: Rent) -> Effects:
    """The effects: the list of delegates is replaced, and the account is resized with it."""

    def effects(ledger: Ledger) -> None:
        ledger.resize(address, NEW_AUTHORIZATION_BYTES + Pubkey.LENGTH * len(step.delegates), rent)
        ledger.change(address, lambda found: found._replace(delegates=step.delegates))

    return effects


def _result(
    before: Authorization, now: Authorization, receipts: Sequence[Receipt], change: int
) -> OperationResult[DelegatesData]:
    added = [str(key) for key in now.delegates if key not in before.delegates]
    removed = [str(key) for key in dict.fromkeys(before.delegates) if key not in now.delegates]
    rent = {1: f"; paid {format_sol(change)} SOL of rent", -1: f"; recovered {format_sol(-change)} SOL of rent", 0: ""}
    done = f"Added {len(added)} and removed {len(removed)} delegates{rent[(change > 0) - (change < 0)]}."
    return OperationResult(
        summary=done if receipts else "The authorization already has these delegates.",
        data=DelegatesData(
            already_so=not receipts,
            added=added,
            removed=removed,
            rent_change_lamports=change,
            authorization=authorization_data(now),
        ),
        details=authorization_details(now),
        transactions=tuple(receipts),
        warnings=()
        if now.active
        else ("The authorization is inactive. It cannot be used to join until its grantor activates it.",),
    )
