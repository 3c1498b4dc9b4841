"""The additional endpoint of a command with two endpoints: the same validator, behind a transport with trouble."""

from __future__ import annotations

from typing import Protocol

from .schedule import Trouble

ADDITIONAL_URL = "http://127.0.0.1:8898"


class Line(Protocol):
    """The line to the validator, with faults of its own."""

    def send(self, body: bytes, *, timeout: float) -> bytes: ...

    def send_in_trouble(self, body: bytes, kind: str, *, timeout: float) -> bytes: ...


class TroubledEndpoint:
    """A transport that lags, is busy or stalls, as drawn for the schedule."""

    label = ADDITIONAL_URL

    def __init__(self, line: Line, trouble: Trouble) -> None:
        self._line = line
        self._trouble = trouble
        self._requests = 0

    def close(self) -> None:
        return None

    def send(self, body: bytes, *, timeout: float) -> bytes:
        number, self._requests = self._requests - self._trouble.healthy, self._requests + 1
        if not 0 <= number < self._trouble.count:
            return self._line.send(body, timeout=timeout)
        return self._line.send_in_trouble(body, self._trouble.kind, timeout=timeout)
