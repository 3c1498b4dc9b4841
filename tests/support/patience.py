"""How long tests wait for what must happen."""

from __future__ import annotations

from typing import Final

PATIENCE: Final = 900.0
"""Seconds after which what must happen counts as never happening. It bounds no speed: only a hang takes as long."""
