"""Which run a migration replaces."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.errors import RunNotFound
from psyche_cli.operations.migrations.export import read_export
from psyche_cli.operations.migrations.old_run import find_old_run
from psyche_cli.operations.sessions import Session
from psyche_cli.protocol.addresses import treasurer_index
from psyche_cli.run_file.wanted import WantedRun
from psyche_cli.suggestions import GivenOptions


class Migration(NamedTuple):
    """Which run is replaced: its id and its coordinator account, and the index of its treasurer if it has one.

    ``closes`` is whether it is closed, and ``continues`` whether the first step and the checkpoint of the new run
    follow it until it is paused. ``export`` is the folder that it is exported to, and ``file`` the run file.
    """

    run_id: str
    account: Pubkey
    treasurer_index: int | None
    closes: bool
    continues: bool
    export: Path
    file: Path

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Migration:
        """The migration in a plan file."""
        return cls(
            run_id=document["run_id"],
            account=Pubkey.from_string(document["coordinator_account"]),
            treasurer_index=document["treasurer_index"],
            closes=document["closes"],
            continues=document["continues"],
            export=Path(document["export"]),
            file=Path(document["file"]),
        )

    def command(self, given: GivenOptions, export: str | None = None) -> str:
        """The command line that plans it again, perhaps with another folder for the export."""
        folder = str(self.export) if export is None else export
        words = [] if folder == str(default_export(self.file)) else ["--export-dir", folder]
        index = self.treasurer_index
        if index is not None and index != treasurer_index(self.run_id):
            given = given._replace(treasurer_index=index)
        return given.command("migrate", "--to", str(self.file), *words, "-o", "NEW.json", run_id=self.run_id)


def default_export(file: Path) -> Path:
    """The folder for the export by default: one beside the run file."""
    return file.with_name(f"{file.stem}-export")


def migration_of(session: Session, run_id: str, wanted: WantedRun, export: Path, index: int | None) -> Migration:
    """The migration of a run to that of a file.

    If the folder is the export of an earlier run of this id, that is the one that was replaced. Raises the errors of
    ``find_old_run``, UsageError for an unusable folder.
    """
    folder, file = export.absolute(), wanted.source.absolute()
    exported = read_export(folder)
    try:
        old = find_old_run(session, run_id, index)
    except RunNotFound:
        if exported is None or exported.run_id != run_id:
            raise
        return Migration(run_id, exported.account, index, True, False, folder, file)
    if exported is not None and exported.run_id == run_id and exported.account != old.account:
        return Migration(run_id, exported.account, index, True, False, folder, file)
    treasury = old.run.treasury
    continues = wanted.start_step is None and not old.is_halted
    known = None if treasury is None else treasury.run.index
    return Migration(run_id, old.account, known, old.closes, continues, folder, file)
