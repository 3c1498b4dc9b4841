"""All known layouts of the coordinator account.

A layout is chosen by the size of the account and its version, and between two of the same size and version by the
content. An unknown combination is never guessed at.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from psyche_cli.limits import DISCRIMINATOR_BYTES
from psyche_cli.protocol.layouts import v0, v1, v1_reprc, v2_claimer, v2_dev

_CHECKPOINT_TAG = 436
_AFTER_CHECKPOINT_TAG = 440
_FIRST_TEXT_BYTE = 0x20


class Layout(NamedTuple):
    """A layout: its name, where it is used, its image, and its version, None if it has none.

    ``matches`` decides between layouts of the same size and version, from the data of the account.
    """

    name: str
    about: str
    image: Any
    version: int | None
    matches: Callable[[bytes], bool] = lambda _: True

    @property
    def size(self) -> int:
        """The size of the account in bytes, including the discriminator."""
        return DISCRIMINATOR_BYTES + ctypes.sizeof(self.image)


def _has_repository_first(data: bytes) -> bool:
    """Whether the checkpoint begins with the text of its repository rather than with the tag of its revision.

    The program requires a repository, so in this order the byte is the first one of a text.
    """
    has_repository = int.from_bytes(data[_CHECKPOINT_TAG:_AFTER_CHECKPOINT_TAG], "little") > 0
    return has_repository and data[_AFTER_CHECKPOINT_TAG] >= _FIRST_TEXT_BYTE


LAYOUTS: Final = (
    Layout("v0", "used until December 2025", v0.CoordinatorImage, None),
    Layout("v1-reprc", "proposed", v1_reprc.CoordinatorImage, 1, _has_repository_first),
    Layout("v1", "in use", v1.CoordinatorImage, 1),
    Layout("v2-dev", "in development", v2_dev.CoordinatorImage, 2),
    Layout("v2-claimer", "proposed", v2_claimer.CoordinatorImage, 2),
)
"""The layouts. Of those with the same size and version, the first one that matches is chosen."""


def find_layout(data: bytes) -> Layout | None:
    """The layout of an account with this data, of which the discriminator is not checked; None if it is unknown."""
    version = int.from_bytes(data[DISCRIMINATOR_BYTES : 2 * DISCRIMINATOR_BYTES], "little")
    for layout in LAYOUTS:
        if len(data) == layout.size and layout.version in (None, version) and layout.matches(data):
            return layout
    return None
