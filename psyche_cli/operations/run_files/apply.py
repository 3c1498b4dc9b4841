"""Make a run match its file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from psyche_cli.amounts import format_amount, format_sol
from psyche_cli.errors import UsageError
from psyche_cli.operations.rewards.treasurer_top_up_rewards import TOP_UP
from psyche_cli.operations.run_files.actual import ActualRun
from psyche_cli.operations.run_files.budget import Budget
from psyche_cli.operations.run_files.other_transfers import OtherTransfers, see_recent_transfers
from psyche_cli.operations.run_files.payloads import AppliedData, StepData
from psyche_cli.operations.run_files.plan_file import ReviewedPlan
from psyche_cli.operations.run_files.planning import Plan
from psyche_cli.operations.run_files.review import refuse_stale
from psyche_cli.operations.run_files.text import lines_of_steps
from psyche_cli.operations.run_files.work import Applying, Work, refuse_obstacles
from psyche_cli.operations.signing import SigningSession
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult

_MOST_TITLES: Final = 20
"""How many steps the question names if the plan is not shown above it."""


def apply_run(session: SigningSession, applying: Applying) -> OperationResult[AppliedData]:
    """Do the steps that make a run match its file, one at a time.

    The run is read again before each of them, except between authorizations, for which nothing else matters. What an
    interrupted attempt has done is therefore not repeated, and what it has left unsettled in the journal is settled
    before, as are transfers to the vault by other commands. Nothing is done unless the file can be fulfilled as a
    whole. The vault is topped up at most once, by this process or by the interrupted one, and with a reviewed plan by
    no more than it says in all.

    Raises Refused with the obstacles; StalePlan if the run has changed since the plan was made, or changes meanwhile
    so that something else is to be done; NotReached if a pause does not take effect in time; NotConfirmed; and the
    errors of the operations.
    """
    others = OtherTransfers(session)
    see_recent_transfers(session)
    others.settle()
    prepared = prepare(session, applying)
    actual, plan = prepared.actual, prepared.plan
    work = Work(session, applying, plan, prepared.budget, others, prepared.earlier)
    if plan.steps and confirm(session, applying, prepared):
        # The run may have changed before the user answered.
        others.settle()
        actual = applying.target.read(session, session.authority)
        plan = _checked(session, applying, actual, prepared.budget)
    return work.result(is_short=work.perform_all(plan, actual))


class Prepared(NamedTuple):
    """What is read and planned before anything is done.

    ``earlier`` are transfers to the vault that an interrupted attempt has made.
    """

    actual: ActualRun
    plan: Plan
    budget: Budget
    earlier: Sequence[Receipt]


def prepare(session: SigningSession, applying: Applying) -> Prepared:
    """Read the run and plan. Raises Refused with the obstacles, StalePlan, and UsageError for another place."""
    target, reviewed = applying.target, applying.reviewed
    landed = [receipt for receipt in session.settled if receipt.label == TOP_UP]
    session.earlier = None  # the steps must not take it for theirs
    if reviewed is not None:
        _require_same_place(session, reviewed)
    actual = target.read(session, session.authority)
    plan = target.plan(actual, most=0 if landed else None)
    budget = Budget.of(reviewed, plan, actual)
    return Prepared(actual, _checked(session, applying, actual, budget), budget, landed)


def confirm(session: SigningSession, applying: Applying, prepared: Prepared) -> bool:
    """Ask whether the steps may be done; whether a person was asked. Raises NotConfirmed."""
    target, actual = applying.target, prepared.actual
    for line in lines_of_steps(prepared.plan.steps, actual.decimals):
        session.notify(line)
    question = _consequence(target.run_id, prepared.plan.steps, actual)
    titles = "" if applying.is_plan_shown else f": {_titles(prepared.plan.steps)}"
    return session.confirm(f"{question}{titles}.{target.losses(actual)}")


def _checked(session: SigningSession, applying: Applying, actual: ActualRun, budget: Budget) -> Plan:
    """The plan for what was read. Raises StalePlan, and Refused with the obstacles."""
    target = applying.target
    plan = target.plan(actual, most=budget.left(actual))
    if applying.reviewed is not None:
        refuse_stale(applying.reviewed, actual, plan.values, target.hint_to_plan(session.given))
    refuse_obstacles(target.run_id, plan, target.hint_on_obstacles(session.given))
    return plan


def _require_same_place(session: SigningSession, reviewed: ReviewedPlan) -> None:
    """Raise UsageError for a plan that was made for another cluster or wallet."""
    genesis, wallet = str(session.sender.identify_cluster()), str(session.authority)
    if reviewed.genesis_hash != genesis:
        raise UsageError(
            f"The plan was made for another cluster than {session.rpc.label}: its genesis hash is "
            f"{reviewed.genesis_hash}, not {genesis}.",
            hint="Check --rpc, or make a new plan.",
        )
    if reviewed.wallet != wallet:
        raise UsageError(
            f"The plan was made for the wallet {reviewed.wallet}, not for {wallet}.",
            hint="Sign with that wallet, or make a new plan: --wallet-private-key-path FILE.",
        )


def _consequence(run_id: str, steps: Sequence[StepData], actual: ActualRun) -> str:
    """How many steps there are and what they cost, before anything is sent."""
    count = "1 step changes" if len(steps) == 1 else f"{len(steps)} steps change"
    costs = [f"{format_sol(sum(step.fee_lamports for step in steps))} SOL of fees"]
    rent = sum(step.rent_lamports for step in steps)
    collateral = sum(step.collateral or 0 for step in steps)
    costs += [f"{format_sol(rent)} SOL of rent"] if rent > 0 else []
    costs += [f"{format_amount(collateral, actual.decimals)} of the collateral token"] if collateral > 0 else []
    listed = " and ".join([", ".join(costs[:-1]), costs[-1]] if len(costs) > 1 else costs)
    return f"{count} run {run_id}, for {listed}"


def _titles(steps: Sequence[StepData]) -> str:
    more = len(steps) - _MOST_TITLES
    return "; ".join(step.title for step in steps[:_MOST_TITLES]) + (f"; and {more} more" if more > 0 else "")
