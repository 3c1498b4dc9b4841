"""The exceptions that this package raises deliberately, and their exit codes.

::

    PsycheError
    ├── UsageError                  2  an invalid option or argument
    │   ├── InvalidPublicKey
    │   ├── InvalidRunId
    │   ├── InvalidAmount
    │   ├── NothingToDo
    │   ├── NotConfirmed
    │   ├── InvalidTransaction
    │   ├── InvalidSignature
    │   └── InvalidSubmission
    ├── ConfigurationError          3  a run configuration that is unreadable, incomplete or violates a rule
    ├── WalletError                 4  a wallet that is missing, unreadable or malformed
    │   ├── WalletNotFound
    │   └── WalletMalformed
    ├── NotFound                    5  a required account, or run of workers, does not exist
    │   ├── RunNotFound
    │   ├── AccountNotFound
    │   └── WorkerRunNotFound
    ├── Refused                     6  a program refused, or was certain to refuse
    │   ├── NotAuthority
    │   ├── MayNotJoin
    │   ├── NotInEpoch
    │   ├── WrongRunState
    │   ├── InsufficientFunds
    │   ├── AlreadyExists
    │   ├── FeeAboveMaximum
    │   ├── TransactionTooLarge
    │   ├── BlockhashNotValid
    │   ├── AlreadySent
    │   ├── UnplannedEffects
    │   ├── MissingSignatures
    │   ├── StalePlan
    │   ├── ApplyRunning
    │   ├── ScheduleRunning
    │   └── ProgramRefused
    ├── AccountError                7  an account with unexpected content
    │   ├── WrongOwner
    │   ├── WrongSize
    │   ├── WrongDiscriminator
    │   ├── WrongVersion
    │   ├── UnsupportedLayout
    │   └── MalformedAccount
    ├── TransactionExpired          8  sent, but can no longer land: safe to retry
    ├── TransactionUnknown          9  sent, outcome unknown: check the signature before retrying
    ├── NetworkError               10  a failed request to the RPC endpoint or another service
    │   ├── Unreachable
    │   ├── TimedOut
    │   ├── HttpStatusError
    │   ├── RpcError
    │   ├── BadRpcResponse
    │   └── BadServiceResponse
    ├── LocalnetError              11  a failure of the local validator
    │   ├── PortInUse
    │   └── BadProgram
    ├── JournalError               12  the journal of sent transactions cannot be used: nothing was sent
    │   ├── JournalDamaged
    │   └── JournalTooNew
    ├── FileError                  13  a file or folder to transfer that cannot be read or written
    │   ├── UnsafePath
    │   └── DiskFull
    ├── NotReached                 14  what was waited for did not happen in time
    ├── CannotBeReached            15  what was waited for can no longer happen
    ├── WorkersError               16  a failure of the worker supervisor
    │   ├── EngineUnavailable
    │   ├── LaunchFailed
    │   ├── RegistryError
    │   │   ├── RegistryDamaged
    │   │   └── RegistryTooNew
    │   ├── TelemetryError
    │   ├── IllegalTransition
    │   ├── SlotsNotFree
    │   ├── RehearsalError
    │   └── DaemonError
    │       ├── DaemonUnavailable
    │       ├── DaemonRunning
    │       └── WorkersNotEnded
    ├── HistoryError               17  the file with the history of a run cannot be used
    │   ├── HistoryDamaged
    │   ├── HistoryTooNew
    │   ├── HistoryBusy
    │   └── ArchiveError
    │       ├── ArchiveDamaged
    │       ├── ArchiveTooNew
    │       └── NotInArchive
    ├── MonitoringError            18  metrics or alarms: a missing package, an address in use, an unusable state file
    │   ├── AlarmsDamaged
    │   ├── AlarmsTooNew
    │   └── MonitorRunning
    └── Interrupted               130  Ctrl-C, SIGINT
        ├── Terminated            143  SIGTERM
        └── HungUp                129  SIGHUP: the terminal was closed

The code of an error is its class name in snake case. It is part of the JSON output and does not change once released.
Third-party exceptions are converted to this tree at the boundary: HTTP in ``solana.rpc.http``, TOML in ``run_config``,
Typer in ``cli.command_line``. Any other exception that reaches ``cli.app.main`` is a bug in psyche-cli and results in
``ExitCode.INTERNAL``.
"""

