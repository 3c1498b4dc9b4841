"""Accounts, and runs of workers, that do not exist, and accounts with unexpected content."""

from __future__ import annotations

from psyche_cli.errors.base import ExitCode, PsycheError


class NotFound(PsycheError):
    """A required account does not exist on this cluster."""

    exit_code = ExitCode.NOT_FOUND


class RunNotFound(NotFound):
    """No run with this id exists on this cluster."""

    run_id: str | None = None
    instance: str | None = None


class AccountNotFound(NotFound):
    """An account other than the run's instance does not exist, such as a mint, token account or authorization."""

    address: str | None = None
    mint: str | None = None


class WorkerRunNotFound(NotFound):
    """No run of workers with this id is in the registry, or the run has no worker ``worker_id``."""

    run_id: str | None = None
    worker_id: str | None = None


class AccountError(PsycheError):
    """An account whose owner, size or content is not as expected."""

    exit_code = ExitCode.ACCOUNT

    address: str | None = None


class WrongOwner(AccountError):
    """The account belongs to another program."""

    found: str | None = None
    expected: str | None = None


class WrongSize(AccountError):
    """The account's size does not match its type."""

    found: int | None = None
    expected: int | None = None


class WrongDiscriminator(AccountError):
    """The discriminator, the first 8 bytes, is that of another account type."""

    found: str | None = None
    expected: str | None = None


class WrongVersion(AccountError):
    """The coordinator account has a version that psyche-cli does not support."""

    found: int | None = None
    expected: int | None = None


class UnsupportedLayout(AccountError):
    """The layout of a run can be read, but a command cannot change such a run or does not know its rules."""

    layout: str | None = None
    supported: str | None = None


class MalformedAccount(AccountError):
    """The account contains bytes that no program writes, such as an invalid tag or a length above the capacity."""

    field: str | None = None
    offset: int | None = None
    value: int | None = None
    size: int | None = None
