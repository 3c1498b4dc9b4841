"""The number of repetitions of randomized tests: a quarter by default, all with ``--full``.

``tests/conftest.py`` chooses the Hypothesis profile before the tests are imported. A test without a number of its own
gets that of the profile.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

FULL, QUICK = "full", "quick"
_EXAMPLES = 100

for _name, _examples in ((FULL, _EXAMPLES), (QUICK, _EXAMPLES // 4)):
    settings.register_profile(
        _name, max_examples=_examples, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )


def repetitions(count: int) -> int:
    """``count`` with ``--full``, otherwise a quarter."""
    examples: int = settings().max_examples
    return count * examples // _EXAMPLES
