"""What a migration works toward: the run of a file, in place of an old run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from solders.pubkey import Pubkey

from psyche_cli.errors import AccountNotFound, RunNotFound, UsageError
from psyche_cli.operations.migrations.export import Exported, export_run, read_export, why_unwritable
from psyche_cli.operations.migrations.migration import Migration
from psyche_cli.operations.migrations.old_run import OldRun, Origin, find_old_run, same_place
from psyche_cli.operations.migrations.planning import (
    cautions_of,
    compared,
    departures_of,
    ground_of,
    losses_of,
    obstacles_of,
    steps_before,
    warnings_of,
)
from psyche_cli.operations.run_files.actual import ActualRun
from psyche_cli.operations.run_files.pause_wait import PauseWait, wait_until_paused
from psyche_cli.operations.run_files.payloads import MigrationData, ObstacleData, StepData
from psyche_cli.operations.run_files.performing import perform, request_of
from psyche_cli.operations.run_files.planning import Plan, make_plan
from psyche_cli.operations.run_files.reading import read_actual
from psyche_cli.operations.run_files.target import Target
from psyche_cli.operations.runs.recreate_run import recreate_run
from psyche_cli.operations.runs.set_paused import set_paused
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.signing import SigningSession
from psyche_cli.receipts import Receipt
from psyche_cli.run_config.schema import CHECKPOINT_KEY
from psyche_cli.run_file.wanted import WantedRun
from psyche_cli.suggestions import GivenOptions


@dataclass(frozen=True, kw_only=True)
class MigratingRun(ActualRun):
    """What was read of the new run, and of the old one.

    ``old`` is None once it is closed. ``exported`` is its export, None if there is none yet. ``wanted`` is the new run
    with the first step and the checkpoint that it takes from the old one, and ``follows`` whether they can still
    change, because the old one is running.
    """

    old: OldRun | None
    exported: Exported | None
    wanted: WantedRun
    follows: bool

    @property
    def first_step_is_open(self) -> bool:
        """Whether the run starts at a step that is only known later."""
        return self.follows

    @property
    def is_recreated(self) -> bool:
        """Whether the transaction that creates the run closes the old one."""
        return self.old is not None and self.old.closes

    @property
    def recovered(self) -> int:
        """The lamports that this transaction recovers."""
        return 0 if self.old is None else self.old.recovered


class MigrationTarget(Target):
    """The run of a file in place of an old run."""

    def __init__(self, wanted: WantedRun, migration: Migration) -> None:
        super().__init__(wanted)
        self._migration = migration

    def read(self, session: Session, wallet: Pubkey | None) -> MigratingRun:
        """Read both runs and the export. Raises UsageError for an export of another run."""
        old = self._old(session)
        actual = self._new(session, old, wallet)
        if self._migration.closes and old is not None and (actual.run is not None or actual.taken):
            old = self._old(session)  # another process may have closed it and created the new one in between
            actual = self._new(session, old, wallet)
        exported = self._exported(session, old)
        wanted = self._with_origin(old, exported, is_started=_is_started(actual))
        follows = self.wanted.start_step is None and old is not None and not old.is_halted
        return MigratingRun(**vars(actual), old=old, exported=exported, wanted=wanted, follows=follows)

    def _new(self, session: Session, old: OldRun | None, wallet: Pubkey | None) -> ActualRun:
        owner = wallet or (old.run.main_authority if old else None)
        replaced = self._migration.account if self._migration.closes else None
        return read_actual(session, self.wanted, owner, replaced=replaced)

    def _old(self, session: Session) -> OldRun | None:
        """The old run; None if it was closed, also if its id is that of another run now."""
        run_id, index = self._migration.run_id, self._migration.treasurer_index
        try:
            try:
                old = find_old_run(session, run_id, index)
            except AccountNotFound:  # it may have been closed between the two reads
                old = find_old_run(session, run_id, index)
        except (RunNotFound, UsageError):  # the latter if the run that has its id now has another treasurer
            return None
        return old if old.account == self._migration.account else None

    def _exported(self, session: Session, old: OldRun | None) -> Exported | None:
        """The export. A damaged one is only in the way as long as the old run can still be exported."""
        migration = self._migration
        another = f"Choose another folder: {migration.command(session.given, 'FOLDER')}"
        try:
            exported = read_export(migration.export)
        except UsageError as error:
            if old is not None:
                error.hint = another
                raise
            return None
        if exported is not None and exported.account != migration.account:
            message = f"The folder {migration.export} is the export of another run: {exported.account}."
            raise UsageError(message, hint=another, path=str(migration.export))
        return exported

    def _with_origin(self, old: OldRun | None, exported: Exported | None, *, is_started: bool) -> WantedRun:
        """The new run with the first step and the checkpoint of the old one, unless the file says at which it starts.

        Once the old one is closed, or the new one started, they are those in the export: one that stays can go on.
        """
        if exported is not None and (old is None or is_started):
            return with_origin(self.wanted, exported.origin)
        return self.wanted if old is None else with_origin(self.wanted, old.origin)

    def plan(self, actual: ActualRun, *, most: int | None = None) -> Plan:
        """The steps that export and pause or close the old run, and those that make the new one match its file."""
        assert isinstance(actual, MigratingRun)
        folder, is_started = self._migration.export, _is_started(actual)
        before = tuple(steps_before(actual.old, actual.exported, folder, is_started=is_started))
        plan = make_plan(actual.wanted, actual, most=most, before=before)
        steps = tuple(self._titled(step, follows=actual.follows) for step in plan.steps)
        obstacles = [*obstacles_of(self._migration.closes, actual.old, actual.exported, actual.wanted, actual)]
        if any(step.kind == "export" for step in before) and (reason := why_unwritable(folder, actual.exported)):
            obstacles.append(ObstacleData("export", reason))
        values = {**plan.values, **ground_of(actual.old, self._migration.account, closes=self._migration.closes)}
        warnings = [*warnings_of(actual.old, actual.wanted)]
        warnings += self._about_its_step(actual)
        return Plan(steps, (*obstacles, *plan.obstacles), (*warnings, *plan.warnings), values, plan.lacks)

    def _about_its_step(self, actual: MigratingRun) -> list[str]:
        """A warning if the new run was started before the step at which the old one ended."""
        origin = None if actual.exported is None else actual.exported.origin
        if origin is None or actual.run is None or not _is_started(actual) or self.wanted.start_step is not None:
            return []
        step = actual.run.next_step
        warning = (
            f"Run {self.run_id} is at step {step}, but the run that it replaces had reached step {origin.step}: it was "
            "not started where that one has ended."
        )
        return [warning] if step < origin.step else []

    def _titled(self, step: StepData, *, follows: bool) -> StepData:
        old, new = self._migration.run_id, self.wanted.run_id
        if step.kind == "recreate":
            return replace(step, title=f"Close run {old} and create run {new}, in one transaction")
        if step.kind == "set-step" and follows:
            return replace(step, title=f"Set the first step of run {new} to the one at which run {old} is paused")
        return step

    def perform(
        self, session: SigningSession, actual: ActualRun, step: StepData, wait: PauseWait
    ) -> tuple[Receipt, ...]:
        """Do a step that is due."""
        assert isinstance(actual, MigratingRun)
        old, index = actual.old, self._migration.treasurer_index
        if old is None or step.kind not in ("pause-old", "wait-old", "export", "recreate"):
            return perform(session, actual.wanted, actual, step, wait)
        if step.kind == "pause-old":
            return set_paused(session, run_id=old.run_id, paused=True, treasurer_index=index).transactions
        if step.kind == "wait-old":
            wait_until_paused(session, old.run_id, index, wait)
            return ()
        if step.kind == "export":
            self._export(session, old)
            return ()
        request = replace(request_of(actual.wanted), name=None, description=None)
        return (recreate_run(session, old.run, request),)

    def _export(self, session: Session, old: OldRun) -> None:
        try:
            export_run(session, old, self._migration.export)
        except UsageError as error:
            again = self._migration.command(session.given, "FOLDER")
            error.hint = f"Make room for it. Or plan with another folder: {again}"
            raise

    def hint_to_plan(self, given: GivenOptions) -> str:
        """How to make a new plan."""
        return f"Make a new plan: {self._migration.command(given)}"

    def hint_on_obstacles(self, given: GivenOptions) -> str:
        """How to go on after obstacles."""
        return f"Change the file, or what is in the way, and make a new plan: {self._migration.command(given)}"

    @property
    def free_keys(self) -> tuple[str, ...]:
        """The first step and the checkpoint, if they follow the old run until it is paused."""
        return ("start_step", CHECKPOINT_KEY) if self._migration.continues else ()

    def migration(self, actual: ActualRun) -> MigrationData | None:
        """The old run, for the plan."""
        assert isinstance(actual, MigratingRun)
        old, known = actual.old, self._migration
        return MigrationData(
            run_id=known.run_id,
            coordinator_account=str(known.account),
            treasurer_index=known.treasurer_index,
            state=None if old is None else old.run.account.run_state.text,
            closes=known.closes,
            recovered_lamports=0 if old is None else old.recovered,
            members=0 if old is None else old.members,
            lost_points=0 if old is None else old.lost_points,
            continues=known.continues,
            export=str(known.export),
            file=str(known.file),
            changes=tuple(compared(old, actual.wanted, actual.wallet)),
        )

    def cautions(self, actual: ActualRun) -> tuple[str, ...]:
        """What is lost, and where training continues."""
        assert isinstance(actual, MigratingRun)
        known = self._migration
        if actual.old is None and actual.run is not None and known.run_id == self.run_id:
            caution = (
                f"{known.export} is the export of {known.account}, which has been replaced by the present run "
                f"{self.run_id}, {actual.run.account.address}. To replace that one, choose another --export-dir."
            )
            return (caution,)
        return tuple(cautions_of(actual.old, actual.wanted, actual.wallet, follows=known.continues))

    def losses(self, actual: ActualRun) -> str:
        """What is lost when the old run is closed, and in which respects the new one does not continue it."""
        assert isinstance(actual, MigratingRun)
        departures = departures_of(actual.old, actual.wanted, actual.wallet)
        return losses_of(actual.old) + "".join(f" {one}" for one in departures)


def _is_started(actual: ActualRun) -> bool:
    """Whether the new run has ever been started, so that its first step is chosen."""
    return actual.state not in ("absent", "unstarted")


def with_origin(wanted: WantedRun, origin: Origin | None) -> WantedRun:
    """The run with the first step of the old one, and its checkpoint if it is in the same repository or bucket.

    Nothing changes if the file says at which step the run starts, or if the old one never did.
    """
    if wanted.start_step is not None or origin is None:
        return wanted
    wanted = replace(wanted, start_step=origin.step)
    llm = None if wanted.model is None else wanted.model["LLM"]
    if llm is None or not same_place(llm["checkpoint"], origin.checkpoint):
        return wanted
    return replace(wanted, model={"LLM": {**llm, "checkpoint": origin.checkpoint}})