from __future__ import annotations

import re
import signal
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias, TypedDict

from psyche_cli.error_fields import ErrorWithFields, positional
from psyche_cli.stop_signals import StopRequested

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psyche_cli.results import JsonValue

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


_MOST_NAMED: Final = 5
"""How many workers a message names."""


class ExitCode(IntEnum):
    """Exit codes of ``psyche-cli``, documented in ``docs/output.md``.

    NO is the negative answer of a command that answers a question, as with ``diff`` and ``grep``. DIFFERS is that of
    a command that compares a run with its file, as with ``terraform plan -detailed-exitcode``; a usage error of such a
    command exits with INTERNAL instead of USAGE.
    """

    OK = 0
    INTERNAL = 1
    NO = 1
    USAGE = 2
    DIFFERS = 2
    CONFIGURATION = 3
    WALLET = 4
    NOT_FOUND = 5
    REFUSED = 6
    ACCOUNT = 7
    EXPIRED = 8
    UNKNOWN = 9
    NETWORK = 10
    LOCALNET = 11
    JOURNAL = 12
    FILES = 13
    NOT_REACHED = 14
    NEVER = 15
    WORKERS = 16
    HISTORY = 17
    MONITORING = 18
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class PsycheError(ErrorWithFields):
    """Base class of expected failures. ``message`` states what happened, and ``hint`` what the user can do about it.

    Callers should use the typed fields rather than parse the message. All errors have these:

    ``sent``       whether a transaction of the command may have reached the cluster. False guarantees that none has or
                   will, so retrying cannot execute anything twice. None if the error was raised by code that sends no
                   transactions.
    ``signature``  base58 signature of the transaction that failed, otherwise of the last one that may have been sent.
                   Always set if ``sent`` is True, except for an airdrop whose signature the faucet did not return.
    ``landed``     base58 signatures of the command's transactions that have landed without an error.
    ``logs``       logs of the transaction that failed in simulation or on-chain; None if no transaction failed.
    ``exception``  class name of the unexpected exception, for a bug in psyche-cli.

    In JSON output, all fields except ``message`` and ``hint`` form the ``context``. Addresses (``address``, ``wallet``,
    ``mint`` and similar fields) are base58; ``endpoint`` is the scheme, host and port of an RPC URL.
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
        """The fields of the error that are set, by name, as JSON values."""
        shown = self.shown_fields()
        for name in shown.keys() & set(self.shown_as_json_text):
            import json  # imported here to keep --help fast

            shown[name] = json.dumps(shown[name], separators=(",", ":"))
        return {name: [*value] if isinstance(value, tuple) else value for name, value in shown.items()}

    @property
    def code(self) -> str:
        """The stable error code: the class name in snake case."""
        return self.code_of_class()

    @classmethod
    def code_of_class(cls) -> str:
        """The error code of this class."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


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


class Refused(PsycheError):
    """An on-chain program refused the request, or was certain to refuse it, in which case nothing was sent."""

    exit_code = ExitCode.REFUSED

    run_id: str | None = None


class NotAuthority(Refused):
    """The wallet is not the main authority of the run."""

    wallet: str | None = None
    main_authority: str | None = None


class MayNotJoin(Refused):
    """No authorization of the run's join authority permits the wallet to join."""

    wallet: str | None = None
    join_authority: str | None = None


class NotInEpoch(Refused):
    """The wallet is not a client of the run's epoch, or not a witness of the round, so it has nothing to report."""

    wallet: str | None = None
    state: str | None = None
    epoch: int | None = None


class WrongRunState(Refused):
    """The program does not allow the operation in the current state of the run."""

    state: str | None = None
    step: int | None = None
    total_steps: int | None = None


class InsufficientFunds(Refused):
    """Not enough lamports or tokens.

    ``balance`` and ``needed`` are lamports of ``wallet``; with a ``token_account``, ``balance`` and ``amount`` are base
    units of its mint. ``account`` is an account whose balance would drop below its rent-exempt minimum.
    """

    wallet: str | None = None
    balance: int | None = None
    needed: int | None = None
    token_account: str | None = None
    amount: int | None = None
    account: str | None = None


