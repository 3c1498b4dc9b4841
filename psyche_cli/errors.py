"""Every error that this package raises on purpose, and the exit codes they end in.

::

    PsycheError
    ├── UsageError                  2  an option or argument that cannot be meant
    │   ├── InvalidPublicKey
    │   ├── InvalidRunId
    │   └── InvalidAmount
    ├── ConfigurationError          3  a run configuration that is unreadable, incomplete or breaks a rule
    ├── WalletError                 4  a wallet that is missing, unreadable or malformed
    │   ├── WalletNotFound
    │   └── WalletMalformed
    ├── NotFound                    5  an account that the command needs does not exist
    │   ├── RunNotFound
    │   └── AccountNotFound
    ├── Refused                     6  a program refuses, or surely would
    │   ├── NotAuthority
    │   ├── WrongRunState
    │   ├── InsufficientFunds
    │   ├── AlreadyExists
    │   ├── NothingToDo
    │   ├── TransactionTooLarge
    │   └── ProgramRefused
    ├── AccountError                7  an account that exists but is not what was expected
    │   ├── WrongOwner
    │   ├── WrongSize
    │   ├── WrongDiscriminator
    │   ├── WrongVersion
    │   ├── RetiredLayout
    │   └── MalformedAccount
    ├── TransactionExpired          8  sent, and certainly never to land: safe to repeat
    ├── TransactionUnknown          9  sent, and nobody knows: look at the signature before repeating
    ├── NetworkError               10  the RPC endpoint
    │   ├── Unreachable
    │   ├── TimedOut
    │   ├── HttpStatusError
    │   ├── RpcError
    │   └── BadRpcResponse
    ├── LocalnetError              11  the local validator
    │   ├── PortInUse
    │   └── BadProgram
    └── Interrupted               130  Ctrl-C

The code of an error is its class name in snake case. It is part of the JSON output and does not change once released.
Foreign exceptions are translated into this tree where they enter: HTTP in ``cluster.http``, TOML in ``run_config``,
click in ``app``. Anything else that reaches ``app.main`` is a bug of ours and ends in ``ExitCode.INTERNAL``.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import ClassVar, TypeAlias

ContextValue: TypeAlias = "str | int | bool | list[str] | list[dict[str, str]] | None"


class ExitCode(IntEnum):
    """How a process of ``psyche-cli`` ends. Documented in ``docs/exit-codes.md``."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    CONFIGURATION = 3
    WALLET = 4
    NOT_FOUND = 5
    REFUSED = 6
    ACCOUNT = 7
    EXPIRED = 8
    UNKNOWN = 9
    NETWORK = 10
    LOCALNET = 11
    INTERRUPTED = 130


class PsycheError(Exception):
    """An expected failure: one sentence that says what happened, and one that says what to do.

    ``context`` holds what a program would want to know of it (addresses, codes, bounds), ready for JSON.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.INTERNAL

    def __init__(self, message: str, *, hint: str = "", **context: ContextValue) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.context = context

    @property
    def code(self) -> str:
        """The stable name of this kind of error: its class name in snake case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()


class UsageError(PsycheError):
    """An option or argument that cannot be meant."""

    exit_code = ExitCode.USAGE


class InvalidPublicKey(UsageError):
    """A text that is not the base58 form of 32 bytes."""


class InvalidRunId(UsageError):
    """A run id that is empty or longer than 32 bytes of UTF-8."""


class InvalidAmount(UsageError):
    """An amount that is not a number, is negative, too large, or finer than the mint's smallest unit."""


class ConfigurationError(PsycheError):
    """A run configuration file that cannot be read, or values that break one or more rules.

    ``context["problems"]`` lists every broken rule as ``{"key", "rule", "message"}``.
    """

    exit_code = ExitCode.CONFIGURATION


class WalletError(PsycheError):
    """A wallet that cannot be used. The message never holds any part of a key."""

    exit_code = ExitCode.WALLET


class WalletNotFound(WalletError):
    """No wallet was given and the default one does not exist, or the given file does not."""


class WalletMalformed(WalletError):
    """Something that is not a Solana keypair."""


class NotFound(PsycheError):
    """An account that the command needs does not exist on this cluster."""

    exit_code = ExitCode.NOT_FOUND


class RunNotFound(NotFound):
    """No run of this id exists on this cluster."""


class AccountNotFound(NotFound):
    """An account other than the run itself is missing: a mint, a token account, an authorization."""


class Refused(PsycheError):
    """What was asked for is refused by an on-chain program, or would surely be, so nothing was sent."""

    exit_code = ExitCode.REFUSED


class NotAuthority(Refused):
    """The wallet is not the main authority of the run."""


class WrongRunState(Refused):
    """The run is in a state in which the program refuses this."""


class InsufficientFunds(Refused):
    """Not enough lamports or tokens."""


class AlreadyExists(Refused):
    """What was to be created exists: a run id, a treasurer index, a vault."""


class NothingToDo(Refused):
    """The command was given nothing to change."""


class TransactionTooLarge(Refused):
    """A transaction of more than 1,232 bytes that cannot be split."""


class ProgramRefused(Refused):
    """A program returned an error, in simulation (nothing was paid) or on-chain (the fee was)."""


class AccountError(PsycheError):
    """An account that exists but is not what its address promised."""

    exit_code = ExitCode.ACCOUNT


class WrongOwner(AccountError):
    """The account belongs to another program."""


class WrongSize(AccountError):
    """The account has another length than its type."""


class WrongDiscriminator(AccountError):
    """The first 8 bytes name another account type."""


class WrongVersion(AccountError):
    """The coordinator account has a version that this tool does not know."""


class RetiredLayout(AccountError):
    """A coordinator account in layout v0 (119,072 bytes), written by programs before December 2025."""


class MalformedAccount(AccountError):
    """Right owner, size and discriminator, and yet bytes that no program writes: a bad tag, a length over capacity."""


class TransactionExpired(PsycheError):
    """A transaction that was sent, did not land, and no longer can: its blockhash is too old. Repeating it is safe."""

    exit_code = ExitCode.EXPIRED


class TransactionUnknown(PsycheError):
    """A transaction that was sent and may or may not land. Look its signature up before repeating it."""

    exit_code = ExitCode.UNKNOWN


class NetworkError(PsycheError):
    """The RPC endpoint did not do its part."""

    exit_code = ExitCode.NETWORK


class Unreachable(NetworkError):
    """No connection, or one that broke."""


class TimedOut(NetworkError):
    """No answer within the time allowed."""


class HttpStatusError(NetworkError):
    """An HTTP status other than 200, such as 429 or 503. ``context["status"]`` holds it."""


class RpcError(NetworkError):
    """A JSON-RPC error object. ``context["rpc_code"]`` holds its code."""


class BadRpcResponse(NetworkError):
    """An answer that is not what the method promises."""


class LocalnetError(PsycheError):
    """The local validator could not start or go on."""

    exit_code = ExitCode.LOCALNET


class PortInUse(LocalnetError):
    """Another process listens on the port."""


class BadProgram(LocalnetError):
    """A program file that is missing or that the VM does not accept."""


class Interrupted(PsycheError):
    """The user pressed Ctrl-C."""

    exit_code = ExitCode.INTERRUPTED
