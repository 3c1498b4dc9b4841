"""The number of repetitions of randomized tests: a quarter by default, all with ``--loads full``.

``tests/conftest.py`` chooses the Hypothesis profile before the tests are imported. A test without a number of its own
gets that of the profile. ``--loads ci`` is the default, except for the tests with the fixture ``loads``, and its
choices are not random: Hypothesis derives its examples from the tests, and ``--random-seed`` is ``CI_SEED``.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from hypothesis import HealthCheck, settings

Level: TypeAlias = Literal["usual", "ci", "full"]
LEVELS: tuple[Level, ...] = ("usual", "ci", "full")
CI_SEED = 20261127
_EXAMPLES = 100

for _level in LEVELS:
    settings.register_profile(
        _level,
        max_examples=_EXAMPLES if _level == "full" else _EXAMPLES // 4,
        deadline=None,
        derandomize=_level == "ci",
        suppress_health_check=[HealthCheck.too_slow],
    )


def repetitions(count: int) -> int:
    """``count`` with ``--full``, otherwise a quarter."""
    examples: int = settings().max_examples
    return count * examples // _EXAMPLES


class Loads(NamedTuple):
    """How much is repeated in this run of the tests."""

    level: Level

    def of(self, *, usual: int, ci: int, full: int | None = None) -> int:
        """The number of the level; by default, ``full`` is that of ``ci``."""
        return {"usual": usual, "ci": ci, "full": ci if full is None else full}[self.level]
