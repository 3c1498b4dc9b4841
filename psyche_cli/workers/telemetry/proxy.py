"""The process between a worker and the daemon.

::

    python -m psyche_cli.workers.telemetry.proxy [--unsent FILE] -- COMMAND...

It starts the worker as its child, in its own process group, and with its own standard error. It copies the worker's
standard output to its own, reads telemetry from it, and sends that to the daemon. The worker never waits for the
daemon, and continues if the daemon ends. The proxy ends with the worker's exit code, 128 + n if signal n ended it.

A signal that is sent to the process group reaches the worker directly. One that is sent to the proxy only is passed on.
What cannot be sent in the end, because no daemon runs, is written to the file that ``--unsent`` names.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Thread
from typing import Final, NamedTuple

from psyche_cli.printable import printable
from psyche_cli.workers.service import contract
from psyche_cli.workers.telemetry.events import Batch
from psyche_cli.workers.telemetry.lines import LineSplitter, MalformedLine, parse
from psyche_cli.workers.telemetry.outbox import Outbox
from psyche_cli.workers.telemetry.publisher import Publisher
from psyche_cli.workers.telemetry.unsent import write_unsent

USAGE_CODE: Final = 2
NOT_EXECUTABLE_CODE: Final = 126
NOT_FOUND_CODE: Final = 127

_PASSED_ON: Final = (
    *(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT),
    *(signal.SIGUSR1, signal.SIGUSR2),
)
_SENT_BY_KERNEL: Final = 0x80
"""The code of signals that a terminal sends, on Linux."""
_PART: Final = 65_536
_MOST_PIPE_BYTES: Final = 1 << 20
_MUCH: Final = _PART // 4
_GATHER_SECONDS: Final = (0.1, 0.02)
"""How long to let output gather before the next part is read, after a small part and after a large one."""
_REPORT_SECONDS: Final = 10.0
"""The shortest time between two messages about malformed lines."""
_REQUIRED: Final = (
    contract.RUN_VARIABLE,
    contract.WORKER_VARIABLE,
    contract.TARGET_VARIABLE,
    contract.PUBLISH_TOKEN_VARIABLE,
)


class Arguments(NamedTuple):
    """The command line of a proxy."""

    command: tuple[str, ...]
    unsent: Path | None = None


def command_line(command: Sequence[str], unsent: Path) -> tuple[str, ...]:
    """The command that runs a proxy for a worker's command."""
    return (sys.executable, "-m", "psyche_cli.workers.telemetry.proxy", "--unsent", str(unsent), "--", *command)


