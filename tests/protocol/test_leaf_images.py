"""Every leaf of every layout, decoded from images that a table of leaves determines."""

from __future__ import annotations

import random

import pytest

from psyche_cli.protocol.layouts.known import LAYOUTS, Layout
from tests.protocol.images import decode
from tests.protocol.leaf_images import leaves, value_at, write_image

EVERY = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)


@EVERY
def test_every_leaf_is_decoded_and_nothing_else_matters(layout: Layout, full: bool) -> None:
    draw = random.Random(layout.name)
    unused = set(leaves(layout.name))
    for number in range(150 if full else 24):
        fixed = {"data_location": 3} if number % 2 == 0 else {}  # 3: Http, which has most variants
        if layout.name == "v1-reprc":
            fixed["checkpoint"] = 1 + number % 5
        image = write_image(layout.name, layout.version, draw, **fixed)
        account = decode(image.data)
        values = account.as_dict()
        assert account.layout == layout.name
        for path, (leaf, expected) in image.values.items():
            assert value_at(values, leaf, path) == expected, path
        unused -= image.used
    assert not unused
