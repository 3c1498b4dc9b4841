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
        ├── HungUp                129  SIGHUP: the terminal was closed
        └── Terminated            143  SIGTERM

Each class is in the module of its subject, and is imported from here. All modules are imported at once: an error that
is raised when no file can be opened any more must not need an import.

The code of an error is its class name in snake case. It is part of the JSON output and does not change once released.
Third-party exceptions are converted to this tree at the boundary: HTTP in ``solana.rpc.http``, TOML in ``run_config``,
Typer in ``cli.command_line``. Any other exception that reaches ``cli.app.main`` is a bug in psyche-cli and results in
``ExitCode.INTERNAL``.
"""

from __future__ import annotations

from psyche_cli.errors.accounts import (
    AccountError,
    AccountNotFound,
    MalformedAccount,
    NotFound,
    RunNotFound,
    UnsupportedLayout,
    WorkerRunNotFound,
    WrongDiscriminator,
    WrongOwner,
    WrongSize,
    WrongVersion,
)
from psyche_cli.errors.base import ExitCode, Json, PsycheError, error_classes
from psyche_cli.errors.files import (
    AlarmsDamaged,
    AlarmsTooNew,
    ArchiveDamaged,
    ArchiveError,
    ArchiveTooNew,
    DiskFull,
    FileError,
    HistoryBusy,
    HistoryDamaged,
    HistoryError,
    HistoryTooNew,
    JournalDamaged,
    JournalError,
    JournalTooNew,
    MonitoringError,
    MonitorRunning,
    NotInArchive,
    UnsafePath,
)
from psyche_cli.errors.inputs import (
    BrokenRule,
    ConfigurationError,
    InvalidAmount,
    InvalidPublicKey,
    InvalidRunId,
    InvalidSignature,
    InvalidSubmission,
    InvalidTransaction,
    NotConfirmed,
    NothingToDo,
    RuleLocation,
    UsageError,
    WalletError,
    WalletMalformed,
    WalletNotFound,
)
from psyche_cli.errors.network import (
    BadProgram,
    BadRpcResponse,
    BadServiceResponse,
    HttpStatusError,
    LocalnetError,
    NetworkError,
    PortInUse,
    RpcError,
    TimedOut,
    Unreachable,
)
from psyche_cli.errors.outcomes import LOOK_UP, CannotBeReached, NotReached, TransactionExpired, TransactionUnknown
from psyche_cli.errors.refusals import (
    AlreadyExists,
    AlreadySent,
    ApplyRunning,
    BlockhashNotValid,
    EffectDifference,
    FeeAboveMaximum,
    InsufficientFunds,
    MayNotJoin,
    MissingSignatures,
    MovedValue,
    NotAuthority,
    NotInEpoch,
    ProgramRefused,
    Refused,
    ScheduleRunning,
    StalePlan,
    TransactionTooLarge,
    UnplannedEffects,
    WrongRunState,
)
from psyche_cli.errors.signals import HungUp, Interrupted, Terminated
from psyche_cli.errors.workers import (
    DaemonError,
    DaemonRunning,
    DaemonUnavailable,
    EngineUnavailable,
    IllegalTransition,
    LaunchFailed,
    RegistryDamaged,
    RegistryError,
    RegistryTooNew,
    RehearsalError,
    SlotsNotFree,
    TelemetryError,
    WorkersError,
    WorkersNotEnded,
)

__all__ = [
    "LOOK_UP",
    "AccountError",
    "AccountNotFound",
    "AlarmsDamaged",
    "AlarmsTooNew",
    "AlreadyExists",
    "AlreadySent",
    "ApplyRunning",
    "ArchiveDamaged",
    "ArchiveError",
    "ArchiveTooNew",
    "BadProgram",
    "BadRpcResponse",
    "BadServiceResponse",
    "BlockhashNotValid",
    "BrokenRule",
    "CannotBeReached",
    "ConfigurationError",
    "DaemonError",
    "DaemonRunning",
    "DaemonUnavailable",
    "DiskFull",
    "EffectDifference",
    "EngineUnavailable",
    "ExitCode",
    "FeeAboveMaximum",
    "FileError",
    "HistoryBusy",
    "HistoryDamaged",
    "HistoryError",
    "HistoryTooNew",
    "HttpStatusError",
    "HungUp",
    "IllegalTransition",
    "InsufficientFunds",
    "Interrupted",
    "InvalidAmount",
    "InvalidPublicKey",
    "InvalidRunId",
    "InvalidSignature",
    "InvalidSubmission",
    "InvalidTransaction",
    "JournalDamaged",
    "JournalError",
    "JournalTooNew",
    "Json",
    "LaunchFailed",
    "LocalnetError",
    "MalformedAccount",
    "MayNotJoin",
    "MissingSignatures",
    "MonitorRunning",
    "MonitoringError",
    "MovedValue",
    "NetworkError",
    "NotAuthority",
    "NotConfirmed",
    "NotFound",
    "NotInArchive",
    "NotInEpoch",
    "NotReached",
    "NothingToDo",
    "PortInUse",
    "ProgramRefused",
    "PsycheError",
    "Refused",
    "RegistryDamaged",
    "RegistryError",
    "RegistryTooNew",
    "RehearsalError",
    "RpcError",
    "RuleLocation",
    "RunNotFound",
    "ScheduleRunning",
    "SlotsNotFree",
    "StalePlan",
    "TelemetryError",
    "Terminated",
    "TimedOut",
    "TransactionExpired",
    "TransactionTooLarge",
    "TransactionUnknown",
    "UnplannedEffects",
    "Unreachable",
    "UnsafePath",
    "UnsupportedLayout",
    "UsageError",
    "WalletError",
    "WalletMalformed",
    "WalletNotFound",
    "WorkerRunNotFound",
    "WorkersError",
    "WorkersNotEnded",
    "WrongDiscriminator",
    "WrongOwner",
    "WrongRunState",
    "WrongSize",
    "WrongVersion",
    "error_classes",
]
