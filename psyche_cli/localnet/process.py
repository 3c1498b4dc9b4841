"""The local validator in a separate process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

from psyche_cli.environment import Clock, SystemClock
from psyche_cli.errors import LocalnetError
from psyche_cli.localnet.validator import Validator, not_running
from psyche_cli.solana.rpc.http import HttpTransport

START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 30.0
_PAUSE: Final = 0.02


class LocalValidatorProcess(Validator):
    """``psyche-cli localnet`` run by this Python on free ports, until the end of the ``with`` statement.

    It also ends when this process is killed.

    ``options`` are additional command-line options, such as ``["--airdrop", f"{address}=100"]``. ``log`` is a file for
    the validator's output, which is discarded by default. ``start_seconds`` is the time limit for the start.

    ::

        with LocalValidatorProcess(["--slot-time", "0.05"]) as validator:
            client = solana.rpc.api.Client(validator.rpc_url)

    Raises LocalnetError if the process exits before it is ready, or is not ready in time.
    """

    def __init__(
        self,
        options: Sequence[str] = (),
        *,
        log: Path | None = None,
        start_seconds: float = START_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        self._options = tuple(options)
        self._log = log
        self._start_seconds = start_seconds
        self._clock = clock or SystemClock()
        self._process: subprocess.Popen[bytes] | None = None
        self._urls = ("", "")

    def __enter__(self) -> LocalValidatorProcess:
        self.start()
        return self

    @property
    def rpc_url(self) -> str:
        """The URL of the JSON-RPC server."""
        self._require_running()
        return self._urls[0]

    @property
    def ws_url(self) -> str:
        """The URL of the PubSub server."""
        self._require_running()
        return self._urls[1]

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._require_running().pid

    def open_transport(self) -> HttpTransport:
        """A new HTTP transport to the validator, to be closed by the caller."""
        return HttpTransport(self.rpc_url)

    def start(self) -> None:
        """Start the process; returns once requests are accepted."""
        command = [sys.executable, "-m", "psyche_cli.localnet.attached", "--rpc-port", "0", "--output", "json"]
        # A file without a name does not stay if this process is killed.
        with tempfile.TemporaryFile() as report, Path(self._log or os.devnull).open("ab") as stderr:
            self._process = subprocess.Popen(
                [*command, *self._options], stdin=subprocess.PIPE, stdout=report, stderr=stderr
            )
            try:
                self._urls = self._await_ready(self._process, report)
            except BaseException:
                self.close()
                raise

    def ends_within(self, seconds: float) -> bool:
        """Wait until the process ends, at most ``seconds``. Returns whether it has ended."""
        with suppress(subprocess.TimeoutExpired):
            if self._process is not None:
                self._process.wait(seconds)
        return self._process is None or self._process.returncode is not None

    def close(self) -> None:
        """Interrupt the process as Ctrl-C would; if it does not exit, kill it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()

    def _require_running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise not_running()
        return self._process

    def _await_ready(self, process: subprocess.Popen[bytes], report: IO[bytes]) -> tuple[str, str]:
        """The two URLs, once the process has printed them. Raises LocalnetError with its error if it fails."""
        started = self._clock.monotonic()
        while (elapsed := self._clock.monotonic() - started) < self._start_seconds:
            ended = process.poll() is not None
            printed = _document(os.pread(report.fileno(), os.fstat(report.fileno()).st_size, 0))
            if "error" in printed:
                raise LocalnetError(printed["error"]["message"], hint=printed["error"]["hint"])
            if ended:
                raise LocalnetError(f"The local validator exited with code {process.returncode} before it was ready.")
            if "data" in printed:
                return printed["data"]["rpc_url"], printed["data"]["ws_url"]
            self._clock.sleep(_PAUSE)
        raise LocalnetError(f"The local validator was not ready within {elapsed:.0f} seconds.")


def _document(text: bytes) -> dict[str, Any]:
    """The JSON object that the process has printed; empty until it is complete."""
    try:
        printed = json.loads(text)
    except ValueError:
        return {}
    return printed if isinstance(printed, dict) else {}
