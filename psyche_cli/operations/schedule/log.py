"""What a schedule that is followed reports: what it does, and what it waits for whenever that is something else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from psyche_cli.durations import format_duration
from psyche_cli.errors import PsycheError
from psyche_cli.operations.signing import SigningSession

_AGAIN: Final = 3600.0
"""Seconds after which an error or a warning that is still so is reported again."""

_NUMBER: Final = re.compile(r"\d[\w.,:-]*")
"""An amount, a time or a duration. Texts that differ in these alone are the same news."""


class Log:
    """The lines of one process. Nothing is reported at each check, so that a log of weeks stays short."""

    def __init__(self, session: SigningSession) -> None:
        self._session = session
        self._reported: dict[str, float] = {}
        self._waits_for = ""

    def acted(self, lines: Sequence[str]) -> None:
        """Report what was done."""
        for line in lines:
            self._session.notify(line)

    def waits(self, warnings: Sequence[str], waits_for: str) -> None:
        """Report warnings, and what is waited for unless that was the last line about it."""
        for warning in warnings:
            if self._is_new(warning):
                self._session.warn(f"Warning: {warning}")
        if waits_for and _NUMBER.sub("", waits_for) != self._waits_for:
            self._session.notify(f"Waiting for {waits_for}.")
            self._waits_for = _NUMBER.sub("", waits_for)

    def failed(self, error: PsycheError, every: int) -> None:
        """Report an error after which the next check tries again."""
        if self._is_new(error.message):
            self._session.warn(f"Error: {error.message}")
            hint = f"{error.hint} ".lstrip()
            self._session.warn(f"Hint: {hint}The next check is in {format_duration(every)}.")
            self._waits_for = ""

    def _is_new(self, text: str) -> bool:
        """Whether a text has not been reported for an hour."""
        key, now = _NUMBER.sub("", text), self._session.clock.monotonic()
        if key in self._reported and now - self._reported[key] < _AGAIN:
            return False
        self._reported[key] = now
        return True
