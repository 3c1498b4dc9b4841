"""The places where the tests of engines run workers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ray_cluster import RayCluster
from tests.workers.engines.places import Place, RayPlace


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of both engines on this machine, and on Ray those with the mark ``on_ray``; all with --full."""
    if "place" in metafunc.fixturenames:
        on_ray = metafunc.config.option.loads == "full" or any(metafunc.definition.iter_markers("on_ray"))
        ray = [pytest.param("ray", marks=pytest.mark.ray)] if on_ray else []
        metafunc.parametrize("place", ["local", *ray], indirect=True)


@pytest.fixture
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
