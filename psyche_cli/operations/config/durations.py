"""Checks of durations that an option assumes instead of the maximum in the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psyche_cli.errors import UsageError


def check_assumed_seconds(
    option: str, seconds: int | None, config: Mapping[str, Any], key: str, least: int = 1
) -> None:
    """Raise UsageError if ``seconds``, the value of ``option``, exceeds the duration ``key`` of the configuration."""
    longest = config[key]
    if seconds is not None and seconds > longest:
        raise UsageError(
            f"{option} {seconds} exceeds {key}, which is {longest}.", hint=f"Use a number from {least} to {longest}."
        )
