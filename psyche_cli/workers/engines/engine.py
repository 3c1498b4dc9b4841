"""What the daemon needs from a place where worker processes run."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from psyche_cli.errors import LaunchFailed

Stream: TypeAlias = Literal["stdout", "stderr"]

LOG_PART: Final = 65_536
"""Bytes of a log that are read at once by default."""
GRACE_SECONDS: Final = 5.0
"""Seconds between SIGTERM and SIGKILL when an engine ends a worker by itself."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")


class Launch(NamedTuple):
    """A worker process to start.

    ``name`` identifies the launch: an engine starts a name only once until it is forgotten. It consists of letters,
    digits, dots, dashes and underscores. ``argv`` is the command, ``env`` the variables that are added to those that a
    worker inherits, and ``folder`` the working directory. The worker's output is appended to ``stdout_log`` and
    ``stderr_log``. ``gpus`` is the number of GPUs and ``cpus`` the number of CPUs that an engine with a scheduler
    requests. ``slots`` are the GPUs of this machine that the worker may use, for an engine without a scheduler.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    folder: Path
    stdout_log: Path
    stderr_log: Path
    slots: tuple[int, ...] = ()
    gpus: int = 0
    cpus: float = 0


class Running(NamedTuple):
    """The worker process runs. ``pid`` is its process id on its machine, and ``node`` the machine ("" is this one)."""

    pid: int
    node: str = ""


class Exited(NamedTuple):
    """The worker process ended with an exit ``code``, or because of a ``signal``; the other one is None."""

    code: int | None = None
    signal: int | None = None

    def __str__(self) -> str:
        if self.signal is None:
            return f"exit code {self.code}"
        try:
            return f"signal {self.signal} ({signal.Signals(self.signal).name})"
        except ValueError:
            return f"signal {self.signal}"


class Lost(NamedTuple):
    """It is unknown how the worker process ended, for the stated ``reason``. The engine has ended what was left of it.

    On another machine that can no longer be reached, it ends by itself within GRACE_SECONDS and a few seconds.
    """

    reason: str


Condition: TypeAlias = Running | Exited | Lost


class Engine(Protocol):
    """A place where worker processes run.

    A handle is a text that stays valid after the daemon is restarted, until ``forget``. Every method may be called from
    any thread. They raise EngineUnavailable if the place cannot be reached, which says nothing about its workers.
    """

    has_scheduler: bool
    """Whether the engine assigns GPUs and CPUs itself; if not, the caller assigns slots of this machine."""

    def launch(self, launch: Launch) -> str:
        """Start a worker process in its own process group, and return its handle once it runs.

        Raises LaunchFailed if the program cannot be started, if the name is already in use, or if the requested
        resources are not available. Nothing is left running then.
        """
        ...

    def find(self, name: str) -> str | None:
        """The handle of a launch by its name; None if it was never started, or forgotten.

        A daemon that was killed between a launch and the record of its handle finds the worker again with this.
        """
        ...

    def names(self) -> tuple[str, ...]:
        """The names of all launches that have not been forgotten, sorted."""
        ...

    def poll(self, handle: str) -> Condition:
        """Whether the worker process runs, and how it ended. The answer no longer changes once it has ended."""
        ...

    def signal(self, handle: str, number: int) -> None:
        """Send a signal to all processes of the worker's group. Without effect if none is left."""
        ...

    def read_log(self, handle: str, stream: Stream, offset: int = 0, limit: int = LOG_PART) -> bytes:
        """At most ``limit`` bytes of what the worker wrote to a stream, from ``offset``; empty at the end."""
        ...

    def forget(self, handle: str) -> None:
        """Release what the engine keeps about an ended worker, but not its logs. Kills the worker if it still runs."""
        ...

    def close(self) -> None:
        """Release the engine's connections. Workers continue to run."""
        ...


def check_name(launch: Launch) -> None:
    """Raise LaunchFailed if a launch has no valid name."""
    if not _NAME.fullmatch(launch.name):
        raise refusal(launch, "its name is invalid")


def refusal(launch: Launch, reason: str, hint: str = "") -> LaunchFailed:
    """The error for a launch that failed for ``reason``."""
    return LaunchFailed(
        f"The worker {launch.name} cannot be started: {reason}.",
        hint=hint,
        worker=launch.name,
        program=launch.argv[0] if launch.argv else None,
    )


def condition(found: Mapping[str, object]) -> Condition:
    """The condition of a worker as reported by its HeldProcess."""
    if "lost" in found:
        return Lost(str(found["lost"]))
    if "running" in found:
        return Running(_number(found["running"]) or 0)
    return Exited(_number(found["code"]), _number(found["signal"]))


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
