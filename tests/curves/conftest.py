"""The story of a run and its history, as in the tests of histories."""

from tests.history.conftest import reading, told

__all__ = ["reading", "told"]
