"""Instructions of classic SPL Token and its associated token accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psyche_cli.limits import MINT_BYTES
from psyche_cli.solana.programs import TOKEN_PROGRAM

if TYPE_CHECKING:
    from solders.instruction import Instruction
    from solders.pubkey import Pubkey


class TokenInstructions:
    """Mints and token accounts. They need neither the programs' ids nor AnchorPy."""

    def create_associated_token_account(self, *, payer: Pubkey, owner: Pubkey, mint: Pubkey) -> Instruction:
        """Create the owner's token account for a mint unless it exists."""
        from spl.token.instructions import create_idempotent_associated_token_account

        return create_idempotent_associated_token_account(payer, owner, mint)

    def create_mint(
        self, *, payer: Pubkey, mint: Pubkey, lamports: int, decimals: int, authority: Pubkey
    ) -> tuple[Instruction, Instruction]:
        """Create a mint (82 bytes, ``lamports`` of rent) whose ``authority`` may mint; nobody may freeze."""
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
        """Move ``amount`` base units between token accounts; the program checks mint and decimals."""
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
