"""What the transactions of a plan cost: fees of 5,000 lamports per signature, and rent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.limits import (
    COORDINATOR_ACCOUNT_BYTES,
    COORDINATOR_INSTANCE_BYTES,
    LAMPORTS_PER_SIGNATURE,
    MAX_TRANSACTION_BYTES,
    NEW_AUTHORIZATION_BYTES,
    TOKEN_ACCOUNT_BYTES,
    TREASURER_RUN_BYTES,
)
from psyche_cli.operations.authorizations import delegate
from psyche_cli.operations.change import Change, instructions_for
from psyche_cli.operations.run_files.actual import ActualRun
from psyche_cli.operations.runs.find import Run, Treasury
from psyche_cli.protocol.accounts.small_accounts import Authorization, CoordinatorInstance, TreasurerRun
from psyche_cli.protocol.addresses import JOIN_SCOPE
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.sending.transaction import transaction_size

ONE: Final = LAMPORTS_PER_SIGNATURE
"""The fee of a transaction that only the wallet signs."""
CREATION_FEE: Final = 2 * LAMPORTS_PER_SIGNATURE
"""The fee of the creation of a run, which the new coordinator account signs too."""

_SOME: Final = [Pubkey.from_bytes(bytes([number] * Pubkey.LENGTH)) for number in range(1, 8)]
"""Stand for addresses that do not exist yet. The size of a transaction does not depend on which they are."""


class _Composer(NamedTuple):
    """Composes transactions of a wallet without a session."""

    wallet: Pubkey
    instructions: Instructions

    @property
    def authority(self) -> Pubkey:
        return self.wallet

    def size(self, instructions: Sequence[Instruction]) -> int:
        return transaction_size(instructions, self.wallet)


def creation_rent(actual: ActualRun, *, with_treasurer: bool) -> int:
    """The rent of the accounts of a run to create. Lamports that their addresses hold already count toward it.

    What is recovered from a run that the same transaction closes is deducted.
    """
    sizes = [COORDINATOR_INSTANCE_BYTES, *([TREASURER_RUN_BYTES, TOKEN_ACCOUNT_BYTES] if with_treasurer else [])]
    held = (*actual.held, *([0] * len(sizes)))
    others = (max(actual.rent.exempt_minimum(size) - held[number], 0) for number, size in enumerate(sizes))
    return actual.rent.exempt_minimum(COORDINATOR_ACCOUNT_BYTES) + sum(others) - actual.recovered


def authorization_rent(actual: ActualRun, grantee: Pubkey) -> int:
    """The rent of a new authorization. Lamports that its address holds already count toward it."""
    return max(actual.rent.exempt_minimum(NEW_AUTHORIZATION_BYTES) - actual.lamports_without(grantee), 0)


def update_transactions(change: Change, actual: ActualRun, *, with_treasurer: bool) -> int:
    """The number of transactions of an update: two if it is too large for one and changes the metadata."""
    run = actual.run or _run_to_create(actual.wallet, with_treasurer=with_treasurer)
    instructions = instructions_for(change, run, actual.wallet, Instructions(PUBLISHED))
    fits = transaction_size(instructions, actual.wallet) <= MAX_TRANSACTION_BYTES
    return 1 if fits or change.metadata is None else 2


def delegation(actual: ActualRun, existing: Authorization | None, target: Sequence[Pubkey]) -> tuple[int, int]:
    """The number of transactions that change the delegates of the wallet's authorization, and the rent they lock."""
    wallet = actual.wallet
    locked = actual.lamports_without(wallet) + authorization_rent(actual, wallet)
    before = existing or Authorization(_SOME[0], locked, 0, wallet, wallet, JOIN_SCOPE, True, (), 0)
    goal = delegate.wanted(before.delegates, clear=True, added=target)
    steps = delegate.plan(_Composer(wallet, Instructions(PUBLISHED)), before, goal)
    held, size = before.lamports, _size_with(before.delegates)
    for step in steps:
        missing = actual.rent.exempt_minimum(_size_with(step.delegates)) - held
        # An account that shrinks returns all but the minimum; one that grows gets what is missing.
        held += missing if _size_with(step.delegates) < size else max(missing, 0) * (_size_with(step.delegates) > size)
        size = _size_with(step.delegates)
    return len(steps), held - before.lamports


def _size_with(delegates: Sequence[Pubkey]) -> int:
    """The size of an authorization with these delegates."""
    return NEW_AUTHORIZATION_BYTES + Pubkey.LENGTH * len(delegates)


def _run_to_create(wallet: Pubkey, *, with_treasurer: bool) -> Run:
    instance = CoordinatorInstance(_SOME[0], 0, 0, wallet, wallet, _SOME[1], "")
    treasury = None
    if with_treasurer:
        run = TreasurerRun(_SOME[2], 0, 0, 0, wallet, wallet, _SOME[1], _SOME[0], _SOME[3], 0, 0)
        nothing: Any = None
        treasury = Treasury(run, nothing, _SOME[4], 0)
    account: Any = None  # instructions do not depend on its content
    return Run("", instance, account, treasury)
