from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.solana.http_servers import Serve, serving


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers that handle every connection with a given function, and return their URLs."""
    with serving() as start:
        yield start
