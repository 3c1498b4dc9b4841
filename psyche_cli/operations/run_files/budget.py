"""What an apply may transfer to a vault in all."""

from __future__ import annotations

from psyche_cli.operations.run_files.actual import ActualRun
from psyche_cli.operations.run_files.plan_file import ReviewedPlan
from psyche_cli.operations.run_files.planning import Plan


class Budget:
    """What may be transferred to the vault: ``most`` base units, of which nothing is left once ``is_spent``.

    What the vault has received since the plan was made, when it had received ``received``, counts as transferred.
    """

    def __init__(self, most: int, received: int) -> None:
        self._most = most
        self._received = received
        self.is_spent = False

    @classmethod
    def of(cls, reviewed: ReviewedPlan | None, plan: Plan, actual: ActualRun) -> Budget:
        """The budget of a plan that was reviewed as a file, or now."""
        collateral = sum(step.collateral or 0 for step in plan.steps)
        if reviewed is None:
            return cls(collateral, actual.received or 0)
        planned = sum(step["collateral"] or 0 for step in reviewed.steps)
        return cls(planned if collateral > 0 else 0, reviewed.received or 0)

    def left(self, actual: ActualRun) -> int:
        """What is left of it, in base units."""
        return 0 if self.is_spent else max(self._most - ((actual.received or 0) - self._received), 0)
