from __future__ import annotations

import pytest

from psyche_cli.protocol.instructions.builder import Instructions


@pytest.fixture(scope="session")
def instructions() -> Instructions:
    """The instructions of the published programs."""
    return Instructions()
