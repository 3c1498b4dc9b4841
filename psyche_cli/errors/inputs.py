"""Invalid options, arguments, run configurations and wallets."""

from __future__ import annotations

from typing import TypedDict

from psyche_cli.errors.base import ExitCode, PsycheError


class RuleLocation(TypedDict, total=False):
    """The location of a problem in a file, as far as it is known.

    ``line`` and ``column`` start at 1. ``snippet`` is the line with its number, and a second line with ``^`` marks.
    """

    path: str
    line: int
    column: int
    snippet: str


class BrokenRule(RuleLocation):
    """A violated rule of a run configuration, or a warning.

    ``key`` is the dotted key, empty for the file as a whole; ``rule`` is the stable name of the rule; ``message`` is
    one sentence. ``path`` is the file, and ``line`` and ``column`` (starting at 1) are the location in it. ``snippet``
    is that line with ``^`` marks below it. Unknown properties are omitted.
    """

    key: str
    rule: str
    message: str


class UsageError(PsycheError):
    """An option or argument is invalid."""

    exit_code = ExitCode.USAGE

    key: str | None = None
    name: str | None = None
    path: str | None = None
    index: int | None = None
    bytes: int | None = None
    maximum: int | None = None


class InvalidPublicKey(UsageError):
    """A public key that is not 32 bytes in base58."""

    what: str | None = None


class InvalidRunId(UsageError):
    """A run id that is empty, longer than 32 bytes of UTF-8 or, for a new run, hard to type or read."""


class InvalidAmount(UsageError):
    """An amount that is not a number, is negative or too large, or has more decimals than the token."""

    text: str | None = None
    decimals: int | None = None


class NothingToDo(UsageError):
    """No change was specified."""


class NotConfirmed(UsageError):
    """An irreversible action was not confirmed: the answer was not yes, or there was no terminal and no ``--yes``."""


class InvalidTransaction(UsageError):
    """A file or text that is not a transaction, or not one that psyche-cli can send."""


class InvalidSignature(UsageError):
    """A signature that does not belong to the transaction."""

    signer: str | None = None


class InvalidSubmission(UsageError):
    """The configuration of a run of workers is invalid. ``key`` is the dotted key, empty for the whole."""


class ConfigurationError(PsycheError):
    """A run configuration file that cannot be read, or values that violate one or more rules.

    ``problems`` lists all violated rules; ``path`` is the file, or null if the values are not from a single file.
    """

    exit_code = ExitCode.CONFIGURATION

    always_shown = ("path",)

    problems: tuple[BrokenRule, ...]
    path: str | None = None


class WalletError(PsycheError):
    """A wallet that cannot be used. The message never contains any part of a key."""

    exit_code = ExitCode.WALLET

    path: str | None = None


class WalletNotFound(WalletError):
    """The specified keypair file does not exist, or none was specified and the default one does not exist."""


class WalletMalformed(WalletError):
    """The wallet is not a valid Solana keypair."""