def main(arguments: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run a worker until it ends, and return the exit code."""
    parsed = _parsed(arguments)
    if parsed is None:
        _report("usage: python -m psyche_cli.workers.telemetry.proxy [--unsent FILE] -- COMMAND...")
        return USAGE_CODE
    missing = [name for name in _REQUIRED if not variables.get(name)]
    if missing:
        _report(f"{', '.join(missing)} must be set")
        return USAGE_CODE
    return _Proxy(parsed, variables).run()


class _Proxy:
    """A worker and what it prints."""

    def __init__(self, arguments: Arguments, variables: Mapping[str, str]) -> None:
        self._arguments = arguments
        self._variables = variables
        self._outbox = Outbox(uuid.uuid4().hex)
        self._publisher = Publisher(variables, self._outbox, _report)
        self._lines = LineSplitter()
        self._malformed_reported_at = float("-inf")
        self._unsent: list[Batch] = []

    def run(self) -> int:
        """Run the worker until it ends, and return the exit code."""
        # Signals wait until the worker, to which they are passed on, has been started.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
        try:
            worker = self._start(mask)
        except OSError as error:
            _report(f"{self._arguments.command[0]} cannot be started: {error.strerror}")
            return NOT_FOUND_CODE if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE_CODE
        Thread(target=_pass_signals_on, args=(worker,), daemon=True).start()
        publishing = Thread(target=self._publish)
        publishing.start()
        self._copy(worker)
        code = worker.wait()
        self._publisher.end()
        publishing.join()
        self._keep_unsent()
        return code if code >= 0 else 128 - code

    def _start(self, mask: set[signal.Signals | int]) -> subprocess.Popen[bytes]:
        variables = {name: value for name, value in self._variables.items() if name != contract.PUBLISH_TOKEN_VARIABLE}
        return subprocess.Popen(
            self._arguments.command,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={"PYTHONUNBUFFERED": "1", **variables},
            # Safe, because this process has no other thread yet.
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, mask),
        )

    def _copy(self, worker: subprocess.Popen[bytes]) -> None:
        """Read the worker's output until its end, or until the worker has ended.

        Processes that the worker has left behind may still have its standard output. They are not waited for.
        """
        assert worker.stdout is not None
        output = worker.stdout.fileno()
        ended, report_end = os.pipe()
        Thread(target=lambda: (worker.wait(), os.write(report_end, b"."))).start()
        size, read_at = 1, float("-inf")
        while size and ended not in select.select([output, ended], [], [])[0]:
            gather = _GATHER_SECONDS[size >= _MUCH]
            if size < _PART and time.monotonic() < read_at + gather:
                select.select([ended], [], [], gather)
            size, read_at = self._read(output), time.monotonic()
        # All that an ended worker has written is in the pipe.
        left = _MOST_PIPE_BYTES
        while left > 0 and select.select([output], [], [], 0)[0] and (size := self._read(output)):
            left -= size
        self._take(self._lines.rest())

    def _read(self, output: int) -> int:
        """Read a part of the output. Returns its size, 0 at the end."""
        part = os.read(output, _PART)
        _write(1, part)
        self._take(self._lines.feed(part))
        return len(part)

    def _take(self, lines: Sequence[bytes]) -> None:
        now = time.time_ns()
        printed = []
        for line in lines:
            try:
                found = parse(line, now)
            except MalformedLine as error:
                self._outbox.add_malformed()
                self._report_malformed(error)
            else:
                if found is not None:
                    printed.append(found)
        if printed:
            self._outbox.add(printed)

    def _report_malformed(self, error: MalformedLine) -> None:
        now = time.monotonic()
        if now >= self._malformed_reported_at + _REPORT_SECONDS:
            self._malformed_reported_at = now
            _report(f"malformed lines: {self._outbox.malformed:,} so far; the latest one: {error}")

    def _publish(self) -> None:
        self._unsent = self._publisher.run()

    def _keep_unsent(self) -> None:
        count = sum(len(batch.events) for batch in self._unsent)
        if not self._unsent:
            return
        if self._arguments.unsent is None:
            _report(f"{count:,} events were not sent")
            return
        try:
            write_unsent(self._arguments.unsent, self._unsent)
        except OSError as error:
            _report(f"{count:,} events were not sent, and cannot be kept: {error.strerror}")
        else:
            _report(f"{count:,} events were not sent; the next daemon reads them from {self._arguments.unsent.name}")


def _parsed(arguments: Sequence[str]) -> Arguments | None:
    options, separator, command = _partition(arguments)
    if not separator or not command:
        return None
    if not options:
        return Arguments(command)
    return Arguments(command, Path(options[1])) if options[0] == "--unsent" and len(options) == 2 else None


def _partition(arguments: Sequence[str]) -> tuple[tuple[str, ...], bool, tuple[str, ...]]:
    if "--" not in arguments:
        return tuple(arguments), False, ()
    place = arguments.index("--")
    return tuple(arguments[:place]), True, tuple(arguments[place + 1 :])


def _pass_signals_on(worker: subprocess.Popen[bytes]) -> None:
    """Pass on signals that were sent to this process only.

    The parent of the proxy, which holds the worker, and a terminal signal the whole group. Others are assumed not to.
    """
    while True:
        number, to_the_group = _next_signal()
        if not to_the_group:
            worker.send_signal(number)


def _next_signal() -> tuple[int, bool]:
    """The next signal, and whether the worker has received it as well."""
    if sys.platform == "darwin":  # which does not report the sender
        return signal.sigwait(_PASSED_ON), True
    received = signal.sigwaitinfo(_PASSED_ON)
    return received.si_signo, received.si_code == _SENT_BY_KERNEL or received.si_pid == os.getppid()


def _report(message: str) -> None:
    """Write a message for people to the log of the worker's standard error."""
    _write(2, f"psyche-cli: {printable(message)}\n".encode())


def _write(descriptor: int, content: bytes) -> None:
    """Write to a log. What does not fit on the disk is lost; the worker continues."""
    with contextlib.suppress(OSError):
        while content:
            content = content[os.write(descriptor, content) :]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
