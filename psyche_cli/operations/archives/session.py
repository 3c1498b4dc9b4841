"""Sessions that read a run from an archive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from psyche_cli.errors import UsageError
from psyche_cli.operations.archives.transport import ArchiveTransport
from psyche_cli.operations.sessions import Feed, Session
from psyche_cli.operations.times import iso_time
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.rpc.client import RpcClient

if TYPE_CHECKING:
    from psyche_cli.environment import Environment
    from psyche_cli.history.store import History
    from psyche_cli.suggestions import GivenOptions


class ArchiveSession(Session):
    """A session that reads from an archive. ``archive`` answers its requests."""

    archive: ArchiveTransport

    def history(self, run_id: str) -> History:
        """The history in the archive, which is closed with the session.

        Raises NotInArchive if it is that of another run, and the errors of the archive.
        """
        if run_id != self.archive.file.manifest.run_id:
            raise self.archive.missing(f"the run {run_id!r}")
        return self.archive.ledger.history()


@contextmanager
def archive_session(
    environment: Environment, path: Path, *, given: GivenOptions, others: Mapping[str, object]
) -> Iterator[Session]:
    """Open a session that reads from the archive in a file, and report on stderr what it contains.

    ``others`` are options that were given on the command line, by name. Raises UsageError if they concern a cluster,
    and the errors of an archive.
    """
    if others:
        raise UsageError(
            f"--archive cannot be combined with {' and '.join(others)}: an archive is read instead of a cluster."
        )
    with closing(ArchiveTransport(path)) as archive:
        manifest = archive.file.manifest
        if manifest.programs != {name: str(address) for name, address in PUBLISHED.by_name.items()}:
            raise archive.file.damaged("it is about other programs")
        environment.diagnostics.line(
            f"Reading the archive {path}: run {manifest.run_id} as of slot {manifest.slot:,}{_at(manifest.time)}."
        )
        rpc = RpcClient(environment.requests.watch(archive), environment.clock, manifest.commitment)
        session = ArchiveSession(rpc, PUBLISHED, environment.progress, given, Feed(environment.clock))
        session.archive = archive
        yield session


def _at(seconds: int) -> str:
    try:
        return f", {iso_time(seconds)}"
    except (OverflowError, ValueError, OSError):  # no such year
        return ""
