"""Instructions of classic SPL Token and of the associated token account program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psyche_cli.limits import MINT_BYTES
from psyche_cli.solana.programs import TOKEN_PROGRAM

if TYPE_CHECKING:
    from solders.instruction import Instruction
    from solders.pubkey import Pubkey


class TokenInstructions:
    """Instructions for mints and token accounts, independent of the programs' ids and of AnchorPy."""

    def create_associated_token_account(self, *, payer: Pubkey, owner: Pubkey, mint: Pubkey) -> Instruction:
        """Create the owner's associated token account for a mint, if it does not exist."""
        from spl.token.instructions import create_idempotent_associated_token_account

        return create_idempotent_associated_token_account(payer, owner, mint)

    def create_mint(
        self, *, payer: Pubkey, mint: Pubkey, lamports: int, decimals: int, authority: Pubkey
    ) -> tuple[Instruction, Instruction]:
        """Create a mint (82 bytes, ``lamports`` of rent) with the given mint ``authority`` and no freeze authority."""
        from solders.system_program import CreateAccountParams, create_account
        from spl.token.instructions import InitializeMintParams, initialize_mint

        account = CreateAccountParams(
            from_pubkey=payer, to_pubkey=mint, lamports=lamports, space=MINT_BYTES, owner=TOKEN_PROGRAM
        )
        content = InitializeMintParams(decimals=decimals, program_id=TOKEN_PROGRAM, mint=mint, mint_authority=authority)
        return create_account(account), initialize_mint(content)

    def mint_tokens(
        self, *, authority: Pubkey, mint: Pubkey, destination: Pubkey, amount: int, decimals: int
    ) -> Instruction:
        """Mint ``amount`` base units into a token account; the program checks the decimals."""
        from spl.token.instructions import MintToCheckedParams, mint_to_checked

        return mint_to_checked(
            MintToCheckedParams(
                program_id=TOKEN_PROGRAM,
                mint=mint,
                dest=destination,
                mint_authority=authority,
                amount=amount,
                decimals=decimals,
            )
        )

    def transfer_tokens(
        self, *, owner: Pubkey, source: Pubkey, mint: Pubkey, destination: Pubkey, amount: int, decimals: int
    ) -> Instruction:
        """Transfer ``amount`` base units between token accounts; the program checks mint and decimals."""
        from spl.token.instructions import TransferCheckedParams, transfer_checked

        return transfer_checked(
            TransferCheckedParams(
                program_id=TOKEN_PROGRAM,
                source=source,
                mint=mint,
                dest=destination,
                owner=owner,
                amount=amount,
                decimals=decimals,
            )
        )
