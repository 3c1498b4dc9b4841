"""Plan the replacement of a run by the run of a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.errors import ConfigurationError, PsycheError, UsageError
from psyche_cli.new_files import require_new_file, write_new_file
from psyche_cli.operations.migrations.migration import default_export, migration_of
from psyche_cli.operations.migrations.old_run import find_old_run
from psyche_cli.operations.migrations.proposal import Changes, propose
from psyche_cli.operations.migrations.target import MigrationTarget
from psyche_cli.operations.run_files.payloads import PlanData
from psyche_cli.operations.run_files.plan import as_written, plan_target
from psyche_cli.operations.run_files.work import refuse_obstacles
from psyche_cli.operations.sessions import Session
from psyche_cli.results import OperationResult
from psyche_cli.run_file.load import load_run_file, parse_run_file
from psyche_cli.run_file.write import run_file_toml

if TYPE_CHECKING:
    from psyche_cli.operations.migrations.payloads import RehearsedMigration
    from psyche_cli.solana.wallet import Wallet


_FUNDING: Final = """
# What the vault of the new run is topped up with:
# [funding]
# keep_epochs = 10
"""


class MigrateRequest(NamedTuple):
    """Which run is replaced, by the run of which file.

    If ``file`` does not exist, it is written, with the ``changes``. ``export`` is the folder for the export of the old
    run, by default one beside the file. ``output_file`` is a new file for the plan.
    """

    run_id: str
    file: Path
    changes: Changes
    treasurer_index: int | None = None
    export: Path | None = None
    output_file: Path | None = None

    @property
    def folder(self) -> Path:
        """The folder for the export."""
        return self.export or default_export(self.file)


def migrate_run(session: Session, request: MigrateRequest, *, wallet: Pubkey | None) -> OperationResult[PlanData]:
    """The plan that replaces a run by the run of a file; if the file does not exist, it is written first.

    ``wallet`` is the key that would sign; None for the main authority of the old run. Nothing is sent. Raises
    UsageError if there are changes for a file that exists; RunNotFound, AccountError, ConfigurationError, and the
    errors of ``plan_target``.
    """
    with _only_with_a_plan(request.file):
        return _planned(session, request, wallet)


def _planned(session: Session, request: MigrateRequest, wallet: Pubkey | None) -> OperationResult[PlanData]:
    notes = _proposed(session, request)
    wanted = as_written(load_run_file(request.file))
    migration = migration_of(session, request.run_id, wanted, request.folder, request.treasurer_index)
    target = MigrationTarget(wanted, migration)
    output_file = request.output_file
    folder = None if request.export is None else str(request.export)
    next_step = migration._replace(file=request.file).command(session.given, folder)
    if output_file is not None:
        next_step = session.given.command("apply", str(output_file))
    return plan_target(session, target, wallet=wallet, output_file=output_file, next_step=next_step, notes=notes)


def rehearse_run(
    session: Session, request: MigrateRequest, *, wallet: Wallet | None
) -> OperationResult[RehearsedMigration]:
    """Carry out the plan of ``migrate_run`` on a local validator; the file is written first if it does not exist.

    ``wallet`` signs if it has the key of the owner; None if there is none. Raises Refused with the obstacles of the
    plan, and the errors of ``migrate_run`` and ``rehearse_migration``.
    """
    from psyche_cli.operations.migrations.rehearse import rehearse_migration

    notes = _proposed(session, request)
    wanted = as_written(load_run_file(request.file))
    migration = migration_of(session, request.run_id, wanted, request.folder, request.treasurer_index)
    old = find_old_run(session, request.run_id, request.treasurer_index)
    owner = old.run.main_authority
    if wallet is not None and not old.closes and old.is_halted:
        owner = wallet.address  # the old run is left as it is, so anyone can create the new one
    target = MigrationTarget(wanted, migration)
    plan = target.plan(target.read(session, owner))
    refuse_obstacles(wanted.run_id, plan, target.hint_on_obstacles(session.given))
    return rehearse_migration(session, wanted, migration, owner=owner, wallet=wallet, notes=notes)


@contextmanager
def _only_with_a_plan(file: Path) -> Iterator[None]:
    """Remove a run file that was written for a plan that could not be made."""
    existed = os.path.lexists(file)
    try:
        yield
    except PsycheError:
        if not existed:
            file.unlink(missing_ok=True)
        raise


def _proposed(session: Session, request: MigrateRequest) -> tuple[str, ...]:
    """Write the run file if it does not exist. Returns what its owner should know."""
    path = request.file
    if os.path.lexists(path):
        if request.changes.given:
            raise UsageError(
                f"{path} exists, so it says what the new run is, and the other options would have no effect.",
                hint="Change the file instead, or name a new one to write it with these options.",
                path=str(path),
            )
        return ()
    require_new_file(path, what="the run file")
    old = find_old_run(session, request.run_id, request.treasurer_index)
    wanted, notes, comments = propose(session, old, request.changes)
    text = run_file_toml(wanted, comment=(f"Replaces run {old.run_id}, {old.account}.", *notes, *comments))
    try:
        parse_run_file(text, path)
    except ConfigurationError as error:
        error.message = f"The run file for run {request.run_id!r} cannot be proposed. {error.message}"
        error.hint = "Write it by hand: docs/declarative.md lists its keys."
        raise
    if wanted.treasurer is not None and wanted.funding is None:
        text += _FUNDING
    write_new_file(path, text, what="the run file")
    return (f"Wrote {path}, the run file of the new run. Check it before you apply the plan.", *notes)
