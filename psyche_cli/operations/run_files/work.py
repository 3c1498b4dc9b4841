"""Does the steps of a plan, and reports each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Literal, NamedTuple

from psyche_cli.errors import ApplyRunning, NotReached, PsycheError, Refused, StalePlan, WrongRunState
from psyche_cli.json_values import to_json
from psyche_cli.operations.run_files.actual import ActualRun
from psyche_cli.operations.run_files.budget import Budget
from psyche_cli.operations.run_files.other_transfers import OtherTransfers
from psyche_cli.operations.run_files.pause_wait import PauseWait
from psyche_cli.operations.run_files.payloads import (
    AppliedData,
    DoneStep,
    PauseProgress,
    ProgressData,
    StepData,
)
from psyche_cli.operations.run_files.plan_file import ReviewedPlan
from psyche_cli.operations.run_files.planning import Plan
from psyche_cli.operations.run_files.review import require_reviewed
from psyche_cli.operations.run_files.target import Target
from psyche_cli.operations.signing import SigningSession
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult

_MOST_ATTEMPTS: Final = 10
"""How often a transfer is planned again because a balance has changed meanwhile."""


_MOST_TOGETHER: Final = 100
"""How many authorizations are changed before the run is read again."""


class Applying(NamedTuple):
    """What is applied: the target and, if a plan file was given, the plan in it.

    ``again`` is the command line that continues after an interruption. ``report`` receives what happens as it happens.
    ``unlocked`` is a context in which other processes may change the run. ``is_plan_shown`` is whether the user sees
    what ``SigningSession.notify`` receives; otherwise, the question names the steps.
    """

    target: Target
    reviewed: ReviewedPlan | None
    wait: PauseWait
    again: str
    report: Callable[[OperationResult[ProgressData]], None] = lambda _: None
    unlocked: Callable[[], AbstractContextManager[None]] = nullcontext
    is_plan_shown: bool = True


class Work:
    """The steps of one process.

    ``plan`` is the one that was shown: only its steps are done. ``earlier`` are transfers to the vault that an
    interrupted process has made.
    """

    def __init__(
        self,
        session: SigningSession,
        applying: Applying,
        plan: Plan,
        budget: Budget,
        others: OtherTransfers,
        earlier: Sequence[Receipt],
    ) -> None:
        self._session = session
        self._applying = applying
        self._shown = plan
        self._known = _documents(plan) if applying.reviewed is None else applying.reviewed.steps
        self._numbers: dict[tuple[str, str | None], int] = {}
        for number, one in enumerate(self._known, 1):
            self._numbers.setdefault((one["kind"], one["subject"]), number)
        self._budget = budget
        self._others = others
        self._earlier = earlier
        self._done: list[DoneStep] = []
        self._receipts: list[Receipt] = []
        self._attempts = 0
        self._failures: list[str] = []

    def perform_all(self, plan: Plan, actual: ActualRun) -> bool:
        """Do the first step, or several authorizations, read the run again, and so on until nothing is left.

        Returns whether the vault still lacks something. Raises the errors of ``apply_run``.
        """
        session, target = self._session, self._applying.target
        while plan.steps:
            for due in plan.steps:
                require_reviewed(target.run_id, due, self._known, target.hint_to_plan(session.given), target.free_keys)
            together = _together(plan.steps)
            for step in together:
                self._require_new(step)
            step = together[0]
            try:
                with session.sender.annotating_errors():
                    for step in together:
                        refusal = self._begin(step, actual)
                        if refusal is not None:
                            break
                actual = self._read_again(refusal)
                plan = target.plan(actual, most=self._budget.left(actual))
                refuse_obstacles(target.run_id, plan, target.hint_on_obstacles(session.given))
                if refusal is not None and any(_key(step) == _key(due) for due in plan.steps):
                    self._plan_again(step, refusal)
            except PsycheError as error:
                if step.kind in ("wait", "wait-old") and not isinstance(error, Refused | NotReached):
                    error.hint = f"{error.hint} Nobody resumes the run until it is applied again.".strip()
                is_outdated = isinstance(error, StalePlan) and self._applying.reviewed is not None
                if not is_outdated:
                    error.hint = _continued(error.hint, self._applying.again)
                raise
        left = target.plan(actual)
        return left.lacks > 0 or any(step.kind == "top-up" for step in left.steps)

    def _begin(self, step: StepData, actual: ActualRun) -> Refused | None:
        """Do a step, and say so before. Returns the error if it was refused."""
        number, count = self._place(step)
        self._session.notify(f"Step {number} of {count}: {step.title}.")
        self._report(step, "begun")
        self._session.deadline.restart()
        return self._perform(step, actual)

    def _perform(self, step: StepData, actual: ActualRun) -> Refused | None:
        """Do a step. Returns the error if it was refused, perhaps because another process has done it meanwhile."""
        if step.kind == "top-up" and self._others.settle():
            return None  # it is to be planned again
        try:
            wait = self._applying.wait._replace(report=lambda progress: self._report(step, "waiting", waiting=progress))
            # A pause may depend on a scheduled tick, and may last longer than the vault does.
            with self._applying.unlocked() if step.kind in ("wait", "wait-old") else nullcontext():
                made = self._applying.target.perform(self._session, actual, step, wait)
        except Refused as error:
            if step.kind == "create" or isinstance(error, ApplyRunning):
                raise
            self._note_failure(step, error)
            return error
        self._budget.is_spent = self._budget.is_spent or step.kind == "top-up"
        self._receipts += made
        self._done.append(DoneStep(step.kind, step.title, step.subject, tuple(one.signature for one in made)))
        self._report(step, "done", made)
        return None

    def _note_failure(self, step: StepData, refusal: Refused) -> None:
        """Remember a transaction that failed on-chain, for a warning if the step turns out to be done."""
        known = {receipt.signature for receipt in (*self._earlier, *self._receipts)}
        if refusal.sent and refusal.signature not in known:
            self._failures.append(
                f"Transaction {refusal.signature} of the step {step.title!r} failed on-chain, because another process "
                "had changed the run meanwhile; its fee was paid."
            )

    def _read_again(self, refusal: Refused | None) -> ActualRun:
        """Read the run after a step. If that fails, a refusal of the step is the error."""
        self._session.deadline.restart()
        try:
            return self._applying.target.read(self._session, self._session.authority)
        except PsycheError as error:
            raise refusal or error from error

    def _plan_again(self, step: StepData, refusal: Refused) -> None:
        """Raise the refusal of a step that is still due, unless it is a transfer whose ground has moved."""
        self._attempts += 1
        if not isinstance(refusal, StalePlan) or self._attempts == _MOST_ATTEMPTS:
            raise refusal
        self._session.notify(f"{refusal.message} The step {step.title!r} was planned again.")

    def _require_new(self, step: StepData) -> None:
        """Raise WrongRunState for a step that was done before, so that no two processes revert each other forever."""
        if any(_key(one) == _key(step) for one in self._done):
            raise WrongRunState(
                f"The step {step.title!r} of run {self._applying.target.run_id!r} has not had the expected effect.",
                hint="Another process may have reverted it. " + self._applying.target.hint_to_plan(self._session.given),
            )

    def _place(self, step: StepData) -> tuple[int, int]:
        """The number of a step in the plan that was confirmed, and the number of all its steps."""
        return self._numbers[_key(step)], len(self._known)

    def _report(
        self,
        step: StepData,
        event: Literal["begun", "waiting", "done"],
        receipts: Sequence[Receipt] = (),
        waiting: PauseProgress | None = None,
    ) -> None:
        run_id = self._applying.target.run_id
        number, count = self._place(step)
        words = {"begun": "has begun", "waiting": "is waiting", "done": "is done"}
        self._applying.report(
            OperationResult(
                summary=f"Step {number} of {count} of run {run_id} {words[event]}: {step.title}.",
                data=ProgressData(run_id, False, event, number, count, step.kind, step.title, step.subject, waiting),
                transactions=tuple(receipts),
            )
        )

    def result(self, *, is_short: bool) -> OperationResult[AppliedData]:
        """The result at the end. ``is_short`` is whether the vault still lacks something."""
        run_id, done = self._applying.target.run_id, self._done
        count = "1 step" if len(done) == 1 else f"{len(done)} steps"
        is_unsent = not done and not self._failures
        so = f"Run {run_id} matches its file{', except for its funding' if is_short else ''}"
        return OperationResult(
            summary=f"{so}: nothing was sent." if is_unsent else f"{so}, after {count}.",
            data=AppliedData(run_id=run_id, already_so=is_unsent, finished=True, steps=tuple(done)),
            details=tuple((f"step {number}", step.title) for number, step in enumerate(done, 1)),
            transactions=(*self._earlier, *self._receipts),
            warnings=(*self._shown.warnings, *self._failures),
            next_steps=(self._session.given.command("show", run_id=run_id),),
        )


def _together(steps: Sequence[StepData]) -> Sequence[StepData]:
    """The first step or, because nothing else matters for them, the first authorizations."""
    for number, step in enumerate(steps[:_MOST_TOGETHER]):
        if step.kind not in ("authorize", "deauthorize"):
            return steps[: max(number, 1)]
    return steps[:_MOST_TOGETHER]


def refuse_obstacles(run_id: str, plan: Plan, hint: str) -> None:
    """Raise Refused if the plan has obstacles. ``hint`` is how to go on."""
    if plan.obstacles:
        listed = "; ".join(f"{one.key}: {one.message}" for one in plan.obstacles)
        raise Refused(
            f"Run {run_id!r} cannot be made to match its file: {listed}.",
            hint=hint,
        )


def _key(step: StepData | DoneStep) -> tuple[str, str | None]:
    """What identifies a step in a plan."""
    return step.kind, step.subject


def _continued(hint: str, command: str) -> str:
    """A hint with the command that continues."""
    if not hint:
        return f"To continue: {command}"
    # A command at the end of the hint must not look longer than it is.
    return f"{hint} To continue: {command}" if hint.endswith(".") else f"{hint}; to continue: {command}"


def _documents(plan: Plan) -> list[Any]:
    """The steps of a plan as they are in a plan file."""
    return [to_json(step) for step in plan.steps]
