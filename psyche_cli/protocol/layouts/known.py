"""All known layouts of the coordinator account.

A layout is chosen by the size of the account and its version, and between two of the same size and version by the
content. An unknown combination is never guessed at.

A new layout is a row of ``LAYOUTS`` and a module of this package with the name of the layout, ``v2_dev`` for
``v2-dev``, which defines ``CoordinatorImage``. The module is imported when an account has the layout.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from psyche_cli.limits import COORDINATOR_ACCOUNT_BYTES, DISCRIMINATOR_BYTES

_CHECKPOINT_TAG = 436
_AFTER_CHECKPOINT_TAG = 440
_FIRST_TEXT_BYTE = 0x20

_OTHER_CLIENT: Final = "Change it with a client made for its version of the program."


class Layout(NamedTuple):
    """A layout: its name, what it is, the size of the account in bytes, and its version, None if it has none.

    ``has_rules_of_v1`` is whether its runs have the configuration of layout v1 and proceed by the same rules.
    ``matches`` decides between layouts of the same size and version, from the beginning of the account. ``advice`` is
    what to do about a run that psyche-cli cannot change.
    """

    name: str
    about: str
    size: int
    version: int | None
    has_rules_of_v1: bool
    matches: Callable[[bytes], bool] = lambda _: True
    advice: str = _OTHER_CLIENT

    @property
    def image(self) -> Any:
        """The structure of the account without its discriminator. Imports the module of the layout."""
        module = importlib.import_module(f"psyche_cli.protocol.layouts.{self.name.replace('-', '_')}")
        return module.CoordinatorImage


def _has_repository_first(data: bytes) -> bool:
    """Whether the checkpoint begins with the text of its repository rather than with the tag of its revision.

    The program requires a repository, so in this order the byte is the first one of a text.
    """
    has_repository = int.from_bytes(data[_CHECKPOINT_TAG:_AFTER_CHECKPOINT_TAG], "little") > 0
    return has_repository and data[_AFTER_CHECKPOINT_TAG] >= _FIRST_TEXT_BYTE


LAYOUTS: Final = (
    Layout(
        "v0",
        "used until December 2025",
        119_072,
        None,
        has_rules_of_v1=False,
        advice="The programs can neither migrate nor close such a run. Create a new one.",
    ),
    Layout(
        "v1-reprc",
        "v1 with a proposed order of the checkpoint's fields",
        COORDINATOR_ACCOUNT_BYTES,
        1,
        has_rules_of_v1=True,
        matches=_has_repository_first,
    ),
    Layout("v1", "in use", COORDINATOR_ACCOUNT_BYTES, 1, has_rules_of_v1=True),
    Layout("v2-dev", "of the development branch", 118_536, 2, has_rules_of_v1=False),
    Layout("v2-claimer", "proposed, with a separate wallet that claims rewards", 125_304, 2, has_rules_of_v1=True),
)
"""The layouts. Of those with the same size and version, the first one that matches is chosen."""

WRITTEN: Final = "v1"
"""The layout of the runs that psyche-cli changes."""


def layout_named(name: str) -> Layout:
    """The layout with this name, which must be known."""
    return next(layout for layout in LAYOUTS if layout.name == name)


def layout_of_size(size: int) -> str | None:
    """The layout of accounts of this size in bytes, v1 before v1-reprc; None if there is none."""
    names = [layout.name for layout in LAYOUTS if layout.size == size]
    return WRITTEN if WRITTEN in names else next(iter(names), None)


def version_of(data: bytes) -> int:
    """The version in the beginning of an account. A layout without a version has text there."""
    return int.from_bytes(data[DISCRIMINATOR_BYTES : 2 * DISCRIMINATOR_BYTES], "little")


def find_layout(data: bytes, size: int) -> Layout | None:
    """The layout of an account of ``size`` bytes that begins with ``data``; None if it is unknown.

    The discriminator is not checked.
    """
    for layout in LAYOUTS:
        if size == layout.size and layout.version in (None, version_of(data)) and layout.matches(data):
            return layout
    return None
