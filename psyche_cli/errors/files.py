"""Files of this computer: the journal, transferred files, histories and archives of runs, and those of a monitor."""

from __future__ import annotations

from psyche_cli.errors.base import ExitCode, PsycheError


class JournalError(PsycheError):
    """The journal of sent transactions cannot be read or written: a full disk, no permission, locked for too long."""

    exit_code = ExitCode.JOURNAL

    path: str | None = None


class JournalDamaged(JournalError):
    """The journal is damaged, or its file is not a journal."""


class JournalTooNew(JournalError):
    """The journal was written by a newer psyche-cli. ``version`` is its version, ``supported`` the newest known one."""

    version: int | None = None
    supported: int | None = None


class FileError(PsycheError):
    """A local file or folder that cannot be read or written while files of a run are transferred."""

    exit_code = ExitCode.FILES

    path: str | None = None


class UnsafePath(FileError):
    """A path that is not written or read.

    The service sent a path that is not below the target folder or conflicts with another one, or a file to upload is
    not a regular file below its folder. ``path`` is this path.
    """


class DiskFull(FileError):
    """There is not enough space. ``needed`` and ``free`` are bytes, if known."""

    needed: int | None = None
    free: int | None = None


class HistoryError(PsycheError):
    """The history of a run cannot be read or written: a full disk, no permission, locked for too long."""

    exit_code = ExitCode.HISTORY

    path: str | None = None


class HistoryDamaged(HistoryError):
    """The history is damaged, or its file is not a history, or not that of this run."""


class HistoryTooNew(HistoryError):
    """The history was written by a newer psyche-cli. ``version`` is its version, ``supported`` the newest known one."""

    version: int | None = None
    supported: int | None = None


class HistoryBusy(HistoryError):
    """Another process is reading the same history from an endpoint."""


class ArchiveError(HistoryError):
    """An archive of a run cannot be read or written: no permission, a full disk, or a history that is too large."""


class ArchiveDamaged(ArchiveError):
    """A file is not an archive of a run, or it is damaged or incomplete."""


class ArchiveTooNew(ArchiveError):
    """An archive was written by a newer psyche-cli. ``version`` is its version, ``supported`` the newest known one."""

    version: int | None = None
    supported: int | None = None


class NotInArchive(ArchiveError):
    """A command needs something that the archive does not contain: another run, an account, or a cluster.

    ``address`` is the account, ``method`` the request that the archive does not answer; None for something else.
    """

    address: str | None = None
    method: str | None = None


class MonitoringError(PsycheError):
    """Metrics cannot be served or written, or the alarms of a monitor cannot be read or written."""

    exit_code = ExitCode.MONITORING

    path: str | None = None
    address: str | None = None


class AlarmsDamaged(MonitoringError):
    """The file with the alarms of a monitor is damaged, or is another file, or belongs to another cluster."""


class AlarmsTooNew(MonitoringError):
    """The alarms were written by a newer psyche-cli. ``version`` is its version, ``supported`` the newest known one."""

    version: int | None = None
    supported: int | None = None


class MonitorRunning(MonitoringError):
    """Another process uses the same alarms."""
