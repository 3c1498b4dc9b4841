"""The names of engines in the configuration of a run: ``local``, or ``ray:HOST:PORT`` for a Ray cluster."""

from __future__ import annotations

import re
from typing import Final

LOCAL: Final = "local"
_RAY: Final = "ray:"
_ADDRESS: Final = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}", re.ASCII)


def ray_engine_name(address: str) -> str:
    """The name of the engine of a Ray cluster."""
    return f"{_RAY}{address}"


def ray_address(name: object) -> str | None:
    """The address of the cluster that the name of an engine contains; None if it is not the name of a Ray engine."""
    if not isinstance(name, str) or not name.startswith(_RAY):
        return None
    address = name.removeprefix(_RAY)
    return address if is_address(address) else None


def is_engine_name(name: object) -> bool:
    """Whether a value is the name of an engine."""
    return name == LOCAL or ray_address(name) is not None


def is_address(text: str) -> bool:
    """Whether a text is ``HOST:PORT``. Ray would start a cluster if it was given no address."""
    return _ADDRESS.fullmatch(text) is not None
