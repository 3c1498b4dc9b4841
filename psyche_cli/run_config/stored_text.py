"""Validation of strings that are stored in a run's accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from psyche_cli.private_keys import holds_keypair, owner_of_seed_in
from psyche_cli.run_config.problems import Problem

if TYPE_CHECKING:
    from solders.pubkey import Pubkey


def text_problem(key: str, text: str, capacity: int, flaw_of: Callable[[str], str | None]) -> Problem | None:
    """The reason why the text at ``key`` cannot be stored in ``capacity`` bytes of UTF-8; None if it can.

    ``flaw_of`` returns the reason why a text is unreadable, as a clause, or None.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return Problem(key, "NotUtf8", f"{key} is not valid UTF-8")
    if size > capacity:
        return Problem(key, "TextTooLong", f"{key} is {size} bytes long; the maximum is {capacity}")
    if "\0" in text:
        return Problem(key, "TextHoldsNul", f"{key} contains a NUL character, at which the program would truncate it")
    if holds_keypair(text):
        return Problem(key, "PrivateKey", f"{key} contains a private key, which everyone could read on-chain")
    flaw = flaw_of(text)
    return None if flaw is None else Problem(key, "TextNotTypable", f"{key} {flaw}")


def seed_problems(tables: Mapping[str, Any], public_keys: Iterable[Pubkey]) -> list[Problem]:
    """The texts in tables, at any depth, that contain the seed of a keypair with one of the public keys."""
    keys = list(dict.fromkeys(public_keys))
    found = ((key, owner_of_seed_in(text, keys)) for key, text in _texts(tables, ""))
    return [
        Problem(key, "PrivateKey", f"{key} contains the private key of {owner}, which everyone could read on-chain")
        for key, owner in found
        if owner is not None
    ]


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    """The texts in a value by their dotted keys."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _texts(part, f"{key}.{name}" if key else name)
    elif isinstance(value, str):
        yield key, value
