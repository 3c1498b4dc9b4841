"""Parsing of the ``psyche-cli localnet`` options that define the genesis state."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.amounts import LAMPORTS_PER_SOL, SOL_DECIMALS, parse_amount
from psyche_cli.environment import Environment
from psyche_cli.errors import InvalidAmount, UsageError
from psyche_cli.limits import U64_MAX
from psyche_cli.localnet.chain.genesis import Genesis, psyche_programs
from psyche_cli.localnet.chain.known_addresses import PSYCHE_PROGRAMS
from psyche_cli.protocol.addresses import parse_pubkey

MINT_LAMPORTS: Final = 500_000_000 * LAMPORTS_PER_SOL
"""Initial balance of the --mint address; the same as in solana-test-validator."""

NO_AUTHORITY: Final = "none"
"""The authority in --upgradeable-program of a program that nobody can upgrade."""

MAX_SLOT_SECONDS: Final = 3600.0


@dataclass(frozen=True)
class GenesisOptions:
    """The unparsed options that define the genesis state of a chain.

    Each of ``upgradeable_programs`` is an address, a file and an authority.
    """

    programs: Sequence[tuple[str, Path]] = ()
    upgradeable_programs: Sequence[Sequence[str]] = ()
    airdrops: Sequence[str] = ()
    mint: str | None = None
    faucet_sol: str = "1000000"
    accounts: Sequence[tuple[str, Path]] = ()
    account_directories: Sequence[Path] = ()
    clones: Sequence[str] = ()
    cloned_programs: Sequence[str] = ()
    url: str = ""


def read_genesis(environment: Environment, texts: GenesisOptions) -> Genesis:
    """Parse the options, and fetch the accounts and programs to clone.

    Raises UsageError and LocalnetError, and for clones AccountNotFound and NetworkError.
    """
    balances = airdrop_balances(texts.airdrops)
    if texts.mint is not None:
        mint = parse_pubkey(texts.mint, "--mint")
        balances[mint] = balances.get(mint, 0) + MINT_LAMPORTS
    for address, lamports in balances.items():
        if lamports > U64_MAX:
            raise InvalidAmount(
                f"The total for {address}, {lamports} lamports, exceeds the maximum balance of an account."
            )
    faucet_lamports = parse_amount(texts.faucet_sol, SOL_DECIMALS, "--faucet-sol", allow_zero=True)
    programs = program_files(texts.programs)
    authorities = {}
    given = {_program_address(name, "--bpf-program") for name, _ in texts.programs}
    for name, file, authority in texts.upgradeable_programs:
        address = _program_address(name, "--upgradeable-program")
        if address in given:
            raise UsageError(
                f"The program {address} was given twice.",
                hint="Use either --bpf-program or --upgradeable-program, once per program.",
            )
        given.add(address)
        programs[address] = Path(file)
        if authority != NO_AUTHORITY:
            authorities[address] = _authority(environment, authority)
    accounts, code = dict[Pubkey, Account](), dict[Pubkey, bytes]()
    if texts.accounts or texts.account_directories or texts.clones or texts.cloned_programs:
        from psyche_cli.operations.localnet.account_sources import (
            accounts_from_directories,
            accounts_from_files,
            cloned_accounts,
            cloned_programs,
        )
        from psyche_cli.operations.sessions import reading_session

        if texts.clones or texts.cloned_programs:
            addresses = [parse_pubkey(text, "--clone") for text in texts.clones]
            program_ids = [parse_pubkey(text, "--clone-upgradeable-program") for text in texts.cloned_programs]
            with reading_session(environment, rpc=texts.url) as session:
                accounts.update(cloned_accounts(session.rpc, addresses))
                clones = cloned_programs(session.rpc, program_ids)
            code = {address: clone.code for address, clone in clones.items()}
            authorities |= {address: clone.authority for address, clone in clones.items() if clone.authority}
        accounts.update(accounts_from_directories(texts.account_directories))
        accounts.update(accounts_from_files(texts.accounts))
    return Genesis(
        programs=programs,
        code=code,
        authorities=authorities,
        accounts=accounts,
        balances=balances,
        faucet_lamports=faucet_lamports,
    )


def program_files(replacements: Iterable[tuple[str, Path]]) -> dict[Pubkey, Path]:
    """Program files by address: the stand-ins, with the replacements and additions of ``--bpf-program``.

    Raises UsageError.
    """
    files = psyche_programs()
    for name, path in replacements:
        files[_program_address(name, "--bpf-program")] = path
    return files


def _program_address(name: str, option: str) -> Pubkey:
    return PSYCHE_PROGRAMS.get(name) or parse_pubkey(name, option)


def _authority(environment: Environment, text: str) -> Pubkey:
    """The upgrade authority: a public key, or the one of a keypair file."""
    from psyche_cli.operations.recipients import read_recipient

    return read_recipient(text, "The upgrade authority", environment.redactor)


def airdrop_balances(texts: Iterable[str]) -> dict[Pubkey, int]:
    """Parse texts such as ``PUBKEY=1.5`` into lamports by address, summed per address. Raises UsageError."""
    balances: dict[Pubkey, int] = {}
    for text in texts:
        address_text, separator, amount = text.partition("=")
        if not separator:
            raise UsageError(
                f"The airdrop {text!r} has no amount.", hint="Use the form PUBKEY=SOL, for example --airdrop PUBKEY=10."
            )
        address = parse_pubkey(address_text, "--airdrop")
        balances[address] = balances.get(address, 0) + parse_amount(amount, SOL_DECIMALS, "--airdrop")
    return balances


def check_slot_time(seconds: float) -> float:
    """Validate a slot duration in seconds and return it. Raises UsageError."""
    if seconds == 0 or (math.isfinite(seconds) and 0.001 <= seconds <= MAX_SLOT_SECONDS):
        return seconds
    raise UsageError(
        f"Invalid slot time of {seconds:g} seconds.",
        hint=f"Use 0.001 to {MAX_SLOT_SECONDS:.0f}, or 0 for slots that end only by warping and after transactions.",
    )
