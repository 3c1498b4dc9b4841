"""Validation of strings that are stored in a run's accounts."""

from __future__ import annotations

from collections.abc import Callable

from psyche_cli.private_keys import holds_keypair
from psyche_cli.run_config.problems import Problem


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
