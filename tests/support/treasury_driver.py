"""A run with a treasurer on a local validator, driven by real transactions: top-ups and claims besides the training."""

from __future__ import annotations

from typing import Any

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.limits import COORDINATOR_ACCOUNT_BYTES, MINT_BYTES
from psyche_cli.protocol.addresses import (
    associated_token_address,
    participant_address,
    treasurer_index,
    treasurer_run_address,
)
from psyche_cli.run_config.load import load_run_config
from psyche_cli.solana.wallet import Wallet
from tests.support.run_driver import CONFIG, MINIMAL, RunDriver

DECIMALS = 6
_OWNER_TOKENS = 10**9


class TreasuryDriver(RunDriver):
    """A RunDriver whose run may have a treasurer, through which the owner then changes the run.

    ``mint`` is the mint of its collateral; None for a run without treasurer.
    """

    mint: Pubkey | None = None

    @property
    def treasury(self) -> Pubkey:
        """The address of the treasurer's Run."""
        return treasurer_run_address(treasurer_index(self.run_id))

    @property
    def vault(self) -> Pubkey:
        """The token account from which the members are paid."""
        return self._tokens_of(self.treasury)

    def create_with_treasurer(self) -> None:
        """Create a mint and a run that pays in it, configured like a run without treasurer. The vault is empty."""
        mint, account, owner = Wallet.generate(), Wallet.generate(), self.owner.address
        rent = self.rpc.rent_exempt_minimum
        create = self._build.create_mint(
            payer=owner, mint=mint.address, lamports=rent(MINT_BYTES), decimals=DECIMALS, authority=owner
        )
        self._send(self.owner, *create, others=[mint])
        self.mint = mint.address
        self._send(
            self.owner,
            self._build.create_associated_token_account(payer=owner, owner=owner, mint=self.mint),
            self._mint_to(self._tokens_of(owner), _OWNER_TOKENS),
        )
        self._send(
            self.owner,
            self._build.create_coordinator_account(
                payer=owner, account=account.address, lamports=rent(COORDINATOR_ACCOUNT_BYTES)
            ),
            self._build.run_create(
                payer=owner,
                index=treasurer_index(self.run_id),
                collateral_mint=self.mint,
                run_id=self.run_id,
                account=account.address,
                main_authority=owner,
                join_authority=owner,
                client_version="latest",
            ),
            others=[account],
        )
        self.update(config=CONFIG, model=load_run_config(MINIMAL).model)
        self.permit_everyone()

    def change(self, name: str, **arguments: Any) -> Instruction:
        """The owner's instruction ``name`` of the coordinator, or the treasurer's that has the same effect."""
        if self.mint is None:
            return super().change(name, **arguments)
        if "new_version" in arguments:
            arguments["client_version"] = arguments.pop("new_version")
        return self._build.run_update(**self._owner_accounts(), run=self.treasury, **arguments)

    def top_up(self, *amounts: int) -> None:
        """Transfer base units from the owner to the vault, in one transaction."""
        assert self.mint is not None
        transfers = [
            self._build.transfer_tokens(
                owner=self.owner.address,
                source=self._tokens_of(self.owner.address),
                mint=self.mint,
                destination=self.vault,
                amount=amount,
                decimals=DECIMALS,
            )
            for amount in amounts
        ]
        self._send(self.owner, *transfers)

    def mint_into_vault(self, amount: int) -> None:
        """Mint base units into the vault, which changes it without a transfer."""
        self._send(self.owner, self._mint_to(self.vault, amount))

    def claim(self, member: int, points: int) -> None:
        """Let a member claim points, and create its accounts for that if they do not exist."""
        assert self.mint is not None
        wallet, run = self.members[member], self.treasury
        user = wallet.address
        instructions = [self._build.create_associated_token_account(payer=user, owner=user, mint=self.mint)]
        if self.rpc.account(participant_address(run, user)) is None:
            instructions.append(self._build.participant_create(payer=user, user=user, run=run))
        claim = self._build.participant_claim(
            user=user,
            user_collateral=self._tokens_of(user),
            run=run,
            collateral_mint=self.mint,
            account=self.instance.coordinator_account,
            points=points,
        )
        self._send(wallet, *instructions, claim)

    def _tokens_of(self, owner: Pubkey) -> Pubkey:
        assert self.mint is not None
        return associated_token_address(owner, self.mint)

    def _mint_to(self, destination: Pubkey, amount: int) -> Instruction:
        assert self.mint is not None
        return self._build.mint_tokens(
            authority=self.owner.address, mint=self.mint, destination=destination, amount=amount, decimals=DECIMALS
        )
