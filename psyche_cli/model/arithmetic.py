"""Checked integer arithmetic: the programs are built with overflow checks, so an overflow aborts the transaction."""

from __future__ import annotations

from psyche_cli.limits import U64_MAX
from psyche_cli.model.outcomes import Abort


def add(left: int, right: int, maximum: int = U64_MAX) -> int:
    """The sum. Aborts if it exceeds ``maximum``."""
    return _checked(left + right, maximum, "add")


def multiply(left: int, right: int, maximum: int = U64_MAX) -> int:
    """The product. Aborts if it exceeds ``maximum``."""
    return _checked(left * right, maximum, "multiply")


def subtract(left: int, right: int) -> int:
    """The difference. Aborts if it is negative."""
    return _checked(left - right, left, "subtract")


def divide(left: int, right: int) -> int:
    """The quotient, rounded down. Aborts if the divisor is 0."""
    if right == 0:
        raise Abort("attempt to divide by zero")
    return left // right


def _checked(result: int, maximum: int, operation: str) -> int:
    if not 0 <= result <= maximum:
        raise Abort(f"attempt to {operation} with overflow")
    return result
