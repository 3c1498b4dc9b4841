"""A run with a treasurer on a local validator, driven by real transactions: top-ups and claims besides the training."""

from __future__ import annotations

from solders.pubkey import Pubkey

from tests.support.run_driver import RunDriver

DECIMALS = 6
_OWNER_TOKENS = 10**9


class TreasuryDriver(RunDriver):
    """A RunDriver whose run may have a treasurer, through which the owner then changes the run.

    ``mint`` is the mint of its collateral; None for a run without treasurer.
    """

    mint: Pubkey | None = None

    @property
    def vault(self) -> Pubkey:
        """The token account from which the members are paid."""
        assert self.treasury is not None
        return self.treasury.vault

    def create_with_treasurer(self) -> None:
        """Create a mint and a run that pays in it, configured like a run without treasurer. The vault is empty."""
        self.mint = self.new_mint(DECIMALS, _OWNER_TOKENS)
        self.create(mint=self.mint)

    def top_up(self, *amounts: int, decimals: int = DECIMALS) -> None:
        """Transfer base units from the owner to the vault, in one transaction."""
        super().top_up(*amounts, decimals=decimals)

    def mint_into_vault(self, amount: int) -> None:
        """Mint base units into the vault, which changes it without a transfer."""
        assert self.mint is not None
        mint = self.build.mint_tokens(
            authority=self.owner.address, mint=self.mint, destination=self.vault, amount=amount, decimals=DECIMALS
        )
        self.send(self.owner, mint)

    def claim(self, member: int, points: int) -> None:
        """Let a member claim points, and create its accounts for that if they do not exist."""
        assert self.treasury is not None
        wallet = self.members[member]
        exists = self.rpc.account(self.treasury.participant(wallet.address)) is not None
        self.send(wallet, *self.treasury.claim(self.build, wallet.address, points, has_participant=exists))
