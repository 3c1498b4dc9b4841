"""An SPL mint with a holder, made by spl-token's own instruction builders."""

from __future__ import annotations

from dataclasses import dataclass

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import CreateAccountParams, create_account
from spl.token.constants import MINT_LEN, TOKEN_PROGRAM_ID
from spl.token.instructions import (
    InitializeMintParams,
    MintToParams,
    create_associated_token_account,
    get_associated_token_address,
    initialize_mint,
    mint_to,
)


@dataclass(frozen=True)
class NewMint:
    """Instructions that create a mint and mint some of it, and the accounts that result."""

    mint: Keypair
    holder: Pubkey
    instructions: list[Instruction]

    @property
    def address(self) -> Pubkey:
        """The mint."""
        return self.mint.pubkey()


def new_mint(owner: Pubkey, *, rent: int, decimals: int, base_units: int) -> NewMint:
    """Plan a mint whose ``owner`` pays, may mint, and holds ``base_units`` in the associated token account."""
    mint = Keypair()
    holder = get_associated_token_address(owner, mint.pubkey())
    create = CreateAccountParams(
        from_pubkey=owner, to_pubkey=mint.pubkey(), lamports=rent, space=MINT_LEN, owner=TOKEN_PROGRAM_ID
    )
    instructions = [
        create_account(create),
        initialize_mint(
            InitializeMintParams(
                decimals=decimals, program_id=TOKEN_PROGRAM_ID, mint=mint.pubkey(), mint_authority=owner
            )
        ),
        create_associated_token_account(owner, owner, mint.pubkey()),
        mint_to(
            MintToParams(
                program_id=TOKEN_PROGRAM_ID, mint=mint.pubkey(), dest=holder, mint_authority=owner, amount=base_units
            )
        ),
    ]
    return NewMint(mint, holder, instructions)
