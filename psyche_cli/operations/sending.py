"""Helpers around sending a transaction: lost creation races, and reads after the transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from psyche_cli.errors import AlreadyExists, ProgramRefused, PsycheError
from psyche_cli.results import Receipt

_Value = TypeVar("_Value")


def read_if_possible(read: Callable[[], _Value]) -> _Value | None:
    """What ``read`` finds, or None when the endpoint fails or lies, or the user has had enough (Ctrl-C).

    For looking at the outcome of a transaction that has landed: whoever takes a failed look for a failed transaction
    repeats a payment.
    """
    try:
        return read()
    except (PsycheError, KeyboardInterrupt):
        return None


def send_creation(send: Callable[[], Receipt], find_existing: Callable[[], AlreadyExists | None]) -> Receipt:
    """Send what creates accounts, and say so if somebody else created them in the meantime.

    A program refuses a taken address in its own words, or with a bare number. ``find_existing`` looks once more and
    returns the error to raise instead; it then tells, like the program's own, whether the transaction was sent.
    """
    try:
        return send()
    except ProgramRefused as refused:
        taken = read_if_possible(find_existing)
        if taken is None:
            raise
        taken.sent, taken.signature, taken.logs = refused.sent, refused.signature, refused.logs
        if refused.sent:
            taken.hint = f"Transaction {refused.signature} failed on-chain; its fee was paid. {taken.hint}".strip()
        raise taken from refused
