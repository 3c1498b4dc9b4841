"""Every error that this package raises on purpose, and the exit codes they end in.

::

    PsycheError
    ├── UsageError                  2  an invalid option or argument
    │   ├── InvalidPublicKey
    │   ├── InvalidRunId
    │   ├── InvalidAmount
    │   ├── NothingToDo
    │   └── NotConfirmed
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
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias, TypedDict

from psyche_cli.error_fields import ErrorWithFields, positional
from psyche_cli.stop_signals import StopRequested

if TYPE_CHECKING:
    from psyche_cli.results import JsonValue

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class ExitCode(IntEnum):
    """How a process of ``psyche-cli`` ends. Documented in ``docs/output.md``.

    NO is the answer of a command that answers a question, as that of ``diff`` or ``grep`` is.
    """

    OK = 0
    INTERNAL = 1
    NO = 1
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


class PsycheError(ErrorWithFields):
    """An expected failure: one sentence that says what happened, and one that says what to do.

    What decides anything is a typed attribute. Here, of every error, that is what it left on the chain:

    ``sent``       whether any transaction of the command may have reached the cluster. False is a promise: nothing has,
                   and nothing will, so repeating the command cannot do anything twice. None: the error comes from
                   where no transaction is sent.
    ``signature``  base58, of the transaction that the error is about, or else of the last one that may have been sent.
                   Present whenever ``sent`` is True, except for an airdrop that the faucet did not answer: it signs.
    ``landed``     base58 signatures of the command's transactions that certainly landed without an error.
    ``logs``       the log of the transaction that failed, in simulation or on-chain; None where none failed.
    ``exception``  of a bug, the class name of the exception that nobody expected.

    The JSON output shows all fields but ``message`` and ``hint`` as ``context``. Fields named ``address``, ``wallet``,
    ``mint`` and the like are base58; ``endpoint`` is scheme, host and port of an RPC URL.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.INTERNAL
    shown_as_json_text: ClassVar[tuple[str, ...]] = ()

    message: str = positional(kw_only=False)
    hint: str = ""
    sent: bool | None = None
    signature: str | None = None
    landed: tuple[str, ...] = ()
    logs: tuple[str, ...] | None = None
    exception: str | None = None

    @property
    def context(self) -> dict[str, JsonValue]:
        """Everything that is known of the error, for JSON: the fields that are set, by their names."""
        shown = self.shown_fields()
        for name in shown.keys() & set(self.shown_as_json_text):
            import json  # not at the top: nothing else that --help imports needs it

            shown[name] = json.dumps(shown[name], separators=(",", ":"))
        return {name: [*value] if isinstance(value, tuple) else value for name, value in shown.items()}

    @property
    def code(self) -> str:
        """The stable name of this kind of error: its class name in snake case."""
        return self.code_of_class()

    @classmethod
    def code_of_class(cls) -> str:
        """The code of all errors of this class."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


class RuleLocation(TypedDict, total=False):
    """Where a file breaks a rule, as far as it is known: ``line`` and ``column`` count from 1.

    ``snippet`` is that line behind its number, and a second line that marks what is meant.
    """

    path: str
    line: int
    column: int
    snippet: str


class BrokenRule(RuleLocation):
    """A rule that a run configuration breaks: dotted key (empty: the file), stable name of the rule, one sentence.

    ``path`` is the file; with ``line`` and ``column``, from 1, it is where the rule is broken. ``snippet`` is that line
    with a mark under what is meant. They are left out where they are not known.
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
    """A text that is not the base58 form of 32 bytes."""

    what: str | None = None


class InvalidRunId(UsageError):
    """A run id that is empty, longer than 32 bytes of UTF-8, or, for a new run, one that cannot be typed again."""


class InvalidAmount(UsageError):
    """An amount that is not a number, is negative, too large, or finer than the mint's smallest unit."""

    text: str | None = None
    decimals: int | None = None