class AlreadyExists(Refused):
    """The run, treasurer run, vault or authorization to create already exists.

    ``as_requested`` is whether the existing run belongs to the wallet and matches the requested options.
    """

    address: str | None = None
    instance: str | None = None
    treasurer_run: str | None = None
    vault: str | None = None
    as_requested: bool | None = None


class FeeAboveMaximum(Refused):
    """The priority ``fee`` of a transaction in lamports exceeds the ``maximum``.

    It is ``units``, the compute unit limit, times ``price`` in micro-lamports.
    """

    fee: int | None = None
    maximum: int | None = None
    units: int | None = None
    price: int | None = None


class TransactionTooLarge(Refused):
    """A transaction that cannot be split and has too many ``accounts`` or a ``size`` in bytes above ``limit``."""

    size: int | None = None
    limit: int | None = None
    accounts: int | None = None


class BlockhashNotValid(Refused):
    """A transaction whose blockhash, or the value of whose durable nonce, is not valid, so that it cannot land.

    ``nonce_account`` is the account of the nonce, if it uses one.
    """

    blockhash: str | None = None
    nonce_account: str | None = None


class AlreadySent(Refused):
    """The same transaction, down to the blockhash, was already sent. Its signature is ``signature``."""


class EffectDifference(TypedDict, total=False):
    """A value of an account that differs between the simulation of a transaction and its plan.

    ``address`` is the account, and ``account`` its type in words. ``path`` names the value: ``lamports``, ``owner``,
    ``size`` (bytes of data), ``executable``, or a value of the content, such as ``config.total_steps``. ``before``,
    ``planned`` and ``after`` are its values: now, according to the plan, and according to the simulation; null if
    absent. ``message`` is one sentence. Without a ``path``, the effects could not be compared.
    """

    address: str
    account: str
    path: str
    before: str | int | float | bool | None
    planned: str | int | float | bool | None
    after: str | int | float | bool | None
    message: str


class UnplannedEffects(Refused):
    """The simulation of a transaction changes something that is not planned, or does not make a planned change.

    It was not signed. ``differences`` lists the values.
    """

    differences: tuple[EffectDifference, ...]


class MissingSignatures(Refused):
    """A transaction that not all of its signers have signed. Nothing was sent."""

    always_shown = ("missing",)

    missing: tuple[str, ...] = ()


class MovedValue(TypedDict):
    """A value that is neither as it was when a plan was made, nor as the plan makes it.

    ``key`` is its key in the run file, or ``state``; ``planned`` is the value at the time of the plan, and ``now`` the
    present one.
    """

    key: str
    planned: object
    now: object


class StalePlan(Refused):
    """The run is no longer as it was when the plan was made. ``moved`` lists the values that have changed since."""

    always_shown = ("moved",)

    moved: tuple[MovedValue, ...] = ()


class ApplyRunning(Refused):
    """Another ``apply`` of the same run is running on this computer."""

    run_id: str | None = None


class ScheduleRunning(Refused):
    """Another ``schedule --follow`` of the same verb and run is running on this computer."""

    run_id: str | None = None


