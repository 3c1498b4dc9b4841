from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.localnet import Cluster, running_localnet


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A local validator process for the session of a module."""
    with running_localnet(tmp_path_factory.mktemp("localnet")) as running:
        yield running
