"""What was read of a run that a run file describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from solders.pubkey import Pubkey

from psyche_cli.operations.runs.find import Run
from psyche_cli.protocol.accounts.small_accounts import Authorization
from psyche_cli.protocol.accounts.token_accounts import TokenMint
from psyche_cli.protocol.run_states import RunState
from psyche_cli.solana.rent import Rent

StateOfRun: TypeAlias = Literal["absent", "unstarted", "running", "pausing", "paused", "finished"]
"""The state of a run as far as a run file depends on it."""


@dataclass(frozen=True)
class ActualRun:
    """What was read of a run that a run file describes; ``run`` is None if it does not exist.

    ``wallet`` is the key that would change it, with its ``lamports`` and its balance of the collateral, ``tokens``, in
    base units; None without a token account. ``join_authority`` is that of the run or, before it is created, the one
    that it would get, and ``authorizations`` are its authorizations by grantee: those that the file lists and, if the
    file deactivates others, all. ``gifts`` are the lamports at the addresses of authorizations that do not exist.
    ``mint`` is that of a run to create with a treasurer, ``held`` are the lamports at the addresses of its instance,
    treasurer and vault, and ``taken`` those of the latter two that exist already. ``frozen`` are those of the token
    accounts of the wallet and of the run that are frozen, and ``has_vault`` is false if the vault of the run is gone.
    """

    run: Run | None
    wallet: Pubkey
    join_authority: Pubkey
    lamports: int
    tokens: int | None
    rent: Rent
    authorizations: Mapping[Pubkey, Authorization]
    mint: TokenMint | None
    held: tuple[int, ...]
    taken: tuple[Pubkey, ...] = ()
    gifts: Mapping[Pubkey, int] = field(default_factory=dict)
    frozen: tuple[Pubkey, ...] = ()
    has_vault: bool = True

    def lamports_without(self, grantee: Pubkey) -> int:
        """The lamports at the address of an authorization that does not exist."""
        return self.gifts.get(grantee, 0)

    @property
    def is_recreated(self) -> bool:
        """Whether the transaction that creates the run closes another one."""
        return False

    @property
    def first_step_is_open(self) -> bool:
        """Whether the run starts at a step that is only known later."""
        return False

    @property
    def recovered(self) -> int:
        """The lamports that this transaction recovers."""
        return 0

    @property
    def state(self) -> StateOfRun:
        """The state of the run."""
        if self.run is None:
            return "absent"
        account = self.run.account
        if not account.run_state.is_halted:
            return "pausing" if account.pending_pause else "running"
        halted: dict[RunState, StateOfRun] = {RunState.PAUSED: "paused", RunState.FINISHED: "finished"}
        return halted.get(account.run_state, "unstarted")

    @property
    def decimals(self) -> int:
        """The decimals of the collateral; 0 for points."""
        if self.run is not None:
            return self.run.treasury.mint.decimals if self.run.treasury else 0
        return self.mint.decimals if self.mint else 0

    @property
    def received(self) -> int | None:
        """What the vault has ever received, in base units: it can only be claimed. None without a treasurer."""
        if self.run is None or self.run.treasury is None:
            return 0 if self.run is None and self.mint is not None else None
        return self.run.treasury.received
