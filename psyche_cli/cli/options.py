"""The declaration of options, options shared by several commands, and the environment variables that set options.

The names of both match the published Psyche client. An option on the command line takes precedence over its variable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

from psyche_cli.environment import Environment, OutputFormat
from psyche_cli.limits import LOCAL_RPC_URL, U32_MAX, U64_MAX

Values: TypeAlias = Callable[[Environment, Mapping[str, Any]], Iterable[str]]
"""Suggested values of a parameter for shell completion, given the values of the other parameters. Others are valid too;
where they are not, a ``Literal`` declares them."""


class Option(NamedTuple):
    """An option, as the metadata of an ``Annotated`` parameter.

    ``min`` and ``max`` bound an integer; by default 0 and ``U64_MAX``.

    ``variable`` is the environment variable that supplies its value if the option is not given.
    """

    names: tuple[str, ...]
    help: str
    variable: str | None = None
    metavar: str | None = None
    min: int | None = None
    max: int | None = None
    hidden: bool = False
    case_sensitive: bool = True
    values: Values | None = None


class Argument(NamedTuple):
    """A positional argument, as the metadata of an ``Annotated`` parameter.

    ``min`` and ``max`` bound an integer; by default 0 and ``U64_MAX``.
    """

    help: str
    metavar: str | None = None
    min: int | None = None
    max: int | None = None
    values: Values | None = None


VARIABLES: Final = {
    "--rpc": "RPC",
    "--wallet-private-key-path": "WALLET_PRIVATE_KEY_PATH",
    "--run-id": "RUN_ID",
    "--state-dir": "PSYCHE_CLI_STATE_DIR",
    "--priority-fee": "PSYCHE_CLI_PRIORITY_FEE",
    "--treasurer-index": "TREASURER_INDEX",
    "--treasurer-collateral-mint": "TREASURER_COLLATERAL_MINT",
    "--client-version": "CLIENT_VERSION",
    "--config-path": "CONFIG_PATH",
    "--restart-from-step": "RESTART_FROM_STEP",
    "--switch-to-hub": "SWITCH_TO_HUB",
    "--resume": "RESUME",
    "--earning-rate-total-shared": "EARNING_RATE_TOTAL_SHARED",
    "--slashing-rate-per-client": "SLASHING_RATE_PER_CLIENT",
    "--collateral-amount": "COLLATERAL_AMOUNT",
    "--authorizer": "AUTHORIZER",
    "--repo": "REPO",
    "--revision": "REVISION",
    "--ms-interval": "MS_INTERVAL",
    "--count": "COUNT",
    "--address": "ADDRESS",
    "--join-authority": "JOIN_AUTHORITY",
    "--delegates-clear": "DELEGATES_CLEAR",
    "--delegates-added": "DELEGATES_ADDED",
    "--output-dir": "OUTPUT_DIR",
    "--expires-in-seconds": "EXPIRES_IN_SECONDS",
    "--base-url": "PSYCHE_CLI_BASE_URL",
}
"""Option to the environment variable that supplies its value if the option is not given.

