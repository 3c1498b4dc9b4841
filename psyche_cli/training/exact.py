"""Floating-point arithmetic whose result does not depend on the order of operations, and thus not on the machine.

Members compare results byte by byte, so all of them must compute the same bits. Libraries for matrix products add in
an order that depends on the processor and on the number of threads. A sum of doubles is exact in every order if all
terms are multiples of the same power of two and the total fits in 53 bits. Operands are therefore rounded to grids that
guarantee this. All other operations are element by element, for which IEEE 754 defines the result, and the exponential
function is a polynomial of such operations.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = "npt.NDArray[np.float64]"
Bytes: TypeAlias = "npt.NDArray[np.uint8]"
Whole: TypeAlias = "npt.NDArray[np.int64]"

DOUBLE_BITS: Final = 53
"""The precision of a double in bits."""

_LOG2_E: Final = 1.4426950408889634
_LN2_HIGH: Final = 0.693145751953125
_LN2_LOW: Final = 1.4286068203094173e-06
"""ln 2 in two parts; the products of the first one with integers below 2^30 are exact."""
_LOWEST: Final = -700.0
_FACTORIALS: Final = (
    1 / 479001600, 1 / 39916800, 1 / 3628800, 1 / 362880, 1 / 40320, 1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 0.5,
    1.0, 1.0,
)  # fmt: skip
"""Coefficients of the exponential series, the highest power first."""


def rounded(values: Any, bits: int) -> Floats:
    """The values rounded to multiples of 2^-``bits``, halves to even."""
    scaled: Floats = np.rint(values * float(1 << bits))
    scaled *= 1.0 / (1 << bits)
    return scaled


def exponential(values: Floats) -> Floats:
    """e to the power of the values, at most 700, with a relative error below 1e-14; values below -700 count as -700."""
    clipped = np.maximum(values, _LOWEST)
    powers = np.rint(clipped * _LOG2_E)
    rest = clipped - powers * _LN2_HIGH
    rest -= powers * _LN2_LOW
    result = np.full_like(rest, _FACTORIALS[0])
    for factor in _FACTORIALS[1:]:
        result *= rest
        result += factor
    return np.ldexp(result, powers.astype(np.int32))


def hyperbolic_tangent(values: Floats) -> Floats:
    """The hyperbolic tangent, with an absolute error below 1e-14."""
    doubled = np.clip(values, -30.0, 30.0)
    doubled *= 2.0
    return 1.0 - 2.0 / (exponential(doubled) + 1.0)


def sums_by_key(keys: Bytes, rows: Floats, size: int) -> Floats:
    """The sum of the rows with each key from 0 to ``size`` - 1. Exact if the rows are on a grid."""
    order = np.argsort(keys, kind="stable")
    found, starts = np.unique(keys[order], return_index=True)
    sums = np.zeros((size, rows.shape[1]))
    sums[found] = np.add.reduceat(rows[order], starts, axis=0)
    return sums
