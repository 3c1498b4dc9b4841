"""``psyche-cli localnet`` and the commands under it."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer
from typer.core import TyperGroup

from psyche_cli.commands.options import LOCAL_RPC, Rpc, option
from psyche_cli.errors import UsageError
from psyche_cli.results import OperationResult, PlainText

EXAMPLE = "psyche-cli localnet --airdrop PUBKEY=100"
_PAIR_OPTIONS: Final = ("--bpf-program",)
_BETWEEN: Final = "\0"


class PairOptionsGroup(TyperGroup):
    """A group some of whose repeatable options take two words, as solana-test-validator's do.

    Typer has no such options, so the two words are handed through it as one.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join the two words of each pair option, then parse as ever."""
        joined: list[str] = []
        rest = iter(args)
        for word in rest:
            name, equals, first = word.partition("=")
            if name not in _PAIR_OPTIONS:
                joined.append(word)
                continue
            words = [first] if equals else []
            words += itertools.islice(rest, 2 - len(words))
            joined += [name, _BETWEEN.join(words)]
        return super().parse_args(ctx, joined)


def _pairs(name: str, values: list[str] | None) -> list[tuple[str, Path]]:
    pairs = []
    for value in values or ():
        first, between, second = value.partition(_BETWEEN)
        if not between:
            raise UsageError(f"{name} needs two values, an address and a file.", hint="See: psyche-cli localnet --help")
        pairs.append((first, Path(second)))
    return pairs


app = typer.Typer(
    cls=PairOptionsGroup,
    invoke_without_command=True,
    rich_markup_mode=None,
    help="Run a local validator: Solana's JSON-RPC and PubSub on 127.0.0.1, with the Psyche programs loaded.",
    epilog=f"Example: {EXAMPLE}",
)

Output = Annotated[
    Literal["human", "json"],
    typer.Option("--output", help="What stdout holds: text for people, or one JSON document.", case_sensitive=False),
]


@app.callback()
def serve(
    ctx: typer.Context,
    *,
    rpc_port: Annotated[
        int, typer.Option("--rpc-port", help="Port of JSON-RPC; PubSub takes the next one. 0 takes any free pair.")
    ] = 8899,
    bpf_program: Annotated[
        list[str] | None,
        typer.Option(
            "--bpf-program",
            metavar="ADDRESS|NAME FILE.so",
            help="Load a program; NAME (coordinator, authorizer, treasurer) replaces that stand-in. Repeatable.",
        ),
    ] = None,
    airdrop: Annotated[
        list[str] | None,
        typer.Option("--airdrop", metavar="PUBKEY=SOL", help="Fund an address at the start. Repeatable."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no line per transaction on stderr.")] = False,
    output: Output = "human",
) -> None:
    """Serve until Ctrl-C."""
    if ctx.invoked_subcommand is not None:
        return
    from psyche_cli.localnet.foreground import run_in_foreground
    from psyche_cli.localnet.genesis import Genesis
    from psyche_cli.localnet.local_validator import LocalnetOptions
    from psyche_cli.localnet.option_texts import airdrop_balances, program_files

    genesis = Genesis(
        programs=program_files(_pairs("--bpf-program", bpf_program)), balances=airdrop_balances(airdrop or ())
    )
    options = LocalnetOptions(genesis=genesis, rpc_port=rpc_port)
    run_in_foreground(ctx.obj, options, as_json=output == "json", quiet=quiet)


@app.command("new-wallet", epilog="Example: psyche-cli localnet new-wallet owner.json --airdrop 100")
def new_wallet(
    ctx: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(help="The keypair file to create; it must not exist yet.")],
    airdrop: Annotated[
        str | None, typer.Option("--airdrop", metavar="SOL", help="Ask the cluster's faucet for this much.")
    ] = None,
    rpc: Rpc = LOCAL_RPC,
    output: Output = "human",
) -> PlainText:
    """Create a Solana keypair file that only you may read, and print its public key."""
    del output
    from psyche_cli.localnet.provisions import new_wallet

    return new_wallet(ctx.obj, file, rpc=rpc, airdrop=airdrop)


@app.command("new-mint", epilog="Example: psyche-cli localnet new-mint -w owner.json --decimals 6 --amount 1000000")
def new_mint(
    ctx: typer.Context,
    *,
    decimals: Annotated[int, typer.Option("--decimals", help="Decimal places of the token, 0 to 255.")] = 6,
    amount: Annotated[str, typer.Option("--amount", help="Whole tokens to mint to the wallet, exact decimals.")] = "0",
    wallet: Annotated[
        Path | None,
        option(
            "--wallet-private-key-path",
            "--wallet",
            "-w",
            help="Solana keypair file that pays, may mint, and receives the tokens.",
            show_default=False,
        ),
    ] = None,
    rpc: Rpc = LOCAL_RPC,
    output: Output = "human",
) -> OperationResult:
    """Create an SPL token, and mint some of it to the wallet: collateral to rehearse with."""
    del output
    from psyche_cli.localnet.provisions import new_mint
    from psyche_cli.session import signing_session

    with signing_session(ctx.obj, rpc=rpc, wallet_path=wallet) as session:
        return new_mint(session, decimals=decimals, amount=amount)
