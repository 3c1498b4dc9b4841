"""Export of a run and its history to an archive."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from psyche_cli import __version__
from psyche_cli.errors import ConfigurationError, UnsupportedLayout
from psyche_cli.history import copying
from psyche_cli.history.events import DECODER
from psyche_cli.new_files import complete_new_file, file_errors, require_new_file
from psyche_cli.operations.archives import format as names
from psyche_cli.operations.archives.collecting import Collected, collect
from psyche_cli.operations.archives.format import Manifest
from psyche_cli.operations.archives.writing import ArchiveWriter
from psyche_cli.operations.config.dump import run_config_toml
from psyche_cli.operations.files.checksums import Digests
from psyche_cli.operations.history.payloads import ExportedData
from psyche_cli.operations.history.sync import RunHistory, no_history, open_history, sync_history
from psyche_cli.results import OperationResult
from psyche_cli.run_config.rules import is_unset

if TYPE_CHECKING:
    from solders.pubkey import Pubkey

    from psyche_cli.operations.sessions import Session

_WHAT = "--output-file"
_PARTS = (
    (names.ADDRESSES, copying.ADDRESSES),
    (names.INCARNATIONS, copying.INCARNATIONS),
    (names.GAPS, copying.GAPS),
    (names.TRANSACTIONS, copying.TRANSACTIONS),
    (names.CONTENTS, copying.CONTENTS),
    (names.EVENTS, copying.EVENTS),
)


def export_history(
    session: Session,
    *,
    run_id: str,
    output_file: Path,
    state_folder: Path,
    treasurer_index: int | None = None,
    keys: Sequence[Pubkey] = (),
) -> OperationResult[ExportedData]:
    """Bring the history of a run up to date, and write it with the accounts of the run to a new file.

    The accounts are read first, so that the history contains all transactions before them. ``keys`` are keys about
    which the archive answers questions although they are no members. Raises UsageError if the file exists,
    RunNotFound if the run never did, ArchiveError, the errors of a history, AccountError and NetworkError.
    """
    require_new_file(output_file, what=_WHAT)
    with open_history(session, run_id, state_folder) as run:
        collected = collect(session, run_id, treasurer_index, keys)
        synced = sync_history(session, run)
        if collected.run is None and not run.history.incarnations():
            raise no_history(run_id, read=True)
        with complete_new_file(output_file, what=_WHAT) as file:
            manifest = _write(file, output_file, run, collected, session)
            size = file.tell()
        totals = run.history.totals()
    data = ExportedData(
        run_id=run_id,
        genesis_hash=run.genesis_hash,
        path=str(output_file),
        bytes=size,
        sha256=_checksum(output_file),
        slot=manifest.slot,
        accounts=sum(one.account is not None for one in collected.accounts),
        transactions=totals.fetched,
        events=totals.events,
        gaps=totals.gaps,
    )
    return OperationResult(
        summary=f"Exported run {run_id} as of slot {manifest.slot:,} to {output_file}.",
        data=data,
        details=(
            ("accounts", f"{data.accounts:,}"),
            ("transactions", f"{data.transactions:,}"),
            ("events", f"{data.events:,}, with those of compute-budget"),
            ("size", f"{size:,} bytes"),
            ("SHA-256", data.sha256),
        ),
        warnings=_warnings(synced.notes, collected, run_id),
        next_steps=(session.given.command("show", "--archive", str(output_file), run_id=run_id),),
    )


def _warnings(notes: Sequence[str], collected: Collected, run_id: str) -> tuple[str, ...]:
    gaps = tuple(note for note in notes if "gaps" in note)
    if collected.run is not None:
        return gaps
    return (*gaps, f"Run {run_id} is closed, or its account cannot be decoded: only its history was exported.")


def _write(file: BinaryIO, path: Path, run: RunHistory, collected: Collected, session: Session) -> Manifest:
    with ArchiveWriter(file) as writer:
        writer.add(names.ACCOUNTS, (one.record() for one in collected.accounts))
        if (toml := _configuration(collected)) is not None:
            writer.add_bytes(names.CONFIGURATION, [toml.encode()])
        with run.history.file.reading() as connection, file_errors(path):
            for name, part in _PARTS:
                writer.add(name, _rows(part, connection))
            row = connection.execute("SELECT synced_slot FROM run").fetchone()
        manifest = Manifest(
            version=__version__,
            decoder=DECODER,
            run_id=run.run_id,
            genesis_hash=run.genesis_hash,
            programs={name: str(address) for name, address in session.programs.by_name.items()},
            slot=collected.clock.slot,
            time=collected.clock.unix_timestamp,
            commitment=session.rpc.commitment,
            synced_slot=None if row is None else row[0],
            searches=collected.searches,
            members=writer.members,
        )
        writer.finish(manifest)
    return manifest


def _rows(part: copying.Part, connection: sqlite3.Connection) -> Iterator[Any]:
    try:
        yield from part.rows(connection)
    except (ValueError, TypeError) as error:
        raise sqlite3.DatabaseError(f"a row cannot be decoded ({error})") from error


def _configuration(collected: Collected) -> str | None:
    """The configuration as a file that update-config takes; None without one, or for one that no file can express."""
    run = collected.run
    if run is None:
        return None
    try:
        run.require_rules_of_v1()
        return None if is_unset(run.account.config) else run_config_toml(run)
    except (ConfigurationError, UnsupportedLayout):
        return None


def _checksum(path: Path) -> str:
    digests = Digests()
    with path.open("rb") as file:
        digests.read(file)
    return digests.sha256
