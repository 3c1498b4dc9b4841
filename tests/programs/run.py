"""A run on a :class:`Chain`, created with minimal setup and driven by real instructions."""

from __future__ import annotations

from solders.pubkey import Pubkey

from psyche_cli.model.instructions import Instruction as Step
from psyche_cli.model.states import CoordinatorState

from .chain import (
    AUTHORIZER,
    COORDINATOR,
    COORDINATOR_ACCOUNT_SIZE,
    SYSTEM,
    Chain,
    Outcome,
    authorization_address,
    borsh_string,
    instance_address,
    instruction,
    meta,
    wallet,
)
from .coordinator_bytes import RunAccounts, decode


class Run:
    """A run whose main and join authority is the chain's payer, and which every wallet may join."""

    def __init__(self, chain: Chain, run_id: str = "test") -> None:
        self.chain = chain
        authority = chain.payer.pubkey()
        account = wallet(f"coordinator account of {run_id}").pubkey()
        self.accounts = RunAccounts(
            authority, authorization_address(authority, SYSTEM), instance_address(run_id), account
        )
        chain.put(account, bytes(COORDINATOR_ACCOUNT_SIZE), COORDINATOR)
        metas = [meta(authority, "sw"), meta(self.accounts.instance, "w"), meta(account, "w"), meta(SYSTEM)]
        arguments = bytes(authority) * 2 + borsh_string(run_id) + borsh_string("latest")
        chain.must(instruction(COORDINATOR, "init_coordinator", metas, arguments))
        if not chain.exists(self.accounts.authorization):
            permit_all_wallets(chain)

    def send(self, step: Step, signer: bytes = b"") -> Outcome:
        """Execute ``step`` at the chain's current time, signed by a wallet, or else by the authority."""
        wallet_key = Pubkey(signer) if signer else self.accounts.authority
        return self.chain.send(self.accounts.encode(step, wallet_key))

    def must(self, step: Step, signer: bytes = b"") -> Outcome:
        outcome = self.send(step, signer)
        assert outcome.code is None, (step, outcome.code, outcome.logs)
        return outcome

    @property
    def raw(self) -> bytes:
        return self.chain.data(self.accounts.account)

    @property
    def state(self) -> CoordinatorState:
        return decode(self.raw)


def permit_all_wallets(chain: Chain) -> Pubkey:
    """An active join authorization from the payer for every wallet."""
    grantor = chain.payer.pubkey()
    address = authorization_address(grantor, SYSTEM)
    create = [meta(grantor, "sw"), meta(grantor, "s"), meta(address, "w"), meta(SYSTEM)]
    arguments = bytes(SYSTEM) + borsh_string("CoordinatorJoinRun")
    chain.must(
        instruction(AUTHORIZER, "authorization_create", create, arguments),
        instruction(AUTHORIZER, "authorization_grantor_update", [meta(grantor, "s"), meta(address, "w")], b"\1"),
    )
    return address
