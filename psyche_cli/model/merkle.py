"""The Merkle root of the results that a witness received.

It is part of the witness's record. The program stores it without verifying it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

_LEAF, _NODE = b"\0", b"\1"


def merkle_root(items: Sequence[bytes]) -> bytes:
    """The root (32 bytes) over ``items``, in order: 32 zero bytes if there are none.

    Leaves and inner nodes are hashed with SHA-256 and different prefixes. A level with an odd number of nodes repeats
    its last one.
    """
    level = [hashlib.sha256(_LEAF + item).digest() for item in items]
    while len(level) > 1:
        if len(level) % 2:
            level.append(level[-1])
        pairs = zip(level[::2], level[1::2], strict=True)
        level = [hashlib.sha256(_NODE + left + right).digest() for left, right in pairs]
    return level[0] if level else bytes(32)
