from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.solana.http_servers import Serve, serving


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers that talk as told on every connection, and return their URLs."""
    with serving() as start:
        yield start
