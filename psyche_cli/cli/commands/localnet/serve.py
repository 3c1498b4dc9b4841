"""``psyche-cli localnet``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from psyche_cli.cli.options import BETWEEN_WORDS, cluster_names, option
from psyche_cli.cli.sessions import Call, plain
from psyche_cli.errors import UsageError
from psyche_cli.limits import LOCAL_RPC_PORT, U16_MAX
from psyche_cli.private_keys import refuse_key_as_path


def _pairs(name: str, values: list[str] | None) -> list[tuple[str, Path]]:
    return [(address, Path(file)) for address, file in _words(name, values, "two values: an address and a file")]


def _words(name: str, values: list[str] | None, what: str) -> list[list[str]]:
    """The words of each use of an option."""
    found = [value.split(BETWEEN_WORDS) for value in values or ()]
    if any(len(words) < _WORD_COUNTS[name] for words in found):
        raise UsageError(f"{name} requires {what}.", hint="See: psyche-cli localnet --help")
    return found


_WORD_COUNTS: Final = {"--bpf-program": 2, "--account": 2, "--upgradeable-program": 3}


@plain(example="psyche-cli localnet --airdrop PUBKEY=100", word_counts=_WORD_COUNTS)
def command(
    call: Call,
    *,
    rpc_port: Annotated[
        int,
        option(
            "--rpc-port",
            metavar="PORT",
            help="JSON-RPC port; PubSub uses the next one. 0 selects two free ports.",
            max=U16_MAX - 1,
        ),
    ] = LOCAL_RPC_PORT,
    bpf_program: Annotated[
        list[str] | None,
        option(
            "--bpf-program",
            metavar="ADDRESS|NAME FILE.so",
            help="Load a program that nobody can upgrade. NAME (coordinator, authorizer or treasurer) replaces that "
            "stand-in. Repeatable.",
        ),
    ] = None,
    upgradeable_program: Annotated[
        list[str] | None,
        option(
            "--upgradeable-program",
            metavar="ADDRESS|NAME FILE.so PUBKEY|FILE|none",
            help="Load a program that its authority, a public key or a keypair file, can upgrade. Repeatable.",
        ),
    ] = None,
    airdrop: Annotated[
        list[str] | None,
        option("--airdrop", metavar="PUBKEY=SOL", help="Fund an address at startup. Repeatable."),
    ] = None,
    mint: Annotated[
        str | None, option("--mint", metavar="PUBKEY", help="Address that receives 500,000,000 SOL at startup.")
    ] = None,
    faucet_sol: Annotated[
        str, option("--faucet-sol", metavar="SOL", help="Initial balance of the faucet.")
    ] = "1000000",
    account: Annotated[
        list[str] | None,
        option(
            "--account",
            metavar="ADDRESS FILE.json",
            help="Load an account from a file written by `solana account --output json`. Use - as ADDRESS to take it "
            "from the file. Repeatable.",
        ),
    ] = None,
    account_dir: Annotated[
        list[Path] | None,
        option(
            "--account-dir",
            metavar="DIR",
            help="Load all accounts in the JSON files of a directory, as --account - does. Repeatable.",
        ),
    ] = None,
    clone: Annotated[
        list[str] | None,
        option("--clone", "-c", metavar="ADDRESS", help="Copy an account from the cluster at --url. Repeatable."),
    ] = None,
    clone_upgradeable_program: Annotated[
        list[str] | None,
        option(
            "--clone-upgradeable-program",
            metavar="ADDRESS",
            help="Copy a program from the cluster at --url, replacing any stand-in with the same id. Repeatable.",
        ),
    ] = None,
    url: Annotated[
        str,
        option(
            "--url",
            "-u",
            metavar="URL",
            help="Cluster to clone from: a URL, devnet, testnet or mainnet-beta.",
            values=cluster_names,
        ),
    ] = "mainnet-beta",
    ledger: Annotated[
        Path | None,
        option(
            "--ledger",
            "-l",
            metavar="DIR",
            help="Store the chain in this directory and continue from it on the next start.",
        ),
    ] = None,
    reset: Annotated[bool, option("--reset", "-r", help="Discard the existing chain in --ledger.")] = False,
    limit_ledger_size: Annotated[
        int,
        option(
            "--limit-ledger-size",
            metavar="TRANSACTIONS",
            help="Number of transactions to keep with their blocks; older ones are removed.",
            min=1,
            max=10**9,
        ),
    ] = 20_000,
    slot_time: Annotated[
        float,
        option(
            "--slot-time",
            metavar="SECONDS",
            help="Slot duration; with 0, slots end only by warping and after transactions.",
        ),
    ] = 0.4,
    clock: Annotated[
        str,
        option(
            "--clock",
            metavar="now|fixed:UNIX|scale:N",
            help="Cluster clock: the system clock, a fixed time, or the system clock sped up.",
        ),
    ] = "now",
    warp_slot: Annotated[
        int, option("--warp-slot", "-w", metavar="SLOT", help="First slot of the chain.", min=1, max=10**15)
    ] = 1,
    ready_file: Annotated[
        Path | None,
        option(
            "--ready-file",
            metavar="FILE",
            help="File to create once the validator is ready, with its URLs as JSON. Removed on exit.",
        ),
    ] = None,
    log: Annotated[bool, option("--log", help="Also print all requests and program logs to stderr.")] = False,
) -> None:
    """Run a local validator or control a running one.

    Serves Solana's JSON-RPC and PubSub on 127.0.0.1, with the Psyche programs loaded, until Ctrl-C. Prints one line per
    transaction to stderr unless --quiet is given; --verbose is the same as --log.
    """
    from psyche_cli.cli.render import one_line_json, print_line
    from psyche_cli.localnet.chain.timekeeping import ClockMode
    from psyche_cli.localnet.local_validator import LocalnetOptions
    from psyche_cli.operations.localnet.genesis_options import GenesisOptions, check_slot_time, read_genesis
    from psyche_cli.operations.localnet.serve import run_in_foreground

    if reset and ledger is None:
        raise UsageError("--reset requires --ledger.", hint="Add --ledger DIR.")
    for path, what in ((ledger, "the ledger directory"), (ready_file, "the ready file")):
        if path is not None:
            refuse_key_as_path(what, path)
    texts = GenesisOptions(
        programs=_pairs("--bpf-program", bpf_program),
        upgradeable_programs=_words(
            "--upgradeable-program", upgradeable_program, "three values: an address, a file and an authority"
        ),
        airdrops=airdrop or [],
        mint=mint,
        faucet_sol=faucet_sol,
        accounts=_pairs("--account", account),
        account_directories=account_dir or [],
        clones=clone or [],
        cloned_programs=clone_upgradeable_program or [],
        url=url,
    )
    options = LocalnetOptions(
        genesis=read_genesis(call.environment, texts),
        rpc_port=rpc_port,
        slot_seconds=check_slot_time(slot_time),
        clock_mode=ClockMode.parse(clock),
        clock=call.environment.clock,
        first_slot=warp_slot,
        history_capacity=limit_ledger_size,
        log_requests=log or call.environment.output.verbose,
        ledger=ledger,
        reset=reset,
    )
    output = call.environment.output
    run_in_foreground(
        call.environment,
        options,
        announce=lambda ready: print_line(
            call.environment, one_line_json("localnet", ready) if output.as_json else ready.summary
        ),
        as_document=lambda ready: one_line_json("localnet", ready),
        quiet=output.quiet and not log,
        ready_file=ready_file,
    )