class ProgramRefused(Refused):
    """A program returned an error, in simulation (nothing was paid) or on-chain (the fee was paid).

    ``program`` is the program's name, or its address if unknown; empty if the runtime rejected the transaction.
    ``program_code`` is the program's error number, or None if it has none, and ``program_error`` the name of the error.
    ``instruction_index`` is the index of the failed instruction, from 0; None if the entire transaction was rejected.
    ``account`` is the IDL name of the account that caused the error, and ``details`` are the program's log lines about
    it. ``transaction_error`` is the error as returned by the RPC endpoint, if it could not be attributed to a program.
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


class NetworkError(PsycheError):
    """A request to the RPC endpoint, or to the file service, failed.

    ``request_sent`` is False if the endpoint cannot have received the request, True if at least part of it was sent,
    and None if that is unknown.
    """

    exit_code = ExitCode.NETWORK

    endpoint: str | None = None
    method: str | None = None
    request_sent: bool | None = None


class Unreachable(NetworkError):
    """The connection could not be established, or was lost."""


class TimedOut(NetworkError):
    """The endpoint did not respond within the time limit."""


class HttpStatusError(NetworkError):
    """An HTTP ``status`` other than 200. ``retry_after`` is the requested delay in seconds, if any."""

    always_shown = ("retry_after",)

    status: int
    retry_after: int | None = None


class RpcError(NetworkError):
    """The endpoint returned a JSON-RPC error with the number ``rpc_code`` and the optional ``rpc_data``."""

    shown_as_json_text = ("rpc_data",)

    rpc_code: int
    rpc_data: Json = None


class BadRpcResponse(NetworkError):
    """The endpoint returned an invalid response."""


class BadServiceResponse(NetworkError):
    """The file service, or its storage, returned an invalid response or a file with a wrong checksum.

    ``path`` is the path of the file in the run. ``checksum`` is the algorithm of a checksum that does not match.
    """

    path: str | None = None
    checksum: str | None = None


class LocalnetError(PsycheError):
    """The local validator could not start, had to stop, or is not running."""

    exit_code = ExitCode.LOCALNET

    endpoint: str | None = None
    port: int | None = None
    path: str | None = None
    line: int | None = None


class PortInUse(LocalnetError):
    """Another process is listening on the port."""


class BadProgram(LocalnetError):
    """A program file that does not exist or that the VM rejects."""

    address: str | None = None


class JournalError(PsycheError):
    """The journal of sent transactions cannot be read or written: a full disk, no permission, locked for too long."""

    exit_code = ExitCode.JOURNAL

    path: str | None = None


class JournalDamaged(JournalError):
    """The journal is damaged, or its file is not a journal."""


class JournalTooNew(JournalError):
    """The journal was written by a newer psyche-cli. ``version`` is its version, ``supported`` the newest known one."""

    version: int | None = None
    supported: int | None = None


class FileError(PsycheError):
    """A local file or folder that cannot be read or written while files of a run are transferred."""

    exit_code = ExitCode.FILES

    path: str | None = None


class UnsafePath(FileError):
    """A path that is not written or read.

    The service sent a path that is not below the target folder or conflicts with another one, or a file to upload is
    not a regular file below its folder. ``path`` is this path.
    """


class DiskFull(FileError):
    """There is not enough space. ``needed`` and ``free`` are bytes, if known."""

    needed: int | None = None
    free: int | None = None


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


class WorkersError(PsycheError):
    """A failure of the daemon that supervises workers, or of the place where they run."""

    exit_code = ExitCode.WORKERS


class EngineUnavailable(WorkersError):
    """The place where workers run cannot be reached, or its optional package is not installed."""

    engine: str | None = None


class LaunchFailed(WorkersError):
    """A worker process that could not be started: nothing of it runs.

    ``worker`` is the name of the launch, and ``program`` the first word of its command.
    """

    worker: str | None = None
    program: str | None = None


class RegistryError(WorkersError):
    """The registry of workers cannot be read or written: a full disk, no permission, locked for too long."""

    path: str | None = None


class RegistryDamaged(RegistryError):
    """The registry of workers is damaged, or its file is not a registry."""


class RegistryTooNew(RegistryError):
    """The registry of workers was written by a newer psyche-cli.

    ``version`` is its version, ``supported`` the newest known one.
    """

    version: int | None = None
    supported: int | None = None


class TelemetryError(WorkersError):
    """The file with the telemetry of workers cannot be used: damage, no space, no permission, or another version.

    ``version`` is the version of a file that was written by another psyche-cli, and ``supported`` that of this one.
    """

    path: str | None = None
    version: int | None = None
    supported: int | None = None


class IllegalTransition(WorkersError):
    """The life cycle does not allow an event in the state of a worker. Nothing was changed.

    ``state`` is its state, and ``obstacles`` are the conditions that prevent the event; empty if the state has no such
    transition.
    """

    run_id: str
    worker_id: str
    state: str
    event: str
    obstacles: tuple[str, ...] = ()


class SlotsNotFree(WorkersError):
    """The GPU slots that a worker requires are not free. ``wanted`` and ``free`` are numbers of slots."""

    run_id: str
    worker_id: str
    wanted: int
    free: int


class RehearsalError(WorkersError):
    """A rehearsal that cannot begin or go on."""

    run_id: str | None = None


class DaemonError(WorkersError):
    """The daemon that supervises workers refused a call, or failed.

    ``reason`` is the code of its error, or the gRPC status in snake case, such as ``deadline_exceeded``.
    """

    reason: str | None = None
    address: str | None = None


class DaemonUnavailable(DaemonError):
    """The daemon does not run or does not respond, or it cannot be started. ``log`` is the path of its log."""

    log: str | None = None


class DaemonRunning(DaemonError):
    """A daemon already runs for this state folder. ``pid`` is its process id."""

    pid: int | None = None


class HistoryError(PsycheError):
    """The history of a run cannot be read or written: a full disk, no permission, locked for too long."""

    exit_code = ExitCode.HISTORY

    path: str | None = None


class HistoryDamaged(HistoryError):
    """The history is damaged, or its file is not a history, or not that of this run."""


class HistoryTooNew(HistoryError):
    """The history was written by a newer psyche-cli. ``version`` is its version, ``supported`` the newest known one."""

    version: int | None = None
    supported: int | None = None


class HistoryBusy(HistoryError):
    """Another process is reading the same history from an endpoint."""


class ArchiveError(HistoryError):
    """An archive of a run cannot be read or written: no permission, a full disk, or a history that is too large."""


class ArchiveDamaged(ArchiveError):
    """A file is not an archive of a run, or it is damaged or incomplete."""


class ArchiveTooNew(ArchiveError):
    """An archive was written by a newer psyche-cli. ``version`` is its version, ``supported`` the newest known one."""

    version: int | None = None
    supported: int | None = None


class NotInArchive(ArchiveError):
    """A command needs something that the archive does not contain: another run, an account, or a cluster.

    ``address`` is the account, ``method`` the request that the archive does not answer; None for something else.
    """

    address: str | None = None
    method: str | None = None


class WorkersNotEnded(DaemonError):
    """Workers that were to end with the daemon and have not in time. ``workers`` names them, each with the reason.

    The next daemon continues to end them.
    """

    workers: tuple[str, ...]

    @staticmethod
    def of(workers: Sequence[str]) -> WorkersNotEnded:
        """The error for these workers, of which the message names the first few."""
        named = ", ".join(workers[:_MOST_NAMED])
        more = f" and {len(workers) - _MOST_NAMED} more" if len(workers) > _MOST_NAMED else ""
        return WorkersNotEnded(
            f"The daemon has stopped, and these workers have not ended: {named}{more}.",
            hint="The next daemon continues to end them. `psyche-cli workers list --open` lists their runs.",
            workers=tuple(workers),
        )


class MonitoringError(PsycheError):
    """Metrics cannot be served or written, or the alarms of a monitor cannot be read or written."""

    exit_code = ExitCode.MONITORING

    path: str | None = None
    address: str | None = None


class AlarmsDamaged(MonitoringError):
    """The file with the alarms of a monitor is damaged, or is another file, or belongs to another cluster."""


class AlarmsTooNew(MonitoringError):
    """The alarms were written by a newer psyche-cli. ``version`` is its version, ``supported`` the newest known one."""

    version: int | None = None
    supported: int | None = None


class MonitorRunning(MonitoringError):
    """Another process uses the same alarms."""


class Interrupted(PsycheError):
    """A signal stopped the command before it finished: Ctrl-C (SIGINT), or a signal of a subclass.

    The exit codes are 128 plus the signal number, as in a shell.
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
        """The error for the signal that raised ``stop``; a plain KeyboardInterrupt counts as Ctrl-C.

        ``method`` is the RPC method of a request that may have been executed, if no transaction was sent.
        """
        number = stop.signal_number if isinstance(stop, StopRequested) else signal.SIGINT
        kind = {signal.SIGTERM: Terminated, signal.SIGHUP: HungUp}.get(signal.Signals(number), Interrupted)
        return kind(message, hint=hint, sent=sent, signature=signature, method=method)


class Terminated(Interrupted):
    """SIGTERM: a supervisor, ``timeout`` or ``kill`` stopped the process."""

    exit_code = ExitCode.TERMINATED


class HungUp(Interrupted):
    """SIGHUP: the terminal or connection was closed."""

    exit_code = ExitCode.HUNG_UP


def error_classes(root: type[PsycheError] = PsycheError) -> list[type[PsycheError]]:
    """All classes in the tree, from the root down, in the order shown above."""
    return [root, *(kind for child in root.__subclasses__() for kind in error_classes(child))]
