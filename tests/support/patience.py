"""The timeout of tests that wait for an event."""

from __future__ import annotations

from typing import Final

PATIENCE: Final = 900.0
"""In seconds. Not a performance limit: only a hang takes this long."""
