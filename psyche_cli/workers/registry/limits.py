"""The time limits of a run's workers, which its configuration may change."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Final, NamedTuple

from psyche_cli.lifecycle.worker import HANDSHAKE_SECONDS, SILENCE_SECONDS
from psyche_cli.workers.engines.engine import GRACE_SECONDS

MOST_SECONDS: Final = 86_400.0


class Limits(NamedTuple):
    """Time limits in seconds.

    ``handshake`` is how long a worker may take to register, and ``silence`` how long it may give no sign of life.
    ``grace`` is the time between SIGTERM and SIGKILL.
    """

    handshake: float = HANDSHAKE_SECONDS
    silence: float = SILENCE_SECONDS
    grace: float = GRACE_SECONDS


KEYS: Final = {f"{name}_seconds": name for name in Limits._fields}
"""The keys of ``payload.limits`` in a configuration."""


@lru_cache(maxsize=1024)
def limits_of(config: str) -> Limits:
    """The limits of a run with this configuration, which was checked when it was submitted."""
    return limits_in(json.loads(config).get("payload", {}).get("limits", {}))


def limits_in(table: dict[str, Any]) -> Limits:
    """The limits of a table ``payload.limits``. Raises ValueError with the key of a wrong value."""
    for key, value in table.items():
        if key not in KEYS or type(value) not in (int, float) or not 0 < value <= MOST_SECONDS:
            raise ValueError(key)
    return Limits(**{KEYS[key]: float(value) for key, value in table.items()})
