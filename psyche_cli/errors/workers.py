"""Failures of the worker supervisor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psyche_cli.errors.base import ExitCode, PsycheError

if TYPE_CHECKING:
    from collections.abc import Sequence


_MOST_NAMED: Final = 5
"""How many workers a message names."""


class WorkersError(PsycheError):
    """A failure of the daemon that supervises workers, or of the place where they run."""

    exit_code = ExitCode.WORKERS


class EngineUnavailable(WorkersError):
    """The place where workers run cannot be reached, or its optional package is not installed."""

    engine: str | None = None


class LaunchFailed(WorkersError):
    """A worker process that could not be started: nothing of it runs.

    ``worker`` is the name of the launch, and ``program`` the first word of its command.
    """

    worker: str | None = None
    program: str | None = None


class RegistryError(WorkersError):
    """The registry of workers cannot be read or written: a full disk, no permission, locked for too long."""

    path: str | None = None


class RegistryDamaged(RegistryError):
    """The registry of workers is damaged, or its file is not a registry."""


class RegistryTooNew(RegistryError):
    """The registry of workers was written by a newer psyche-cli.

    ``version`` is its version, ``supported`` the newest known one.
    """

    version: int | None = None
    supported: int | None = None


class TelemetryError(WorkersError):
    """The file with the telemetry of workers cannot be used: damage, no space, no permission, or another version.

    ``version`` is the version of a file that was written by another psyche-cli, and ``supported`` that of this one.
    """

    path: str | None = None
    version: int | None = None
    supported: int | None = None


class IllegalTransition(WorkersError):
    """The life cycle does not allow an event in the state of a worker. Nothing was changed.

    ``state`` is its state, and ``obstacles`` are the conditions that prevent the event; empty if the state has no such
    transition.
    """

    run_id: str
    worker_id: str
    state: str
    event: str
    obstacles: tuple[str, ...] = ()


class SlotsNotFree(WorkersError):
    """The GPU slots that a worker requires are not free. ``wanted`` and ``free`` are numbers of slots."""

    run_id: str
    worker_id: str
    wanted: int
    free: int


class RehearsalError(WorkersError):
    """A rehearsal that cannot begin or go on."""

    run_id: str | None = None


class DaemonError(WorkersError):
    """The daemon that supervises workers refused a call, or failed.

    ``reason`` is the code of its error, or the gRPC status in snake case, such as ``deadline_exceeded``.
    """

    reason: str | None = None
    address: str | None = None


class DaemonUnavailable(DaemonError):
    """The daemon does not run or does not respond, or it cannot be started. ``log`` is the path of its log."""

    log: str | None = None


class DaemonRunning(DaemonError):
    """A daemon already runs for this state folder. ``pid`` is its process id."""

    pid: int | None = None


class WorkersNotEnded(DaemonError):
    """Workers that were to end with the daemon and have not in time. ``workers`` names them, each with the reason.

    The next daemon continues to end them.
    """

    workers: tuple[str, ...]

    @staticmethod
    def of(workers: Sequence[str]) -> WorkersNotEnded:
        """The error for these workers, of which the message names the first few."""
        named = ", ".join(workers[:_MOST_NAMED])
        more = f" and {len(workers) - _MOST_NAMED} more" if len(workers) > _MOST_NAMED else ""
        return WorkersNotEnded(
            f"The daemon has stopped, and these workers have not ended: {named}{more}.",
            hint="The next daemon continues to end them. `psyche-cli workers list --open` lists their runs.",
            workers=tuple(workers),
        )
