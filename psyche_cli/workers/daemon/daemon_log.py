"""The log of the daemon. It contains ids, states and kinds of errors, but no tokens, configurations or output."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

from psyche_cli.errors import PsycheError
from psyche_cli.printable import printable

_MOST_BYTES: Final = 4 << 20


class DaemonLog:
    """Appends lines to a file, which is moved to ``.1`` when it is large. Safe to use from any thread."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self.path = path
        self._now = now

    def line(self, text: str) -> None:
        """Append a line with the time. A full disk is no reason to end the daemon."""
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._now()))
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.path.exists() and self.path.stat().st_size > _MOST_BYTES:
                self.path.replace(self.path.with_name(f"{self.path.name}.1"))
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{at} {printable(text)}\n")
        except OSError:
            pass

    def failure(self, what: str, error: BaseException) -> None:
        """Append an error. The text of an unexpected one may contain anything, so only its kind and place are kept."""
        if isinstance(error, PsycheError):
            self.line(f"{what}: {error.code}: {error.message}")
            return
        places = traceback.extract_tb(error.__traceback__)
        where = " < ".join(f"{Path(place.filename).name}:{place.lineno}" for place in reversed(places))
        self.line(f"{what}: {type(error).__name__} at {where or 'an unknown place'}")
