"""Every error that this package raises on purpose, and the exit codes they end in.

::

    PsycheError
    ├── UsageError                  2  an option or argument that cannot be meant
    │   ├── InvalidPublicKey
    │   ├── InvalidRunId
    │   ├── InvalidAmount
    │   └── NothingToDo
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
    └── Interrupted               130  Ctrl-C, SIGINT
        ├── Terminated            143  SIGTERM
        └── HungUp                129  SIGHUP: the terminal went away

The code of an error is its class name in snake case. It is part of the JSON output and does not change once released.
Foreign exceptions are translated into this tree where they enter: HTTP in ``solana.rpc.http``, TOML in ``run_config``,
click in ``app``. Anything else that reaches ``app.main`` is a bug of ours and ends in ``ExitCode.INTERNAL``.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from enum import IntEnum
from typing import ClassVar, TypeAlias

from psyche_cli.stop_signals import StopRequested

ContextValue: TypeAlias = "str | int | bool | list[str] | list[dict[str, str]] | None"
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class ExitCode(IntEnum):
    """How a process of ``psyche-cli`` ends. Documented in ``docs/output.md``."""

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
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class PsycheError(Exception):
    """An expected failure: one sentence that says what happened, and one that says what to do.

    What decides anything is a typed attribute. Here, of every error, that is what it left on the chain:

    ``sent``       whether any transaction of the command may have reached the cluster. False is a promise: nothing has,
                   and nothing will, so repeating the command cannot do anything twice. None: the error comes from
                   where no transaction is sent.
    ``signature``  base58, of the transaction that the error is about, or else of the last one that may have been sent.
                   Present whenever ``sent`` is True, except for an airdrop that the faucet did not answer: it signs.
    ``landed``     base58 signatures of the command's transactions that certainly landed without an error.
    ``logs``       the log of the transaction that failed, in simulation or on-chain; None where none failed.

    ``details`` are further facts for whoever reads the JSON (addresses, bounds); the code never reads them.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.INTERNAL

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        sent: bool | None = None,
        signature: str | None = None,
        landed: Sequence[str] = (),
        logs: Sequence[str] | None = None,
        **details: ContextValue,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.sent = sent
        self.signature = signature
        self.landed = tuple(landed)
        self.logs = None if logs is None else tuple(logs)
        self.details = details

    @property
    def context(self) -> dict[str, ContextValue]:
        """Everything that is known of the error, for JSON: the details and the typed attributes that are set."""
        typed: dict[str, ContextValue] = {
            "sent": self.sent,
            "signature": self.signature,
            "landed": list(self.landed) or None,
            "logs": None if self.logs is None else list(self.logs),
        }
        return {**self.details, **_present(typed)}

    @property
    def code(self) -> str:
        """The stable name of this kind of error: its class name in snake case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()


def _present(values: dict[str, ContextValue]) -> dict[str, ContextValue]:
    return {name: value for name, value in values.items() if value is not None}


class UsageError(PsycheError):
    """An option or argument that cannot be meant."""

    exit_code = ExitCode.USAGE


class InvalidPublicKey(UsageError):
    """A text that is not the base58 form of 32 bytes."""


class InvalidRunId(UsageError):
    """A run id that is empty, longer than 32 bytes of UTF-8, or, for a new run, one that cannot be typed again."""


class InvalidAmount(UsageError):
    """An amount that is not a number, is negative, too large, or finer than the mint's smallest unit."""


class NothingToDo(UsageError):
    """The command was given nothing to change."""


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


class TransactionTooLarge(Refused):
    """A transaction of more than 1,232 bytes that cannot be split."""


