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
_PAIR_OPTIONS: Final = ("--bpf-program", "--account")
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
    mint: Annotated[
        str | None, typer.Option("--mint", metavar="PUBKEY", help="An address that gets 500,000,000 SOL at the start.")
    ] = None,
    faucet_sol: Annotated[str, typer.Option("--faucet-sol", metavar="SOL", help="What the faucet holds.")] = "1000000",
    account: Annotated[
        list[str] | None,
        typer.Option(
            "--account",
            metavar="ADDRESS FILE.json",
            help="Load an account that `solana account --output json` wrote; ADDRESS - takes the file's. Repeatable.",
        ),
    ] = None,
    clone: Annotated[
        list[str] | None,
        typer.Option("--clone", "-c", metavar="ADDRESS", help="Copy an account from the cluster at --url. Repeatable."),
    ] = None,
    clone_upgradeable_program: Annotated[
        list[str] | None,
        typer.Option(
            "--clone-upgradeable-program",
            metavar="ADDRESS",
            help="Copy a program from the cluster at --url; it replaces a stand-in of the same id. Repeatable.",
        ),
    ] = None,
    url: Annotated[
        str, typer.Option("--url", "-u", metavar="URL", help="Where to clone from: a URL, devnet or mainnet-beta.")
    ] = "mainnet-beta",
    ledger: Annotated[
        Path | None,
        typer.Option("--ledger", "-l", metavar="DIR", help="Keep the chain in this folder and continue it next time."),
    ] = None,
    # Not named "reset": a parameter may not have the name of a subcommand.
    from_genesis: Annotated[bool, typer.Option("--reset", "-r", help="Throw away what --ledger holds.")] = False,
    slot_time: Annotated[
        float,
        typer.Option("--slot-time", metavar="SECONDS", help="Length of a slot; 0 lets slots pass only when warped."),
    ] = 0.4,
    clock: Annotated[
        str,
        typer.Option("--clock", metavar="now|fixed:UNIX|scale:N", help="The cluster's time: the machine's, or not."),
    ] = "now",
    warp_slot: Annotated[
        int, typer.Option("--warp-slot", "-w", metavar="SLOT", help="The first slot.", min=1, max=10**15)
    ] = 1,
    ready_file: Annotated[
        Path | None,
        typer.Option(
            "--ready-file",
            metavar="FILE",
            help="Let FILE exist while the validator answers: one JSON document with its URLs.",
        ),
    ] = None,
    log: Annotated[
        bool, typer.Option("--log", help="Print every request and what programs log on stderr, too.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no line per transaction on stderr.")] = False,
    output: Output = "human",
) -> None:
    """Serve until Ctrl-C."""
    if ctx.invoked_subcommand is not None:
        return
    from psyche_cli.localnet.foreground import run_in_foreground
    from psyche_cli.localnet.local_validator import LocalnetOptions
    from psyche_cli.localnet.option_texts import GenesisTexts, check_slot_time, read_genesis
    from psyche_cli.localnet.timekeeping import ClockMode

    if from_genesis and ledger is None:
        raise UsageError("--reset without --ledger has nothing to throw away.", hint="Give --ledger DIR, too.")
    texts = GenesisTexts(
        programs=_pairs("--bpf-program", bpf_program),
        airdrops=airdrop or [],
        mint=mint,
        faucet_sol=faucet_sol,
        accounts=_pairs("--account", account),
        clones=clone or [],
        cloned_programs=clone_upgradeable_program or [],
        url=url,
    )
    options = LocalnetOptions(
        genesis=read_genesis(ctx.obj, texts),
        rpc_port=rpc_port,
        slot_seconds=check_slot_time(slot_time),
        clock_mode=ClockMode.parse(clock),
        clock=ctx.obj.clock,
        first_slot=warp_slot,
        log_requests=log,
        ledger=ledger,
        reset=from_genesis,
    )
    run_in_foreground(ctx.obj, options, as_json=output == "json", quiet=quiet and not log, ready_file=ready_file)


@app.command("new-wallet", epilog="Example: psyche-cli localnet new-wallet owner.json --airdrop 100")
def new_wallet(
    ctx: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(help="The keypair file to create. It is never overwritten.")],
    airdrop: Annotated[
        str | None,
        typer.Option(
            "--airdrop",
            metavar="SOL",
            help="Let the wallet hold this much: the cluster's faucet gives what it lacks. FILE may exist then.",
        ),
    ] = None,
    rpc: Rpc = LOCAL_RPC,
    output: Output = "human",
) -> PlainText:
    """Create a Solana keypair file that only you may read, and print its public key."""
    del output
    from psyche_cli.localnet.provisions import new_wallet

    return new_wallet(ctx.obj, file, rpc=rpc, airdrop=airdrop)


