"""The environment of a rehearsal in the process of the tests."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from psyche_cli.environment import Environment, SystemClock


def rehearsal_environment(folder: Path) -> Environment:
    """An environment with ``folder`` as home, without a transport, because a rehearsal has its own validator."""
    return Environment(io.StringIO(), io.StringIO(), io.StringIO(), {}, folder, SystemClock(), _no_transport)


def _no_transport(*_: object) -> Any:
    raise AssertionError("a rehearsal uses its own validator")