A verb may declare an option of the same name without the variable; ``variable_of`` says which it is.
"""


COMPLETION_VARIABLE: Final = "_PSYCHE_CLI_COMPLETE"
"""Set by a shell completion script that requests the completions of the last word."""

EXPECTED_VARIABLES: Final = frozenset(
    {"--rpc", "--wallet-private-key-path", "--run-id", "--state-dir", "--base-url", "--priority-fee"}
)
"""Options that users set deliberately in the environment. The names of the other variables are so generic that they may
be set for another program, so their use is reported."""


def option(
    *names: str,
    help: str,
    variable: bool = True,
    metavar: str | None = None,
    min: int | None = None,
    max: int | None = None,
    hidden: bool = False,
    case_sensitive: bool = True,
    values: Values | None = None,
) -> Option:
    """An option whose help names its environment variable, if it has one.

    With ``variable`` False it has none, whatever its name: the published client reads none for this verb. An option
    with a variable must state its default in ``help``: Typer would show the variable's value instead, which may be an
    RPC URL that contains an API key.
    """
    found = next((VARIABLES[name] for name in names if variable and name in VARIABLES), None)
    text = f"{help} {_variable_note(found)}" if found else help
    return Option(names, text, found, metavar, min, max, hidden, case_sensitive, values)


def variable_of(parameter: Any) -> str | None:
    """The environment variable of a parsed option, which its help names."""
    found = next((VARIABLES[flag] for flag in parameter.opts if flag in VARIABLES), None)
    return found if found and _variable_note(found) in (parameter.help or "") else None


def _variable_note(variable: str) -> str:
    return f"[env: {variable}]"


BETWEEN_WORDS: Final = "\0"
"""Separator of the words in the value of an option that takes several: Typer does not support this for repeatable
ones."""


def cluster_names(_: Environment, __: Mapping[str, Any]) -> Iterable[str]:
    """The names of public clusters and of the local one."""
    return ("localhost", "devnet", "testnet", "mainnet-beta")


def run_ids(environment: Environment, given: Mapping[str, Any]) -> Iterable[str]:
    """The ids of the runs in the journal."""
    from psyche_cli.operations.journal import known_run_ids

    return known_run_ids(given.get("state_dir") or environment.state_folder)


def wallet_option(purpose: str) -> Option:
    """The option for the wallet; ``purpose`` is the clause in its help that says what the keypair file is for."""
    return option(
        "--wallet-private-key-path",
        "-w",
        "--keypair",
        "-k",
        metavar="FILE",
        help=f"Solana keypair file {purpose}. stdin: reads the keypair from stdin, prompt: asks for a seed phrase. "
        "Defaults to that of the Solana CLI's configuration if there is one, else to ~/.config/solana/id.json. "
        "The variable RAW_WALLET_PRIVATE_KEY (JSON array or base58) can contain the keypair itself; if this option is "
        "also given, both must be the same key.",
    )


Rpc = Annotated[
    list[str] | None,
    option(
        "--rpc",
        "--url",
        "-u",
        metavar="URL",
        values=cluster_names,
        help="RPC URL of the cluster, or localhost, devnet, testnet or mainnet-beta. Given several times, the next one "
        "is used when one fails or lags. Defaults to that of the Solana CLI's configuration if there is one, else to "
        f"{LOCAL_RPC_URL}.",
    ),
]
LocalRpc = Annotated[
    str,
    option(
        "--rpc",
        "--url",
        "-u",
        metavar="URL",
        values=cluster_names,
        help=f"RPC URL of the cluster, or localhost, devnet, testnet or mainnet-beta. Defaults to {LOCAL_RPC_URL}.",
    ),
]
WalletPath = Annotated[Path | None, wallet_option("that signs and pays")]
WalletAddress = Annotated[Path | None, wallet_option("whose public key is used")]
"""The wallet of a verb that does not sign."""
StateDir = Annotated[
    Path | None,
    option(
        "--state-dir",
        metavar="DIR",
        help="Folder of the journal of sent transactions. Defaults to psyche-cli in the user's state folder.",
    ),
]
NoSync = Annotated[
    bool, option("--no-sync", help="Use only what was read before: make no requests except for the cluster's identity.")
]
AlarmStateDir = Annotated[
    Path | None,
    option(
        "--state-dir",
        metavar="DIR",
        help="Folder of the alarms. Defaults to psyche-cli in the user's state folder.",
    ),
]
HistoryStateDir = Annotated[
    Path | None,
    option(
        "--state-dir",
        metavar="DIR",
        help="Folder of the histories. Defaults to psyche-cli in the user's state folder.",
    ),
]
FollowTimeout = Annotated[
    str | None,
    option(
        "--timeout",
        metavar="DURATION",
        help="Stop after this time: seconds, or a duration such as 90s, 10m or 2h. Unlimited by default.",
    ),
]
TransactionSignature = Annotated[str, Argument(metavar="SIGNATURE", help="Signature of the transaction, in base58.")]
OutputFile = Annotated[
    Path | None,
    option(
        "--output-file",
        "-o",
        metavar="FILE",
        help="Write to this new file instead of stdout. An existing file is never overwritten.",
    ),
]
SignatureElsewhere = Annotated[
    list[str] | None,
    option(
        "--signer",
        metavar="PUBKEY=SIGNATURE",
        help="Signature of this transaction that was made elsewhere. Repeatable.",
    ),
]
Yes = Annotated[bool, option("--yes", "-y", help="Confirm without being asked.")]
Authorizer = Annotated[
    str | None,
    option("--authorizer", metavar="PUBKEY", help="Public key that was allowed to join, itself or through delegates."),
]
Permissionless = Annotated[bool, option("--permissionless", help="The authorization for everyone.")]
RunId = Annotated[str, option("--run-id", "-r", metavar="RUN_ID", help="Run id, 1 to 32 bytes.", values=run_ids)]
OptionalRunId = Annotated[
    str | None, option("--run-id", "-r", metavar="RUN_ID", help="Run id, 1 to 32 bytes.", values=run_ids)
]
RunIds = Annotated[
    list[str] | None,
    option("--run-id", "-r", metavar="RUN_ID", help="Run id, 1 to 32 bytes. Repeatable.", values=run_ids),
]
AllRuns = Annotated[bool, option("--all", help="All runs on the cluster.")]
ReadInterval = Annotated[
    str,
    option("--interval", metavar="DURATION", help="How often the runs are read: seconds, or such as 30s, 5m or 1h."),
]
Incarnation = Annotated[
    int | None,
    option(
        "--incarnation",
        metavar="N",
        help="The incarnation of the run, from 1, if its id was closed and created again. Defaults to the latest.",
        min=1,
    ),
]
TrainSeconds = Annotated[
    int | None,
    option(
        "--train-seconds",
        metavar="N",
        help="Seconds after which members report a round. Defaults to max_round_train_time, the slowest pace.",
        min=1,
        max=U32_MAX,
    ),
]
TreasurerIndex = Annotated[
    int | None,
    option(
        "--treasurer-index",
        metavar="N",
        help="Index of the run's treasurer, if the run was created with a custom one. Derived from the run id by "
        "default.",
        min=0,
        max=U64_MAX,
    ),
]


def output_options(
    *,
    output: Annotated[
        OutputFormat,
        option(
            "--output",
            help="Format of stdout: human-readable text, a JSON document, or a JSON document on one line.",
            case_sensitive=False,
        ),
    ] = "human",
    quiet: Annotated[
        bool,
        option(
            "--quiet",
            "-q",
            help="Suppress progress and next steps on stderr. Warnings and errors are still shown.",
        ),
    ] = False,
    verbose: Annotated[
        bool,
        option(
            "--verbose",
            "-v",
            help="Log each RPC request and its duration to stderr.",
        ),
    ] = False,
) -> None:
    """The options of ``psyche-cli`` and of every verb. They take effect while they are parsed, so the last one wins."""
    del output, quiet, verbose
