"""The middle of what several witnesses reported about the same step, which a minority of false values cannot move far.

Let fewer than half of the values be false. Then the median lies between two true ones. The narrowest interval with more
than half of the values is no wider than all true ones together, and contains at least one of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import Final, NamedTuple

_FAR_WIDTHS: Final = 5
_FAR_SHARE: Final = 0.25
"""What lies far: more widths of the interval, and a larger share of the median."""


class Middle(NamedTuple):
    """The median of values, and the ends of the narrowest interval that contains more than half of them."""

    value: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """The width of the interval."""
        return self.high - self.low

    def is_far(self, value: float, usual_width: float = 0.0) -> bool:
        """Whether a value lies far from the others: by more than 5 widths and a quarter of the median.

        The width is that of the interval, or the usual one, if that is larger.
        """
        distance = abs(value - self.value)
        return distance > _FAR_WIDTHS * max(self.width, usual_width) and distance > _FAR_SHARE * abs(self.value)


def middle_of(values: Sequence[float]) -> Middle | None:
    """The middle of values; None if more than half of them are NaN or infinite. Those are left out."""
    finite = sorted(filter(math.isfinite, values))
    if not finite or 2 * len(finite) < len(values):
        return None
    most = len(finite) // 2 + 1
    first = min(range(len(finite) - most + 1), key=lambda index: finite[index + most - 1] - finite[index])
    return Middle(median(finite), finite[first], finite[first + most - 1])
