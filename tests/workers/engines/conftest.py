"""The places where the tests of engines run workers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ray_cluster import RayCluster
from tests.workers.engines.places import Place, RayPlace


@pytest.fixture(params=["local", "ray"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """This machine, or a Ray cluster of two nodes."""
    on_ray = request.param == "ray"
    place = RayPlace(tmp_path, request.getfixturevalue("ray_cluster")) if on_ray else Place(tmp_path)
    yield place
    place.close()


@pytest.fixture
def ray_place(tmp_path: Path, ray_cluster: RayCluster) -> Iterator[RayPlace]:
    """A Ray cluster of two nodes."""
    place = RayPlace(tmp_path, ray_cluster)
    yield place
    place.close()
