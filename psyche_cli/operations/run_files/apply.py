"""Make a run equal to its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from psyche_cli.amounts import format_amount, format_sol
from psyche_cli.errors import NotReached, PsycheError, Refused, UsageError, WrongRunState
from psyche_cli.json_values import to_json
from psyche_cli.operations.run_files.actual import ActualRun, read_actual
from psyche_cli.operations.run_files.pause_wait import PauseWait
from psyche_cli.operations.run_files.payloads import AppliedData, DoneStep, ObstacleData, StepData
from psyche_cli.operations.run_files.performing import TOP_UP, perform
from psyche_cli.operations.run_files.plan_file import ReviewedPlan
from psyche_cli.operations.run_files.planning import Plan, make_plan
from psyche_cli.operations.run_files.review import refuse_stale, require_reviewed
from psyche_cli.operations.signing import SigningSession
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult
from psyche_cli.run_file.wanted import WantedRun

LAG_SECONDS: Final = 120
"""How long a node may lag: the run is read at a slot at least that of a transfer which landed within this time."""


class Applying(NamedTuple):
    """What is applied: the run file and, if a plan file was given, the plan in it.

    ``again`` is the command line that continues after an interruption. ``report`` is called after each step.
    """

    wanted: WantedRun
    reviewed: ReviewedPlan | None
    wait: PauseWait
    again: str
    report: Callable[[DoneStep, int, int], None] = lambda _step, _number, _count: None


def apply_run(session: SigningSession, applying: Applying) -> OperationResult[AppliedData]:
    """Do the steps that make a run equal to its file, one at a time. The run is read again before each of them.

    What an interrupted attempt has done is therefore not repeated, and what it has left unsettled in the journal is
    settled before. Nothing is done unless the file can be fulfilled as a whole. The vault is topped up at most once, by
    this process or by the interrupted one, and with a reviewed plan by no more than it says in all.

    Raises Refused with the obstacles; StalePlan if the run has changed since the plan was made, or changes meanwhile
    so that something else is to be done; NotReached if a pause does not take effect in time; NotConfirmed; and the
    errors of the operations.
    """
    wanted, reviewed = applying.wanted, applying.reviewed
    landed = [receipt for receipt in session.settled if receipt.label == TOP_UP]
    session.earlier = None  # the steps must not take it for theirs
    _see_recent_transfers(session)
    if reviewed is not None:
        _require_same_place(session, reviewed)
    actual = read_actual(session, wanted, session.authority)
    plan = make_plan(wanted, actual)
    if reviewed is not None:
        refuse_stale(reviewed, actual, plan.values)
    if plan.obstacles:
        raise _refusal(wanted.run_id, plan.obstacles)
    budget = _Budget.of(reviewed, plan, actual, bool(landed))
    todo = budget.limited(plan, actual)
    if todo:
        session.confirm(_consequence(wanted.run_id, todo, actual))
    steps = _documents(plan) if reviewed is None else reviewed.steps
    done, receipts, last = _perform_all(session, applying, plan, actual, budget, steps)
    return _result(session, wanted, done, (*landed, *receipts), plan, is_short=bool(last.steps))


def _documents(plan: Plan) -> list[Any]:
    """The steps of a plan as they are in a plan file."""
    return [to_json(step) for step in plan.steps]


class _Budget:
    """What may still be transferred to the vault. ``is_spent`` is whether a transfer was made."""

    def __init__(self, most: int, received: int, *, is_spent: bool) -> None:
        self._most = most
        self._received = received
        self.is_spent = is_spent

    @classmethod
    def of(cls, reviewed: ReviewedPlan | None, plan: Plan, actual: ActualRun, is_spent: bool) -> _Budget:
        """The budget of a plan that was reviewed as a file, or now."""
        steps: Sequence[Any] = _documents(plan) if reviewed is None else reviewed.steps
        received = actual.received if reviewed is None else reviewed.received
        return cls(sum(step["collateral"] or 0 for step in steps), received or 0, is_spent=is_spent)

    def limited(self, plan: Plan, actual: ActualRun) -> list[StepData]:
        """The steps of a plan, without or with a smaller transfer if the budget requires it.

        What the vault has received since the plan was made, from anyone, counts as transferred.
        """
        left = self._most - ((actual.received or 0) - self._received)
        limited = []
        for step in plan.steps:
            if step.collateral is None:
                limited.append(step)
            elif not self.is_spent and left > 0:
                limited.append(_with_collateral(step, min(step.collateral, left)))
        return limited


def _with_collateral(step: StepData, amount: int) -> StepData:
    from dataclasses import replace

    return replace(step, collateral=amount)


def _perform_all(
    session: SigningSession,
    applying: Applying,
    plan: Plan,
    actual: ActualRun,
    budget: _Budget,
    reviewed: Sequence[Mapping[str, Any]],
) -> tuple[list[DoneStep], list[Receipt], Plan]:
    """Do the first step, read the run again, and so on until nothing is left but a transfer beyond the budget."""
    wanted = applying.wanted
    done: list[DoneStep] = []
    receipts: list[Receipt] = []
    last: tuple[str, str | None] | None = None
    while todo := budget.limited(plan, actual):
        step = todo[0]
        require_reviewed(wanted.run_id, step, reviewed)
        if (step.kind, step.subject) == last:
            raise WrongRunState(
                f"The step {step.title!r} of run {wanted.run_id!r} did not have the expected effect.",
                hint="Another process may have reverted it. Show what is left: psyche-cli plan FILE",
            )
        number, count = len(done) + 1, len(done) + len(todo)
        session.notify(f"Step {number} of {count}: {step.title}.")
        session.deadline.restart()
        try:
            made = perform(session, wanted, actual, step, applying.wait)
            last = step.kind, step.subject
            budget.is_spent = budget.is_spent or step.kind == "top-up"
            receipts += made
            signatures = tuple(receipt.signature for receipt in made)
            done.append(DoneStep(step.kind, step.title, step.subject, signatures))
            applying.report(done[-1], number, count)
            session.deadline.restart()
            actual = read_actual(session, wanted, session.authority)
            plan = make_plan(wanted, actual)
            if plan.obstacles:
                raise _refusal(wanted.run_id, plan.obstacles)
        except PsycheError as error:
            if not isinstance(error, NotReached):
                error.hint = f"{error.hint} To continue: {applying.again}".strip()
            raise
    return done, receipts, plan


def _see_recent_transfers(session: SigningSession) -> None:
    """Read nothing from a node that has not seen the transfers which this wallet made lately."""
    recorder = session.recorder
    since = session.clock.unix_time() - LAG_SECONDS
    recent = [] if recorder is None else [one for one in recorder.landed(TOP_UP) if one.recorded_at >= since]
    if recent:
        genesis = str(session.sender.identify_cluster())
        for entry in recent:
            if entry.genesis_hash == genesis and entry.slot is not None:
                session.rpc.require_slot(entry.slot)


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


def _refusal(run_id: str, obstacles: Sequence[ObstacleData]) -> Refused:
    listed = "; ".join(f"{one.key}: {one.message}" for one in obstacles)
    return Refused(
        f"Run {run_id!r} cannot become as its file describes it: {listed}.",
        hint="Nothing more was sent. Change the file, or remove these keys from it.",
    )


def _consequence(run_id: str, steps: Sequence[StepData], actual: ActualRun) -> str:
    """The question before anything is sent."""
    count = "1 step changes" if len(steps) == 1 else f"{len(steps)} steps change"
    costs = [f"{format_sol(sum(step.fee_lamports for step in steps))} SOL of fees"]
    rent = sum(step.rent_lamports for step in steps)
    collateral = sum(step.collateral or 0 for step in steps)
    costs += [f"{format_sol(rent)} SOL of rent"] if rent > 0 else []
    costs += [f"{format_amount(collateral, actual.decimals)} of the collateral token"] if collateral > 0 else []
    titles = "; ".join(step.title for step in steps)
    return f"{count} run {run_id}, for {', '.join(costs)}: {titles}."


def _result(
    session: SigningSession,
    wanted: WantedRun,
    done: Sequence[DoneStep],
    receipts: Sequence[Receipt],
    plan: Plan,
    *,
    is_short: bool,
) -> OperationResult[AppliedData]:
    count = "1 step" if len(done) == 1 else f"{len(done)} steps"
    so = f"Run {wanted.run_id} is as its file describes it{', except for its funding' if is_short else ''}"
    return OperationResult(
        summary=f"{so}, after {count}." if done else f"{so}: nothing was sent.",
        data=AppliedData(run_id=wanted.run_id, already_so=not done, steps=tuple(done)),
        details=tuple((f"step {number}", step.title) for number, step in enumerate(done, 1)),
        transactions=tuple(receipts),
        warnings=plan.warnings,
        next_steps=(session.given.command("show", run_id=wanted.run_id),),
    )
