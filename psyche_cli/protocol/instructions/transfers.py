"""The payments that instructions state, as far as the message alone shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.protocol.instructions.descriptions import InstructionDescription
from psyche_cli.solana.known_instructions import TokenQuantity


class StatedTransfer(NamedTuple):
    """A payment of ``lamports``, or of ``base_units`` of tokens.

    ``source`` is None for tokens that are minted and ``destination`` for tokens that are burned; both are also None if
    the address is in a lookup table that was not read. ``mint`` and ``decimals`` are None unless the instruction states
    them.
    """

    source: Pubkey | None
    destination: Pubkey | None
    lamports: int | None = None
    base_units: int | None = None
    decimals: int | None = None
    mint: Pubkey | None = None


_LAMPORTS: Final = {
    "create_account": ("source", "new_account"),
    "create_account_with_seed": ("source", "new_account"),
    "transfer": ("source", "destination"),
    "transfer_with_seed": ("source", "destination"),
    "withdraw_from_nonce": ("nonce_account", "destination"),
}
"""Instructions of the system program that move lamports, with the roles of the accounts."""
_TOKENS: Final = {
    "transfer": ("source", "destination"),
    "mint_to": ("", "account"),
    "burn": ("account", ""),
}
"""Instructions of the token programs that move tokens; each also has a ``_checked`` variant."""


def stated_transfers(instructions: Sequence[InstructionDescription]) -> list[StatedTransfer]:
    """The payments that these instructions state, in order."""
    return [transfer for instruction in instructions for transfer in _stated(instruction)]


def _stated(one: InstructionDescription) -> Iterator[StatedTransfer]:
    if one.problem or one.name is None:
        return
    given, name = one.arguments, one.name.removesuffix("_checked")
    if one.program_name == "system" and name in _LAMPORTS:
        source, destination = _LAMPORTS[name]
        yield StatedTransfer(one.account(source), one.account(destination), lamports=given["lamports"])
    elif one.program_name in ("spl-token", "spl-token-2022") and name in _TOKENS:
        source, destination = _TOKENS[name]
        quantity: TokenQuantity | None = given.get("token_amount")
        yield StatedTransfer(
            one.account(source),
            one.account(destination),
            base_units=int(given["amount"]) if quantity is None else quantity.base_units,
            decimals=None if quantity is None else quantity.decimals,
            mint=one.account("mint"),
        )
    elif (one.program_name, name) == ("treasurer", "participant_claim"):
        points = given["claim_earned_points"]
        yield StatedTransfer(one.account("run_collateral"), one.account("user_collateral"), base_units=points)