class NothingToDo(UsageError):
    """The command was given nothing to change."""


class NotConfirmed(UsageError):
    """What cannot be undone was not confirmed: the answer was no, or there was no terminal and no ``--yes``."""


class ConfigurationError(PsycheError):
    """A run configuration file that cannot be read, or values that break one or more rules.

    ``problems`` lists every broken rule; ``path`` is the file, None for values that come from elsewhere.
    """

    exit_code = ExitCode.CONFIGURATION

    always_shown = ("path",)

    problems: tuple[BrokenRule, ...]
    path: str | None = None


class WalletError(PsycheError):
    """A wallet that cannot be used. The message never holds any part of a key."""

    exit_code = ExitCode.WALLET

    path: str | None = None


class WalletNotFound(WalletError):
    """No wallet was given and the default one does not exist, or the given file does not."""


class WalletMalformed(WalletError):
    """Something that is not a Solana keypair."""


class NotFound(PsycheError):
    """An account that the command needs does not exist on this cluster."""

    exit_code = ExitCode.NOT_FOUND


class RunNotFound(NotFound):
    """No run of this id exists on this cluster."""

    run_id: str | None = None
    instance: str | None = None


class AccountNotFound(NotFound):
    """An account other than the run itself is missing: a mint, a token account, an authorization."""

    address: str | None = None
    mint: str | None = None


class Refused(PsycheError):
    """What was asked for is refused by an on-chain program, or would surely be, so nothing was sent."""

    exit_code = ExitCode.REFUSED

    run_id: str | None = None


class NotAuthority(Refused):
    """The wallet is not the main authority of the run."""

    wallet: str | None = None
    main_authority: str | None = None


class WrongRunState(Refused):
    """The run is in a state in which the program refuses this."""

    state: str | None = None
    step: int | None = None
    total_steps: int | None = None


class InsufficientFunds(Refused):
    """Not enough lamports or tokens.

    ``balance`` and ``needed`` are lamports of ``wallet``; with a ``token_account``, ``balance`` and ``amount`` are base
    units of its mint. ``account`` would be left with less than its rent-exempt minimum.
    """

    wallet: str | None = None
    balance: int | None = None
    needed: int | None = None
    token_account: str | None = None
    amount: int | None = None
    account: str | None = None


class AlreadyExists(Refused):
    """What was to be created exists: a run id, a treasurer index, a vault.

    ``as_requested`` is whether a run that exists is the wallet's and has the options that were asked for.
    """

    address: str | None = None
    instance: str | None = None
    treasurer_run: str | None = None
    vault: str | None = None
    as_requested: bool | None = None


class TransactionTooLarge(Refused):
    """A transaction that cannot be split and has too many bytes (``size``, over ``limit``) or ``accounts``."""

    size: int | None = None
    limit: int | None = None
    accounts: int | None = None


class ProgramRefused(Refused):
    """A program returned an error, in simulation (nothing was paid) or on-chain (the fee was).

    ``program`` is its name or, where that is not known, its address; empty when the runtime refused the transaction.
    ``program_code`` is the number that the program returned, None for errors without one, and ``program_error`` the
    error's name. ``instruction_index`` counts the transaction's instructions from 0; None if the transaction as a whole
    was refused. ``account`` is the account that the program blames, by its name in the IDL, and ``details`` are the
    program's own words. ``transaction_error`` is the error as the RPC endpoint gave it, where nothing is known of the
    program.
    """

    always_shown = ("program", "program_code", "instruction_index")
    shown_as_json_text = ("transaction_error",)

    program: str = ""
    program_id: str | None = None
    program_code: int | None = None
    program_error: str | None = None
    instruction_index: int | None = None
    account: str | None = None
    details: tuple[str, ...] | None = None
    transaction_error: Json = None


class AccountError(PsycheError):
    """An account that exists but is not what its address promised."""

    exit_code = ExitCode.ACCOUNT

    address: str | None = None


