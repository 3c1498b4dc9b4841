"""A daemon that the tests of a module share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.workers.daemons import Daemon, daemon


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with daemon(tmp_path_factory.mktemp("state")) as running:
        yield running
