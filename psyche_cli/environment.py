"""Everything of the outside world that a command touches, in one object that tests replace."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TextIO

from psyche_cli.diagnostics import Diagnostics
from psyche_cli.redaction import Redactor
from psyche_cli.request_log import RequestLog

if TYPE_CHECKING:
    from psyche_cli.transport import Transport


RAW_KEY_VARIABLE: Final = "RAW_WALLET_PRIVATE_KEY"
"""The environment variable that holds a private key itself."""


class Clock(Protocol):
    """Time as this package uses it. Seconds throughout."""

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back; only differences mean something."""
        ...

    def unix_time(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        """Seconds of the machine's monotonic clock."""
        return time.monotonic()

    def unix_time(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def _home() -> Path:
    """The user's home folder; the root where there is none, as for a container's user without a name."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(os.sep)


@dataclass
class OutputOptions:
    """What the command line asks of the output. Filled in while it is read."""

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False


@dataclass(frozen=True)
class Environment:
    """Streams, environment variables, home folder, clock, signals, and the way to an RPC endpoint, for one invocation.

    ``open_transport`` takes an RPC URL and returns the transport that talks to it. ``stop_signals`` is the span in
    which a signal raises StopRequested. ``started`` is the moment from which the time of a command is counted, by the
    clock's ``monotonic``; None stands for now. ``redactor`` knows the secrets of this invocation, ``diagnostics`` is
    the way to ``stderr``, ``requests`` sees what is asked of endpoints.
    """

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    variables: Mapping[str, str]
    home: Path
    clock: Clock
    open_transport: Callable[[str], Transport]
    stop_signals: AbstractContextManager[None] = field(default_factory=nullcontext)
    started: float | None = None
    output: OutputOptions = field(default_factory=OutputOptions, init=False)
    redactor: Redactor = field(default_factory=Redactor, init=False, repr=False, compare=False)
    diagnostics: Diagnostics = field(init=False, repr=False, compare=False)
    requests: RequestLog = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.started is None:
            object.__setattr__(self, "started", self.clock.monotonic())
        object.__setattr__(self, "diagnostics", Diagnostics(self.stderr, self.redactor))
        object.__setattr__(self, "requests", RequestLog(self.clock, self.detail))
        for name, value in self.variables.items():
            if name == RAW_KEY_VARIABLE:
                self.redactor.learn_secret(value)
            elif name.upper().endswith("_PROXY"):
                self.redactor.learn_url(value)

    @classmethod
    def of_this_process(
        cls,
        open_transport: Callable[[str], Transport],
        stop_signals: AbstractContextManager[None] | None = None,
        *,
        started: float | None = None,
    ) -> Environment:
        """The real one. A stream that the caller closed is a null device, so that no socket takes its number.

        ``stop_signals`` is the span in which signals raise StopRequested; without it, they do as they do anyway.
        """
        nowhere = Path(os.devnull)
        return cls(
            stdin=sys.stdin or nowhere.open(encoding="utf-8"),
            stdout=sys.stdout or nowhere.open("w", encoding="utf-8"),
            stderr=sys.stderr or nowhere.open("w", encoding="utf-8"),
            variables=os.environ,
            home=_home(),
            clock=SystemClock(),
            open_transport=open_transport,
            stop_signals=stop_signals or nullcontext(),
            started=started,
        )

    def progress(self, line: str) -> None:
        """Write a line of progress or advice to stderr, unless ``--quiet`` was given."""
        if not self.output.quiet:
            self.diagnostics.line(line)

    def detail(self, line: str) -> None:
        """Write a line to stderr that only ``--verbose`` asks for."""
        if self.output.verbose:
            self.diagnostics.line(line)

    @property
    def default_wallet_path(self) -> Path:
        """Where the Solana tools keep a user's keypair when told nothing else."""
        return self.home / ".config" / "solana" / "id.json"
