"""Metrics that are read when they are asked for, at most once per interval."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from psyche_cli.errors import AccountError, NetworkError, NotFound, PsycheError
from psyche_cli.operations.monitoring.exposition import Health, exposition
from psyche_cli.operations.serving.threads import in_daemon_thread

if TYPE_CHECKING:
    from psyche_cli.environment import Clock
    from psyche_cli.operations.monitoring.reading import Reading, RunReader


class MetricsSource:
    """The metrics of the runs of a reader, which are read again if they are older than ``seconds``."""

    def __init__(self, reader: RunReader, clock: Clock, seconds: float) -> None:
        self._reader = reader
        self._clock = clock
        self._seconds = seconds
        self._read_at: float | None = None
        self._reading = asyncio.Lock()
        self.health = Health(None, None, 0.0, 0, {})
        self.error: PsycheError | None = None
        """The error of the latest reading; None if it succeeded."""

    def read(self) -> Health:
        """Read the metrics now. A failure of the endpoint is part of the result."""
        began, health = self._clock.monotonic(), self.health
        reading: Reading | None = None
        self.error = None
        try:
            reading = self._reader.read()
        except (NetworkError, NotFound, AccountError) as error:
            self.error = error
        now = self._clock.monotonic()
        failed = dict(health.failed)
        if self.error is not None:
            failed[self.error.code] = failed.get(self.error.code, 0) + 1
        self.health = Health(
            reading=reading,
            last_success=health.last_success if reading is None else reading.read_at,
            seconds=now - began,
            succeeded=health.succeeded + (reading is not None),
            failed=failed,
        )
        self._read_at = now
        return self.health

    def exposition(self, accept: str | None = None) -> tuple[bytes, str]:
        """The latest metrics as text, and the content type for the header ``accept`` of a request."""
        return exposition(self.health, accept)

    async def fresh_exposition(self, accept: str | None = None) -> tuple[bytes, str]:
        """The metrics as text, read again if they are too old. Several callers share one reading."""
        async with self._reading:
            if self._read_at is None or self._clock.monotonic() - self._read_at >= self._seconds:
                await in_daemon_thread(self.read)
        return self.exposition(accept)
