"""Options shared by several commands, and the environment variables that set options.

The names of both match the published Psyche client. An option on the command line takes precedence over its variable.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from psyche_cli.limits import LOCAL_RPC_URL, U64_MAX

VARIABLES: Final = {
    "--rpc": "RPC",
    "--wallet-private-key-path": "WALLET_PRIVATE_KEY_PATH",
    "--run-id": "RUN_ID",
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
}
"""Option to the environment variable that supplies its value if the option is not given.

A verb may declare an option of the same name without the variable; ``variable_of`` says which it is.
"""


COMPLETION_VARIABLE: Final = "_PSYCHE_CLI_COMPLETE"
"""Set by a shell completion script that requests the completions of the last word."""

EXPECTED_VARIABLES: Final = frozenset({"--rpc", "--wallet-private-key-path", "--run-id"})
"""Options that users set deliberately in the environment. The names of the other variables are so generic that they may
be set for another program, so their use is reported."""


def option(*names: str, help: str, variable: bool = True, **settings: Any) -> Any:
    """A Typer option whose help names its environment variable, if it has one.

    With ``variable`` False it has none, whatever its name: the published client reads none for this verb.
    ``settings`` are passed to ``typer.Option``. An option with a variable must state its default in ``help``: Typer
    would show the variable's value instead, which may be an RPC URL that contains an API key.
    """
    found = next((VARIABLES[name] for name in names if variable and name in VARIABLES), None)
    if found:
        settings["show_default"] = False
    return typer.Option(*names, help=f"{help} {_variable_note(found)}" if found else help, **settings)


def variable_of(parameter: Any) -> str | None:
    """The environment variable of a parsed option, which its help names."""
    found = next((VARIABLES[flag] for flag in parameter.opts if flag in VARIABLES), None)
    return found if found and _variable_note(found) in (parameter.help or "") else None


def _variable_note(variable: str) -> str:
    return f"[env: {variable}]"


def came_from_variable(ctx: typer.Context, parameter: str | None) -> bool:
    """Whether an environment variable set the parameter, through click's default map."""
    return _source(ctx, parameter) == "DEFAULT_MAP"


def came_from_command_line(ctx: typer.Context, parameter: str | None) -> bool:
    """Whether the parameter was given on the command line."""
    return _source(ctx, parameter) == "COMMANDLINE"


def _source(ctx: typer.Context, parameter: str | None) -> str:
    source = ctx.get_parameter_source(parameter or "")
    return source.name if source else ""


BETWEEN_PAIRED_WORDS: Final = "\0"
"""Separator of the two words of a paired option's value: Typer does not support repeatable options with two values."""


Rpc = Annotated[
    str,
    option(
        "--rpc",
        metavar="URL",
        help=f"RPC URL of the cluster, or localhost, devnet, testnet or mainnet-beta. Defaults to {LOCAL_RPC_URL}.",
    ),
]
WsRpc = Annotated[
    str | None,
    typer.Option("--ws-rpc", hidden=True, help="Accepted for compatibility with the published client; has no effect."),
]
WalletPath = Annotated[
    Path | None,
    option(
        "--wallet-private-key-path",
        "-w",
        metavar="FILE",
        help="Solana keypair file that signs and pays. Defaults to ~/.config/solana/id.json. The variable "
        "RAW_WALLET_PRIVATE_KEY (JSON array or base58) takes precedence.",
    ),
]
OutputFile = Annotated[
    Path | None,
    typer.Option(
        "--output-file",
        "-o",
        metavar="FILE",
        help="Write to this new file instead of stdout. An existing file is never overwritten.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Confirm without being asked.")]
Authorizer = Annotated[
    str | None,
    option("--authorizer", metavar="PUBKEY", help="Public key that was allowed to join, itself or through delegates."),
]
Permissionless = Annotated[bool, option("--permissionless", help="The authorization for everyone.")]
RunId = Annotated[str, option("--run-id", "-r", metavar="RUN_ID", help="Run id, 1 to 32 bytes.")]
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


def _set_format(ctx: typer.Context, value: str) -> str:
    if came_from_command_line(ctx, "output"):
        ctx.obj.output.as_json = value == "json"
    return value


def _set_flag(ctx: typer.Context, param: typer.CallbackParam, value: bool) -> bool:
    if value:
        setattr(ctx.obj.output, str(param.name), True)
    return value


def output_options(
    *,
    output: Annotated[
        Literal["human", "json"],
        typer.Option(
            "--output",
            help="Format of stdout: human-readable text or a single JSON document.",
            case_sensitive=False,
            callback=_set_format,
            expose_value=False,
        ),
    ] = "human",
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            "-q",
            help="Suppress progress and next steps on stderr. Warnings and errors are still shown.",
            callback=_set_flag,
            expose_value=False,
        ),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            help="Log each RPC request and its duration to stderr.",
            callback=_set_flag,
            expose_value=False,
        ),
    ] = False,
) -> None:
    """The options of ``psyche-cli`` and of every verb. They take effect while they are parsed, so the last one wins."""
    del output, quiet, verbose
