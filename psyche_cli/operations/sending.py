"""Helpers for sending transactions: races to create an account, and best-effort reads afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from psyche_cli.errors import AlreadyExists, ProgramRefused, PsycheError
from psyche_cli.receipts import Receipt

_Value = TypeVar("_Value")


def read_if_possible(read: Callable[[], _Value]) -> _Value | None:
    """The result of ``read``, or None if the endpoint fails, sends an invalid response, or the user presses Ctrl-C.

    Used after a transaction has landed: if a failed read were reported as an error, the user might take the transaction
    for failed and repeat a payment.
    """
    try:
        return read()
    except (PsycheError, KeyboardInterrupt):
        return None


def send_creation(send: Callable[[], Receipt], find_existing: Callable[[], AlreadyExists | None]) -> Receipt:
    """Send a transaction that creates accounts; raise AlreadyExists if another process has created them meanwhile.

    The program's own error for an existing account may be a bare number. ``find_existing`` reads the accounts again and
    returns the error to raise instead, or None. The new error has the ``sent``, ``signature`` and ``logs`` of the
    program's error.
    """
    try:
        return send()
    except ProgramRefused as refused:
        error = read_if_possible(find_existing)
        if error is None:
            raise
        error.sent, error.signature, error.logs = refused.sent, refused.signature, refused.logs
        if refused.sent:
            error.hint = f"Transaction {refused.signature} failed on-chain; its fee was paid. {error.hint}".strip()
        raise error from refused
