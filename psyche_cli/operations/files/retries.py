"""Repeats failed requests."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from psyche_cli.durations import format_duration
from psyche_cli.errors import HttpStatusError, NetworkError, PsycheError, TimedOut, Unreachable
from psyche_cli.operations.files.progress import TransferProgress

ATTEMPTS: Final = 5
"""Number of attempts without progress after which a request is given up."""

_ATTEMPTS_TO_CONNECT: Final = 3
"""The same for a server that cannot be reached, usually because the URL is wrong or it is not running."""

_FIRST_DELAY, _LONGEST_DELAY = 0.5, 8.0
_LONGEST_WAIT: Final = 300
"""Longest pause that a server may request, in seconds."""

_TEMPORARY: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


class Retries:
    """Counts the failures of one request, and pauses after each."""

    def __init__(self, progress: TransferProgress) -> None:
        self._progress = progress
        self._failures = 0

    def progressed(self) -> None:
        """Reset the count, because an attempt has made progress."""
        self._failures = 0

    def pause(self, error: PsycheError) -> None:
        """Wait before another attempt. Raises the error if it is permanent or there were too many failures."""
        self._failures += 1
        is_unreachable = isinstance(error, NetworkError) and error.request_sent is False
        attempts = _ATTEMPTS_TO_CONNECT if is_unreachable else ATTEMPTS
        if not is_temporary(error) or self._failures >= attempts:
            raise error
        delay = min(_FIRST_DELAY * 2 ** (self._failures - 1), _LONGEST_DELAY)
        if isinstance(error, HttpStatusError) and error.retry_after is not None:
            if error.retry_after > _LONGEST_WAIT:
                error.hint = f"The server requests a wait of {format_duration(error.retry_after)}."
                raise error
            delay = max(delay, float(error.retry_after))
        next_one = f"Trying again in {delay:g} s (attempt {self._failures + 1} of {attempts})."
        self._progress.pause(delay, f"{error.message} {next_one}")


def is_temporary(error: PsycheError) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, HttpStatusError):
        is_server_error = error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return error.status in _TEMPORARY or (is_server_error and error.status != HTTPStatus.NOT_IMPLEMENTED)
    return isinstance(error, Unreachable | TimedOut)
