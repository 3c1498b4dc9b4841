"""Everything outside the process that a command uses, in one object that tests replace."""

from __future__ import annotations

import io
import os
import select
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TextIO, TypeAlias

from psyche_cli.diagnostics import Diagnostics
from psyche_cli.errors import UsageError
from psyche_cli.printable import is_utf8
from psyche_cli.redaction import Redactor
from psyche_cli.request_log import RequestLog

if TYPE_CHECKING:
    from psyche_cli.transport import Transport, WebSocket


SMALLEST_WIDTH: Final = 40
"""Columns below which nothing is laid out for."""

RAW_KEY_VARIABLE: Final = "RAW_WALLET_PRIVATE_KEY"
"""The environment variable that holds a private key rather than the path of a key file."""

_STATE_FOLDER: Final = "psyche-cli"
_STATE_PARENTS: Final = {"darwin": "Library/Application Support", "win32": "AppData/Local"}
"""The parent of the state folder in the home folder, for platforms that do not use ``.local/state``."""


class Clock(Protocol):
    """A source of time. All values are in seconds."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes backward; only differences are meaningful."""
        ...

    def unix_time(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Block for this many seconds."""
        ...


class SystemClock:
    """The system clock."""

    def monotonic(self) -> float:
        """Seconds on the system's monotonic clock."""
        return time.monotonic()

    def unix_time(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Block for this many seconds."""
        time.sleep(seconds)


class Wait:
    """A context manager for one wait of a command. This class shows nothing."""

    def __enter__(self) -> Wait:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def now(self, detail: str, seconds: float = 0.0) -> None:
        """Describe what the wait is doing. ``{}`` in ``detail`` is replaced with the time left of ``seconds``."""


class Waits:
    """The waits of a command, which a terminal shows if they are long. This class shows nothing."""

    def showing(self, what: str) -> Wait:  # noqa: ARG002 -- for subclasses
        """A context manager for a wait. ``what`` says what is waited for."""
        return _HIDDEN_WAIT

    def sleep(self, clock: Clock, seconds: float) -> None:
        """Block for this many seconds of the clock."""
        clock.sleep(seconds)

    def wait(self, finishes: Callable[[float], bool], seconds: float) -> bool:
        """Whether ``finishes``, called with a number of seconds to wait, returns True within ``seconds``."""
        return finishes(seconds)


_HIDDEN_WAIT: Final = Wait()


def _buffered(stream: TextIO | None) -> TextIO | None:
    if stream is None or not isinstance(getattr(stream, "buffer", None), io.RawIOBase):
        return stream
    return open(stream.fileno(), "w", buffering=1, encoding=stream.encoding, errors=stream.errors, closefd=False)


def _unwritable() -> TextIO:
    """A stream to which every write fails, as to a closed file descriptor."""
    return os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")


def _open_browser(url: str) -> bool:
    import webbrowser

    return webbrowser.open(url)


def _home() -> Path:
    """The user's home folder, or the root folder if there is none, as for a container user without a passwd entry."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(os.sep)


OutputFormat: TypeAlias = Literal["human", "json", "json-compact"]
"""Formats of stdout: text for people, JSON with indentation, and JSON on one line."""


class OutputOptions:
    """The output options of a command line. Set while it is being parsed."""

    def __init__(self) -> None:
        self.format: OutputFormat = "human"
        self.is_format_given = False
        """Whether the format was given on the command line."""
        self.quiet = False
        self.verbose = False
        self.as_lines = False
        """Whether the command prints one JSON document per line, the last of which may be an error."""

    @property
    def as_json(self) -> bool:
        """Whether stdout is JSON."""
        return self.format != "human"


class Environment:
    """The streams, environment variables, home folder, clock, signals and RPC transports of one invocation.

    ``open_transport`` opens a transport to an RPC URL. ``stop_signals`` is a context manager inside which a signal
    raises StopRequested. ``started`` is the start time of the command in seconds of the clock's ``monotonic``, by
    default the time of construction. ``redactor`` removes the secrets of this invocation from output, ``diagnostics``
    writes to ``stderr``, ``waits`` shows long waits there, and ``requests`` records the RPC requests. ``command`` is
    the full name of the verb, once it has been parsed, and ``typed`` its parameters that were given on the command
    line. The callbacks in ``after_output`` are called once the result or error has been printed. ``open_websocket``
    opens a WebSocket to a ws or wss URL within a number of seconds; without it, commands poll. ``open_browser`` opens
    a URL in the user's browser, and returns whether that succeeded.
    """

    def __init__(
        self,
        stdin: TextIO,
        stdout: TextIO,
        stderr: TextIO,
        variables: Mapping[str, str],
        home: Path,
        clock: Clock,
        open_transport: Callable[[str], Transport],
        stop_signals: AbstractContextManager[None] | None = None,
        started: float | None = None,
        open_websocket: Callable[[str, float], WebSocket] | None = None,
        open_browser: Callable[[str], bool] | None = None,
    ) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.variables = variables
        self.home = home
        self.clock = clock
        self.open_transport = open_transport
        self.open_websocket = open_websocket
        self.open_browser = open_browser or _open_browser
        self.stop_signals = stop_signals or nullcontext()
        self.started = clock.monotonic() if started is None else started
        self.output = OutputOptions()
        self.command = ""
        self.typed: frozenset[str] = frozenset()
        self.after_output: list[Callable[[], None]] = []
        self.redactor = Redactor()
        self.diagnostics = Diagnostics(stderr, self.redactor, styled=self.may_style(stderr))
        self.requests = RequestLog(clock, self.detail)
        self.waits = self._waits()
        self._learn(variables)

    def add_variables(self, found: Mapping[str, str]) -> None:
        """Set environment variables for this invocation."""
        self.variables = {**self.variables, **found}
        self._learn(found)

    def _learn(self, variables: Mapping[str, str]) -> None:
        for name, value in variables.items():
            if name == RAW_KEY_VARIABLE:
                self.redactor.learn_secret(value)
            elif name.upper().endswith("_PROXY"):
                self.redactor.learn_url(value)

    def _waits(self) -> Waits:
        if not self.can_replace_lines:
            return Waits()
        from psyche_cli.waits import ShownWaits  # not at the top: most commands are over before a wait is long

        return ShownWaits(self.diagnostics, self.clock, lambda: self.output.quiet)

    def replaced(self, **changes: Any) -> Environment:
        """A copy with some of the constructor's arguments replaced."""
        names = (
            *("stdin", "stdout", "stderr", "variables", "home", "clock"),
            *("open_transport", "stop_signals", "started", "open_websocket", "open_browser"),
        )
        return Environment(**{**{name: getattr(self, name) for name in names}, **changes})

    @classmethod
    def of_this_process(
        cls,
        open_transport: Callable[[str], Transport],
        stop_signals: AbstractContextManager[None] | None = None,
        *,
        started: float | None = None,
    ) -> Environment:
        """The environment of the running process.

        A standard stream that the parent process closed is replaced by the null device, so that a socket does not
        take over its file descriptor. Writing to a closed stdout fails, as to one on a full disk. An unbuffered one
        (``PYTHONUNBUFFERED``) gets a buffer, because without one Python drops what the system does not accept in a
        single write. ``stop_signals`` is a context manager inside which signals raise StopRequested; without it, signal
        handling is left unchanged.
        """
        nowhere = Path(os.devnull)
        return cls(
            stdin=sys.stdin or nowhere.open(encoding="utf-8"),
            stdout=_buffered(sys.stdout) or _unwritable(),
            stderr=_buffered(sys.stderr) or nowhere.open("w", encoding="utf-8"),
            variables=os.environ,
            home=_home(),
            clock=SystemClock(),
            open_transport=open_transport,
            stop_signals=stop_signals,
            started=started,
        )

    def progress(self, line: str) -> None:
        """Write a line of progress or advice to stderr, unless ``--quiet`` was given."""
        if not self.output.quiet:
            self.diagnostics.line(line)

    def detail(self, line: str) -> None:
        """Write a line to stderr if ``--verbose`` was given."""
        if self.output.verbose:
            self.diagnostics.line(line)

    def stdin_bytes(self, most: int) -> bytes:
        """The content of stdin regardless of the locale, at most the first ``most`` bytes. Raises UsageError."""
        stream = self.stdin
        try:
            content: bytes = stream.buffer.read(most) if hasattr(stream, "buffer") else stream.read().encode()
        except OSError as error:
            raise UsageError(f"Cannot read standard input: {error.strerror or error}.") from error
        return content[:most]

    @property
    def is_interactive(self) -> bool:
        """Whether stdin and stderr are terminals, so that the user can be asked a question."""
        return self.stdin.isatty() and self.stderr.isatty()

    def may_style(self, stream: TextIO) -> bool:
        """Whether text on a stream may have colors: a terminal that has them, unless NO_COLOR is set."""
        return stream.isatty() and self.variables.get("TERM") != "dumb" and not self.variables.get("NO_COLOR")

    @property
    def can_replace_lines(self) -> bool:
        """Whether stderr is a terminal that can erase and replace a line."""
        return self.variables.get("TERM") != "dumb" and self.stderr.isatty()

    @property
    def can_redraw(self) -> bool:
        """Whether stdout is a terminal on which a screen can be redrawn."""
        return self.variables.get("TERM") != "dumb" and self.stdout.isatty()

    @property
    def stdout_is_terminal(self) -> bool:
        """Whether stdout is a terminal, whose width limits lines."""
        return self.stdout.isatty()

    @property
    def stdout_is_utf8(self) -> bool:
        """Whether stdout can encode all characters."""
        return is_utf8(self.stdout)

    @property
    def columns(self) -> int:
        """The width of stdout in columns: the variable COLUMNS, else the terminal's width, else 80."""
        given = self.variables.get("COLUMNS", "")
        if given.isascii() and given.isdigit() and int(given[:9]) >= SMALLEST_WIDTH:
            return int(given[:9])
        try:
            return max(os.get_terminal_size(self.stdout.fileno()).columns, SMALLEST_WIDTH)
        except (OSError, ValueError):  # no terminal, or no file at all
            return 80

    @property
    def rows(self) -> int:
        """The height of stdout in rows; 24 if it is unknown."""
        try:
            rows = os.get_terminal_size(self.stdout.fileno()).lines
        except (OSError, ValueError):
            rows = 0
        return rows if rows > 0 else 24

    def reader_is_gone(self) -> bool:
        """Whether stdout is a pipe that its reader has closed, which otherwise only the next write would notice."""
        try:
            poll = select.poll()
            poll.register(self.stdout.fileno(), 0)
            return any(event & select.POLLERR == select.POLLERR for _, event in poll.poll(0))
        except (OSError, ValueError):  # not a file
            return False

    @property
    def state_folder(self) -> Path:
        """The default folder for state that outlives a command: ``psyche-cli`` in the user's state folder.

        PSYCHE_CLI_STATE_DIR replaces it. The user's state folder is XDG_STATE_HOME if it is set, else the customary one
        of the operating system.
        """
        if chosen := self.variables.get("PSYCHE_CLI_STATE_DIR", ""):
            return Path(chosen)
        given = self.variables.get("XDG_STATE_HOME", "")
        if given and Path(given).is_absolute():
            return Path(given) / _STATE_FOLDER
        return self.home / _STATE_PARENTS.get(sys.platform, ".local/state") / _STATE_FOLDER

    @property
    def default_wallet_path(self) -> Path:
        """The default keypair file of the Solana command-line tools."""
        return self.home / ".config" / "solana" / "id.json"

    @property
    def solana_cli_config_path(self) -> Path:
        """The configuration file of the Solana CLI."""
        return self.home / ".config" / "solana" / "cli" / "config.yml"
