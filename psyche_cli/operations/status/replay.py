"""The states of a run between two observations, obtained by executing the transactions of the ledger in the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from psyche_cli.model.coordinator_model import apply
from psyche_cli.model.execution import Clock
from psyche_cli.model.from_instruction import instruction_from_arguments
from psyche_cli.operations.runs.find import Run, Treasury
from psyche_cli.operations.status.observation import Observation
from psyche_cli.operations.status.replayed_account import ReplayedAccount
from psyche_cli.protocol.instructions.idl_decoder import IdlInstruction, idl_instruction
from psyche_cli.protocol.programs import ProgramIds
from psyche_cli.solana.cluster_clock import ClusterClock
from psyche_cli.solana.rpc.answers import is_complete_log

if TYPE_CHECKING:
    from solders.pubkey import Pubkey
    from solders.signature import Signature

    from psyche_cli.model.states import CoordinatorState
    from psyche_cli.solana.messages import MessageInstruction
    from psyche_cli.solana.rpc.whole_transactions import LedgerTransaction


class _Unreplayable(Exception):
    """A transaction does not apply to the state: it is another one, or the program is not the one of the model."""


class Step(NamedTuple):
    """A transaction that changed a run, and the run after it."""

    signature: Signature
    observation: Observation


def steps_between(
    before: Observation,
    after: Observation | None,
    transactions: Mapping[Signature, LedgerTransaction],
    programs: ProgramIds,
) -> list[Step] | None:
    """The steps from ``before`` to ``after``, or to the end of a run that was closed if that is None.

    ``transactions`` are in order. Those in the slot of ``before`` may be earlier than it, and the last ones later than
    ``after``. None if they do not lead from one to the other.
    """
    ordered = list(transactions.items())
    same_slot = sum(1 for _ in takewhile(lambda one: one[1].slot <= before.clock.slot, ordered))
    for start in range(same_slot + 1):
        found = _arriving(before, after, _replayed(before, ordered[start:], programs))
        if found is not None:
            return found
    return None


def is_same(one: Observation, other: Observation) -> bool:
    """Whether a run has the same state and the same treasury in both observations."""
    images = one.run.account.image, other.run.account.image
    if None not in images and bytes(images[0]) == bytes(images[1]):  # much faster than decoding both
        return money_of(one.run.treasury) == money_of(other.run.treasury)
    return money_of(one.run.treasury) == money_of(other.run.treasury) and one.state == other.state


def money_of(treasury: Treasury | None) -> tuple[object, ...]:
    """The parts of a treasury that belong to the run: not the supply of its mint."""
    return () if treasury is None else (treasury.run, treasury.vault_amount)


def _arriving(before: Observation, after: Observation | None, replayed: Iterator[Step | None]) -> list[Step] | None:
    """The steps up to the last one that is the same as ``after``, or up to the end if that is None."""
    steps: list[Step] = []
    arrived: int | None = 0 if after is not None and is_same(before, after) else None
    try:
        for step in replayed:
            if step is None:
                return steps if after is None else None
            steps.append(step)
            if after is not None and is_same(step.observation, after):
                arrived = len(steps)
    except _Unreplayable:
        pass
    return None if arrived is None else steps[:arrived]


def _replayed(
    before: Observation, transactions: Sequence[tuple[Signature, LedgerTransaction]], programs: ProgramIds
) -> Iterator[Step | None]:
    """A step for each transaction that changes the run, and None when it is closed. Raises _Unreplayable."""
    latest = before
    for signature, transaction in transactions:
        state, treasury = latest.state, latest.run.treasury
        if transaction.block_time is None:
            raise _Unreplayable
        clock = Clock(transaction.block_time, transaction.slot)
        nonce = state.nonce
        for call in transaction.executed:
            if call.program == programs.coordinator:
                state = _after_call(state, call, before.run.account.address, clock)
            elif call.program == programs.treasurer and treasury is not None:
                treasury = _after_claim(treasury, call)
        if not _logs_allow(transaction.logs, range(nonce + 1, state.nonce + 1)):
            raise _Unreplayable
        if state.closed:
            yield None
            return
        if treasury is not None:
            treasury = _after_transfers(treasury, transaction)
        changed = _observation(latest.run, state, treasury, ClusterClock(clock.slot, clock.unix_timestamp))
        if not is_same(latest, changed):
            latest = changed
            yield Step(signature, latest)


def _after_call(state: CoordinatorState, call: MessageInstruction, account: Pubkey, clock: Clock) -> CoordinatorState:
    """The state after an instruction of the coordinator, which may be about another run."""
    decoded = _decoded("coordinator", call)
    given = dict(zip(decoded.accounts, (one.address for one in call.accounts), strict=False))
    instruction = instruction_from_arguments(decoded.name, decoded.arguments)
    if given.get("coordinator_account") != account or instruction is None:
        return state
    signer = given[decoded.accounts[0]]
    assert signer is not None  # addresses from lookup tables are known
    outcome = apply(state, instruction, bytes(signer), clock)
    if not outcome.succeeded:
        raise _Unreplayable
    return outcome.state


def _logs_allow(logs: Sequence[str], nonces: Sequence[int]) -> bool:
    """Whether the program logged these nonces, unless there is no complete log."""
    return not is_complete_log(logs) or all(f"Program log: Nonce: {nonce}" in logs for nonce in nonces)


def _after_claim(treasury: Treasury, call: MessageInstruction) -> Treasury:
    """The treasury after an instruction of the treasurer: a claim pays one base unit per point."""
    decoded = _decoded("treasurer", call)
    given = dict(zip(decoded.accounts, (one.address for one in call.accounts), strict=False))
    if decoded.name != "participant_claim" or given.get("run") != treasury.run.address:
        return treasury
    points = decoded.arguments["claim_earned_points"]
    assert isinstance(points, int)
    run = treasury.run._replace(
        total_claimed_collateral_amount=treasury.run.total_claimed_collateral_amount + points,
        total_claimed_earned_points=treasury.run.total_claimed_earned_points + points,
    )
    return treasury._replace(run=run)


def _after_transfers(treasury: Treasury, transaction: LedgerTransaction) -> Treasury:
    for change in transaction.effects.tokens:
        if change.address == treasury.vault:
            if change.before != treasury.vault_amount:
                raise _Unreplayable
            treasury = treasury._replace(vault_amount=change.after)
    return treasury


def _decoded(program: str, call: MessageInstruction) -> IdlInstruction:
    try:
        return idl_instruction(program, call.data)
    except ValueError as error:  # an instruction of a newer program
        raise _Unreplayable from error


def _observation(run: Run, state: CoordinatorState, treasury: Treasury | None, clock: ClusterClock) -> Observation:
    return Observation(run._replace(account=ReplayedAccount(run.account, state), treasury=treasury), clock)
