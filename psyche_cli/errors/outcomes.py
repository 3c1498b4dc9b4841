"""Transactions whose outcome is expiry or unknown, and runs that did not reach what was waited for."""

from __future__ import annotations

from typing import Final

from psyche_cli.errors.base import ExitCode, PsycheError


class TransactionExpired(PsycheError):
    """The transaction was sent but did not land, and no longer can because its blockhash expired. Retrying is safe."""

    exit_code = ExitCode.EXPIRED

    last_valid_block_height: int | None = None
    endpoint: str | None = None


class TransactionUnknown(PsycheError):
    """The transaction was sent, and whether it has landed or will land is unknown. Check it before retrying."""

    exit_code = ExitCode.UNKNOWN

    last_valid_block_height: int | None = None
    endpoint: str | None = None


LOOK_UP: Final = "Check the signature in an explorer or with `solana confirm` before trying again."
"""Hint for a transaction that may have landed."""


class NotReached(PsycheError):
    """The run did not reach what the command waited for within ``--timeout``.

    ``state``, ``step``, ``epoch`` and ``members`` are those of the last observation.
    """

    exit_code = ExitCode.NOT_REACHED

    run_id: str | None = None
    state: str | None = None
    step: int | None = None
    epoch: int | None = None
    members: int | None = None


class CannotBeReached(PsycheError):
    """The run can no longer reach what the command waited for, or was closed.

    ``state``, ``step``, ``epoch`` and ``members`` are those of the last observation.
    """

    exit_code = ExitCode.NEVER

    run_id: str | None = None
    state: str | None = None
    step: int | None = None
    epoch: int | None = None
    members: int | None = None