class WrongOwner(AccountError):
    """The account belongs to another program."""

    found: str | None = None
    expected: str | None = None


class WrongSize(AccountError):
    """The account has another length than its type."""

    found: int | None = None
    expected: int | None = None


class WrongDiscriminator(AccountError):
    """The first 8 bytes name another account type."""

    found: str | None = None
    expected: str | None = None


class WrongVersion(AccountError):
    """The coordinator account has a version that this tool does not know."""

    found: int | None = None
    expected: int | None = None


class RetiredLayout(AccountError):
    """A coordinator account in layout v0 (119,072 bytes), written by programs before December 2025."""

    found: int | None = None
    expected: int | None = None


class MalformedAccount(AccountError):
    """Right owner, size and discriminator, and yet bytes that no program writes: a bad tag, a length over capacity."""

    field: str | None = None
    offset: int | None = None
    value: int | None = None
    size: int | None = None


class TransactionExpired(PsycheError):
    """A transaction that was sent, did not land, and no longer can: its blockhash is too old. Repeating it is safe."""

    exit_code = ExitCode.EXPIRED

    last_valid_block_height: int | None = None
    endpoint: str | None = None


class TransactionUnknown(PsycheError):
    """A transaction that was sent and may or may not land. Look its signature up before repeating it."""

    exit_code = ExitCode.UNKNOWN

    last_valid_block_height: int | None = None
    endpoint: str | None = None


LOOK_UP: Final = "Check the signature in an explorer or with `solana confirm` before trying again."
"""The hint of a transaction that may have landed."""


class NetworkError(PsycheError):
    """A request to the RPC endpoint failed.

    ``request_sent`` is False when the endpoint certainly never saw the request; in all other cases it may have, whether
    that is known (True) or not (None).
    """

    exit_code = ExitCode.NETWORK

    endpoint: str | None = None
    method: str | None = None
    request_sent: bool | None = None


class Unreachable(NetworkError):
    """No connection, or one that broke."""


class TimedOut(NetworkError):
    """No answer within the time allowed."""


class HttpStatusError(NetworkError):
    """An HTTP ``status`` other than 200. ``retry_after`` is what the endpoint asks for, in whole seconds, or None."""

    always_shown = ("retry_after",)

    status: int
    retry_after: int | None = None


class RpcError(NetworkError):
    """A JSON-RPC error object: its number ``rpc_code`` and its ``rpc_data``, as JSON that was read (None without)."""

    shown_as_json_text = ("rpc_data",)

    rpc_code: int
    rpc_data: Json = None


class BadRpcResponse(NetworkError):
    """An answer that is not what the method promises."""


class LocalnetError(PsycheError):
    """The local validator could not start or go on."""

    exit_code = ExitCode.LOCALNET

    endpoint: str | None = None
    port: int | None = None
    path: str | None = None
    line: int | None = None


class PortInUse(LocalnetError):
    """Another process listens on the port."""


class BadProgram(LocalnetError):
    """A program file that is missing or that the VM does not accept."""

    address: str | None = None


class Interrupted(PsycheError):
    """A signal asked the process to stop before the command was done; this class itself is for Ctrl-C (SIGINT).

    The exit codes are those that a shell shows for the signals.
    """

    exit_code = ExitCode.INTERRUPTED

    method: str | None = None

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
        return kind(message, hint=hint, sent=sent, signature=signature, method=method)


class Terminated(Interrupted):
    """SIGTERM: a supervisor, ``timeout`` or ``kill`` ended the process."""

    exit_code = ExitCode.TERMINATED


class HungUp(Interrupted):
    """SIGHUP: the terminal or the connection went away."""

    exit_code = ExitCode.HUNG_UP


def error_classes(root: type[PsycheError] = PsycheError) -> list[type[PsycheError]]:
    """Every class of the tree, from the root down, as it is drawn above."""
    return [root, *(kind for child in root.__subclasses__() for kind in error_classes(child))]
