"""Make a run match its file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from psyche_cli.amounts import format_amount, format_sol
from psyche_cli.errors import NotReached, PsycheError, Refused, UsageError, WrongRunState
from psyche_cli.json_values import to_json
from psyche_cli.operations.rewards.treasurer_top_up_rewards import TOP_UP
from psyche_cli.operations.run_files.actual import ActualRun
from psyche_cli.operations.run_files.pause_wait import PauseWait
from psyche_cli.operations.run_files.payloads import AppliedData, DoneStep, ObstacleData, StepData
from psyche_cli.operations.run_files.plan_file import ReviewedPlan
from psyche_cli.operations.run_files.planning import Plan
from psyche_cli.operations.run_files.review import refuse_stale, require_reviewed
from psyche_cli.operations.run_files.target import Target
from psyche_cli.operations.signing import SigningSession
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult

LAG_SECONDS: Final = 120
"""How long a node may lag: the run is read at a slot at least that of a transfer which landed within this time."""


class Applying(NamedTuple):
    """What is applied: the target and, if a plan file was given, the plan in it.

    ``again`` is the command line that continues after an interruption. ``report`` receives the result so far after each
    step but the last one.
    """

    target: Target
    reviewed: ReviewedPlan | None
    wait: PauseWait
    again: str
    report: Callable[[OperationResult[AppliedData]], None] = lambda _: None


def apply_run(session: SigningSession, applying: Applying) -> OperationResult[AppliedData]:
    """Do the steps that make a run match its file, one at a time. The run is read again before each of them.

    What an interrupted attempt has done is therefore not repeated, and what it has left unsettled in the journal is
    settled before. Nothing is done unless the file can be fulfilled as a whole. The vault is topped up at most once, by
    this process or by the interrupted one, and with a reviewed plan by no more than it says in all.

    Raises Refused with the obstacles; StalePlan if the run has changed since the plan was made, or changes meanwhile
    so that something else is to be done; NotReached if a pause does not take effect in time; NotConfirmed; and the
    errors of the operations.
    """
    target, reviewed = applying.target, applying.reviewed
    landed = [receipt for receipt in session.settled if receipt.label == TOP_UP]
    session.earlier = None  # the steps must not take it for theirs
    _see_recent_transfers(session)
    if reviewed is not None:
        _require_same_place(session, reviewed)
    actual = target.read(session, session.authority)
    plan = target.plan(actual, most=0 if landed else None)
    if reviewed is not None:
        refuse_stale(reviewed, actual, plan.values)
    budget = _Budget.of(reviewed, plan, actual)
    plan = target.plan(actual, most=budget.left(actual))
    if plan.obstacles:
        raise _refusal(target.run_id, plan.obstacles)
    if plan.steps:
        session.confirm(_consequence(target.run_id, plan.steps, actual) + target.losses(actual))
    work = _Work(session, applying, landed)
    return work.result(*work.perform_all(plan, actual, budget))


class _Budget:
    """What may be transferred to the vault: ``most`` base units, of which nothing is left once ``is_spent``.

    What the vault has received since the plan was made, when it had received ``received``, counts as transferred.
    """

    def __init__(self, most: int, received: int) -> None:
        self._most = most
        self._received = received
        self.is_spent = False

    @classmethod
    def of(cls, reviewed: ReviewedPlan | None, plan: Plan, actual: ActualRun) -> _Budget:
        """The budget of a plan that was reviewed as a file, or now."""
        collateral = sum(step.collateral or 0 for step in plan.steps)
        if reviewed is None:
            return cls(collateral, actual.received or 0)
        planned = sum(step["collateral"] or 0 for step in reviewed.steps)
        return cls(planned if collateral > 0 else 0, reviewed.received or 0)

    def left(self, actual: ActualRun) -> int:
        """What is left of it, in base units."""
        return 0 if self.is_spent else max(self._most - ((actual.received or 0) - self._received), 0)


class _Work:
    """The steps of one process. ``earlier`` are transfers to the vault that an interrupted one has made."""

    def __init__(self, session: SigningSession, applying: Applying, earlier: Sequence[Receipt]) -> None:
        self._session = session
        self._applying = applying
        self._earlier = earlier
        self._done: list[DoneStep] = []
        self._receipts: list[Receipt] = []

    def perform_all(self, plan: Plan, actual: ActualRun, budget: _Budget) -> tuple[Plan, bool]:
        """Do the first step, read the run again, and so on until nothing is left.

        Returns the first plan, and whether the vault still lacks something.
        """
        session, target = self._session, self._applying.target
        first = plan
        steps = _documents(plan) if self._applying.reviewed is None else self._applying.reviewed.steps
        while plan.steps:
            step = plan.steps[0]
            require_reviewed(target.run_id, step, steps)
            self._require_new(step)
            number, count = len(self._done) + 1, len(self._done) + len(plan.steps)
            session.notify(f"Step {number} of {count}: {step.title}.")
            session.deadline.restart()
            try:
                made = target.perform(session, actual, step, self._applying.wait)
                budget.is_spent = budget.is_spent or step.kind == "top-up"
                self._receipts += made
                signatures = tuple(receipt.signature for receipt in made)
                self._done.append(DoneStep(step.kind, step.title, step.subject, signatures))
                session.deadline.restart()
                actual = target.read(session, session.authority)
                plan = target.plan(actual, most=budget.left(actual))
                if plan.obstacles:
                    raise _refusal(target.run_id, plan.obstacles)
            except PsycheError as error:
                if not isinstance(error, NotReached):
                    error.hint = f"{error.hint} To continue: {self._applying.again}".strip()
                raise
            if plan.steps:
                self._applying.report(self._so_far(count))
        return first, any(step.kind == "top-up" for step in target.plan(actual).steps)

    def _require_new(self, step: StepData) -> None:
        """Raise WrongRunState for a step that was done before, so that no two processes revert each other forever."""
        if any((one.kind, one.subject) == (step.kind, step.subject) for one in self._done):
            raise WrongRunState(
                f"The step {step.title!r} of run {self._applying.target.run_id!r} has not had the expected effect.",
                hint="Another process may have reverted it. Show what is left: psyche-cli plan FILE",
            )

    def _so_far(self, count: int) -> OperationResult[AppliedData]:
        """The result after a step but the last one, of ``count`` steps."""
        run_id = self._applying.target.run_id
        return OperationResult(
            summary=f"Step {len(self._done)} of {count} of run {run_id} is done.",
            data=AppliedData(run_id=run_id, already_so=False, finished=False, steps=tuple(self._done)),
            transactions=(*self._earlier, *self._receipts),
        )

    def result(self, plan: Plan, is_short: bool) -> OperationResult[AppliedData]:
        """The result at the end. ``plan`` is the first one."""
        run_id, done = self._applying.target.run_id, self._done
        count = "1 step" if len(done) == 1 else f"{len(done)} steps"
        so = f"Run {run_id} matches its file{', except for its funding' if is_short else ''}"
        return OperationResult(
            summary=f"{so}, after {count}." if done else f"{so}: nothing was sent.",
            data=AppliedData(run_id=run_id, already_so=not done, finished=True, steps=tuple(done)),
            details=tuple((f"step {number}", step.title) for number, step in enumerate(done, 1)),
            transactions=(*self._earlier, *self._receipts),
            warnings=plan.warnings,
            next_steps=(self._session.given.command("show", run_id=run_id),),
        )


def _documents(plan: Plan) -> list[Any]:
    """The steps of a plan as they are in a plan file."""
    return [to_json(step) for step in plan.steps]


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
        f"Run {run_id!r} cannot be made to match its file: {listed}.",
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
