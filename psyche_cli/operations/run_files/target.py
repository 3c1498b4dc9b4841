"""What ``apply`` works toward: a run as its file describes it."""

from __future__ import annotations

from solders.pubkey import Pubkey

from psyche_cli.operations.run_files.actual import ActualRun
from psyche_cli.operations.run_files.pause_wait import PauseWait
from psyche_cli.operations.run_files.payloads import MigrationData, StepData
from psyche_cli.operations.run_files.performing import perform
from psyche_cli.operations.run_files.planning import Plan, make_plan
from psyche_cli.operations.run_files.reading import read_actual
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.signing import SigningSession
from psyche_cli.receipts import Receipt
from psyche_cli.run_file.wanted import WantedRun
from psyche_cli.suggestions import GivenOptions


class Target:
    """A run as a file describes it. A migration extends it by the steps of the run that it replaces."""

    def __init__(self, wanted: WantedRun) -> None:
        self.wanted = wanted

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self.wanted.run_id

    def read(self, session: Session, wallet: Pubkey | None) -> ActualRun:
        """Read everything that the plan depends on. Raises the errors of ``read_actual``."""
        return read_actual(session, self.wanted, wallet)

    def plan(self, actual: ActualRun, *, most: int | None = None) -> Plan:
        """The plan for what was read. ``most`` is that of ``make_plan``. Raises InvalidAmount."""
        return make_plan(self.wanted, actual, most=most)

    def perform(
        self, session: SigningSession, actual: ActualRun, step: StepData, wait: PauseWait
    ) -> tuple[Receipt, ...]:
        """Do a step that is due. Returns the receipts of its transactions. Raises the errors of its operation."""
        return perform(session, self.wanted, actual, step, wait)

    @property
    def free_keys(self) -> tuple[str, ...]:
        """Keys, or tables of keys, whose values were not known when the plan was made."""
        return ()

    def hint_to_plan(self, given: GivenOptions) -> str:  # noqa: ARG002 -- for migrations
        """How to make a new plan."""
        return "Make a new plan: psyche-cli plan FILE"

    def hint_on_obstacles(self, given: GivenOptions) -> str:  # noqa: ARG002 -- for migrations
        """How to go on after obstacles."""
        return "Change the file, or remove these keys from it."

    def migration(self, actual: ActualRun) -> MigrationData | None:  # noqa: ARG002 -- for migrations
        """The run that is replaced; None if there is none."""
        return None

    def cautions(self, actual: ActualRun) -> tuple[str, ...]:  # noqa: ARG002 -- for migrations
        """What its owner should consider before it is applied, as sentences."""
        return ()

    def losses(self, actual: ActualRun) -> str:  # noqa: ARG002 -- for migrations
        """What is lost for good, as a sentence after the question before anything is sent; empty if nothing."""
        return ""
