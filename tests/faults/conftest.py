from __future__ import annotations

import pytest

from .world import World, build_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Shared by all tests of a process; each test restores the start state."""
    return build_world(tmp_path_factory.mktemp("faults"))
