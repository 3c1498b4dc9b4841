"""``pytest tests/programs --instructions N``: how many random instructions the comparisons execute."""

from __future__ import annotations

import pytest

DEFAULT_INSTRUCTIONS = 20_000


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--instructions", type=int, default=DEFAULT_INSTRUCTIONS, help="random instructions to compare")


@pytest.fixture
def instruction_budget(request: pytest.FixtureRequest) -> int:
    """From the command line; the default also holds when pytest did not read this file early enough for the option."""
    return int(request.config.getoption("instructions", DEFAULT_INSTRUCTIONS))