@app.command("airdrop", epilog="Example: psyche-cli localnet airdrop owner.json 10")
def airdrop(
    ctx: typer.Context,
    *,
    recipient: Annotated[
        str, typer.Argument(metavar="PUBKEY|FILE", help="Who gets it: a public key, or a keypair file.")
    ],
    sol: Annotated[str, typer.Argument(metavar="SOL", help="How much, an exact decimal number.")],
    rpc: Rpc = LOCAL_RPC,
    output: Output = "human",
) -> OperationResult:
    """Ask the faucet of a local validator, devnet or testnet for SOL, and wait until it is there."""
    del output
    from psyche_cli.operations.localnet.airdrop import airdrop
    from psyche_cli.session import reading_session

    with reading_session(ctx.obj, rpc=rpc) as session:
        return airdrop(session, ctx.obj, recipient, sol)


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


@app.command("wait", epilog="Example: psyche-cli localnet wait --timeout 2m")
def wait(
    ctx: typer.Context,
    *,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="DURATION", help="How long at most: seconds, or such as 90s, 2m.")
    ] = "60",
    rpc: Rpc = LOCAL_RPC,
    output: Output = "human",
) -> OperationResult:
    """Wait until a local validator that was just started answers; exit code 10 when it does not in time."""
    del output
    from psyche_cli.operations.localnet.wait import wait_until_healthy
    from psyche_cli.session import reading_session

    with reading_session(ctx.obj, rpc=rpc) as session:
        return wait_until_healthy(session, ctx.obj.clock, timeout)


@app.command("warp", epilog="Example: psyche-cli localnet warp 1h30m")
def warp(
    ctx: typer.Context,
    *,
    duration: Annotated[
        str | None,
        typer.Argument(help="Time to let pass, and the slots in it: seconds, or such as 45s, 90m, 1h30m, 2d."),
    ] = None,
    slots: Annotated[
        int | None, typer.Option("--slots", help="Slots to let pass without time; 151 expire every blockhash.", min=0)
    ] = None,
    rpc: Rpc = LOCAL_RPC,
    output: Output = "human",
) -> OperationResult:
    """Let time pass at once on a running local validator."""
    del output
    from psyche_cli.localnet.remote_control import warp
    from psyche_cli.session import reading_session

    with reading_session(ctx.obj, rpc=rpc) as session:
        return warp(session, duration=duration, slots=slots)


@app.command("reset", epilog="Example: psyche-cli localnet reset")
def reset(ctx: typer.Context, *, rpc: Rpc = LOCAL_RPC, output: Output = "human") -> OperationResult:
    """Take a running local validator back to its genesis."""
    del output
    from psyche_cli.localnet.remote_control import reset
    from psyche_cli.session import reading_session

    with reading_session(ctx.obj, rpc=rpc) as session:
        return reset(session)


@app.command("snapshot", epilog="Example: psyche-cli localnet snapshot")
def snapshot(ctx: typer.Context, *, rpc: Rpc = LOCAL_RPC, output: Output = "human") -> OperationResult:
    """Remember the state of a running local validator, and print the number to restore it by."""
    del output
    from psyche_cli.localnet.remote_control import take_snapshot
    from psyche_cli.session import reading_session

    with reading_session(ctx.obj, rpc=rpc) as session:
        return take_snapshot(session)


@app.command("restore", epilog="Example: psyche-cli localnet restore 1")
def restore(
    ctx: typer.Context,
    *,
    number: Annotated[int, typer.Argument(help="The snapshot's number.", min=1)],
    rpc: Rpc = LOCAL_RPC,
    output: Output = "human",
) -> OperationResult:
    """Take a running local validator back to a snapshot."""
    del output
    from psyche_cli.localnet.remote_control import restore_snapshot
    from psyche_cli.session import reading_session

    with reading_session(ctx.obj, rpc=rpc) as session:
        return restore_snapshot(session, number)


@app.command("set-account", epilog="Example: psyche-cli localnet set-account ADDRESS account.json")
def set_account(
    ctx: typer.Context,
    *,
    address: Annotated[str, typer.Argument(help="The account's address.")],
    file: Annotated[Path, typer.Argument(help="A file that `solana account --output json` wrote.")],
    rpc: Rpc = LOCAL_RPC,
    output: Output = "human",
) -> OperationResult:
    """Write an account of a running local validator, past all rules."""
    del output
    from psyche_cli.localnet.remote_control import set_account
    from psyche_cli.session import reading_session

    with reading_session(ctx.obj, rpc=rpc) as session:
        return set_account(session, address, file)


@app.command("programs", epilog="Example: psyche-cli localnet programs --export programs")
def programs(
    ctx: typer.Context,
    *,
    export: Annotated[Path, typer.Option("--export", metavar="DIR", help="Folder to write the programs to.")],
    output: Output = "human",
) -> OperationResult:
    """Write the Psyche stand-ins as .so files, and print the flags with which solana-test-validator loads them."""
    del ctx, output
    from psyche_cli.localnet.program_export import export_programs

    return export_programs(export)