class ProgramRefused(Refused):
    """A program returned an error, in simulation (nothing was paid) or on-chain (the fee was).

    ``program`` is its name or, where that is not known, its address; empty when the runtime refused the transaction.
    ``program_code`` is the number that the program returned, None for errors without one.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        program: str = "",
        program_code: int | None = None,
        sent: bool | None = None,
        signature: str | None = None,
        **details: ContextValue,
    ) -> None:
        super().__init__(message, hint=hint, sent=sent, signature=signature)
        self.details = details
        self.program = program
        self.program_code = program_code

    @property
    def context(self) -> dict[str, ContextValue]:
        """The same with ``program`` and ``program_code``, the latter also when it is null."""
        return {**super().context, "program": self.program, "program_code": self.program_code}


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
    """The RPC endpoint did not do its part.

    ``request_sent`` is False when the endpoint certainly never saw the request; in all other cases it may have, whether
    that is known (True) or not (None).
    """

    exit_code = ExitCode.NETWORK

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        request_sent: bool | None = None,
        **details: ContextValue,
    ) -> None:
        super().__init__(message, hint=hint)
        self.details = details
        self.request_sent = request_sent

    @property
    def context(self) -> dict[str, ContextValue]:
        """The same with ``request_sent``."""
        return {**super().context, **_present({"request_sent": self.request_sent})}


class Unreachable(NetworkError):
    """No connection, or one that broke."""


class TimedOut(NetworkError):
    """No answer within the time allowed."""


class HttpStatusError(NetworkError):
    """An HTTP ``status`` other than 200. ``retry_after`` is what the endpoint asks for, in whole seconds, or None."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        status: int,
        retry_after: int | None = None,
        **details: ContextValue,
    ) -> None:
        super().__init__(message, hint=hint)
        self.details = details
        self.status = status
        self.retry_after = retry_after

    @property
    def context(self) -> dict[str, ContextValue]:
        """The same with ``status`` and ``retry_after``, the latter also when it is null."""
        return {**super().context, "status": self.status, "retry_after": self.retry_after}


class RpcError(NetworkError):
    """A JSON-RPC error object: its number ``rpc_code`` and its ``rpc_data``, as JSON that was read (None without)."""

    def __init__(
        self, message: str, *, hint: str = "", rpc_code: int, rpc_data: Json = None, **details: ContextValue
    ) -> None:
        super().__init__(message, hint=hint)
        self.details = details
        self.rpc_code = rpc_code
        self.rpc_data = rpc_data

    @property
    def context(self) -> dict[str, ContextValue]:
        """The same with ``rpc_code`` and, where there is any, ``rpc_data`` as JSON text."""
        import json  # not at the top: nothing else that --help imports needs it

        data = None if self.rpc_data is None else json.dumps(self.rpc_data, separators=(",", ":"))
        return {**super().context, "rpc_code": self.rpc_code, **_present({"rpc_data": data})}


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
    """A signal asked the process to stop before the command was done; this class itself is for Ctrl-C (SIGINT).

    The exit codes are those that a shell shows for the signals.
    """

    exit_code = ExitCode.INTERRUPTED

    @staticmethod
    def by(
        stop: KeyboardInterrupt,
        message: str,
        *,
        hint: str = "",
        sent: bool | None = None,
        signature: str | None = None,
        method: str | None = None,
    ) -> Interrupted:
        """The error of the signal that raised ``stop``; a KeyboardInterrupt of Python itself is Ctrl-C.

        ``method`` names the RPC request that may have been carried out where no transaction was sent.
        """
        number = stop.signal_number if isinstance(stop, StopRequested) else signal.SIGINT
        kind = {signal.SIGTERM: Terminated, signal.SIGHUP: HungUp}.get(signal.Signals(number), Interrupted)
        details: dict[str, str] = {"method": method} if method else {}
        return kind(message, hint=hint, sent=sent, signature=signature, landed=(), logs=None, **details)


class Terminated(Interrupted):
    """SIGTERM: a supervisor, ``timeout`` or ``kill`` ended the process."""

    exit_code = ExitCode.TERMINATED


class HungUp(Interrupted):
    """SIGHUP: the terminal or the connection went away."""

    exit_code = ExitCode.HUNG_UP
