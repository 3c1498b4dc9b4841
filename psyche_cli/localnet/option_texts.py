"""From the texts of ``psyche-cli localnet``'s options to what they mean."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from solders.pubkey import Pubkey

from psyche_cli.amounts import SOL_DECIMALS, parse_amount
from psyche_cli.errors import UsageError
from psyche_cli.localnet.genesis import psyche_programs
from psyche_cli.localnet.known_addresses import PSYCHE_PROGRAMS
from psyche_cli.protocol.addresses import parse_pubkey


def program_files(replacements: Iterable[tuple[str, Path]]) -> dict[Pubkey, Path]:
    """The stand-ins, with those replaced and others added that ``--bpf-program`` names by address or by name.

    Raises UsageError.
    """
    files = psyche_programs()
    for name, path in replacements:
        files[PSYCHE_PROGRAMS.get(name) or parse_pubkey(name, "--bpf-program")] = path
    return files


def airdrop_balances(texts: Iterable[str]) -> dict[Pubkey, int]:
    """Lamports by address from texts like ``PUBKEY=1.5``; amounts for the same address add up. Raises UsageError."""
    balances: dict[Pubkey, int] = {}
    for text in texts:
        address_text, separator, amount = text.partition("=")
        if not separator:
            raise UsageError(
                f"The airdrop {text!r} has no amount.", hint="Give PUBKEY=SOL, such as --airdrop PUBKEY=10."
            )
        address = parse_pubkey(address_text, "--airdrop")
        balances[address] = balances.get(address, 0) + parse_amount(amount, SOL_DECIMALS, "--airdrop")
    return balances
