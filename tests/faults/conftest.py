from __future__ import annotations

import pytest

from .world import World, build_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """One for all tests of a process: each of them restores its start state."""
    return build_world(tmp_path_factory.mktemp("faults"))
