"""Decoded arguments of instructions as values that JSON can express."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from solders.pubkey import Pubkey

from psyche_cli.solana.known_instructions import TokenQuantity


def plain_json(value: Any) -> Any:
    """A decoded argument as a JSON value: bytes in hexadecimal, public keys in base58.

    Numbers that are not finite are null, and invalid parts of text are U+FFFD.
    """
    if isinstance(value, TokenQuantity):
        return {"base_units": value.base_units, "decimals": value.decimals}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Pubkey):
        return str(value)
    if isinstance(value, Mapping):
        return {name: plain_json(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain_json(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")
    return value


def not_finite(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The numbers in a decoded argument that are not finite, which ``plain_json`` omits.

    Each is its path, such as ``metadata.loss``, and ``NaN``, ``Infinity`` or ``-Infinity``.
    """
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from not_finite(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from not_finite(inner, f"{path}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
