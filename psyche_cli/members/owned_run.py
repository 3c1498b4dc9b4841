"""A run and its owner, for tests and rehearsals: created, configured and changed without a question and without a look
ahead. The commands of psyche-cli check more before they send.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.amounts import LAMPORTS_PER_SOL
from psyche_cli.environment import Clock, SystemClock
from psyche_cli.limits import COORDINATOR_ACCOUNT_BYTES, MINT_BYTES
from psyche_cli.members.actions import Actions
from psyche_cli.members.crowd import Crowd, Habits, simulated_wallets
from psyche_cli.members.local_validator import clock_of_local_validator
from psyche_cli.members.looking import find_run, look_at
from psyche_cli.members.member import Member
from psyche_cli.members.play import Played, play
from psyche_cli.members.run_now import RunNow
from psyche_cli.members.sending import MemberSender, Outgoing
from psyche_cli.members.treasury import Treasury, treasury_of
from psyche_cli.protocol.accounts.small_accounts import CoordinatorInstance
from psyche_cli.protocol.addresses import ANYONE, associated_token_address, authorization_address, treasurer_index
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.receipts import Receipt
from psyche_cli.solana.raw_account import taken
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.wallet import Wallet


class OwnedRun:
    """The run ``run_id`` of ``owner``, who needs SOL for rent and fees. It may not exist yet.

    Methods send one transaction each unless documented otherwise, and raise the errors of ``MemberSender.send``.
    Amounts of collateral are base units. Without ``simulates``, transactions are sent without a simulation, so that
    those that fail are in the ledger.
    """

    def __init__(
        self,
        rpc: RpcClient,
        owner: Wallet,
        run_id: str,
        *,
        programs: ProgramIds = PUBLISHED,
        clock: Clock | None = None,
        simulates: bool = True,
    ) -> None:
        self.rpc = rpc
        self.owner = owner
        self.run_id = run_id
        self.programs = programs
        self.build = Instructions(programs)
        self._clock = clock or SystemClock()
        self._sender = MemberSender(rpc, self._clock, programs, simulates=simulates)

    # --- what is so now ------------------------------------------------------------------------------------------

    @cached_property
    def instance(self) -> CoordinatorInstance:
        """The run's instance. Raises RunNotFound."""
        return find_run(self.rpc, self.run_id, self.programs)

    @cached_property
    def actions(self) -> Actions:
        """The instructions of the run's members."""
        return Actions(self.instance, self.programs)

    @cached_property
    def treasury(self) -> Treasury | None:
        """The run's treasurer; None for a run without one."""
        return treasury_of(self.rpc, self.instance, self.programs)

    def look(self) -> RunNow:
        """The run now."""
        return look_at(self.rpc, self.instance, programs=self.programs)[0]

    # --- creation ------------------------------------------------------------------------------------------------

    def create(
        self,
        config: Mapping[str, int],
        model: Mapping[str, Any],
        *,
        mint: Pubkey | None = None,
        client_version: str = "latest",
    ) -> None:
        """Create a run that everyone may join, and configure it, in three transactions. It is not started.

        With ``mint``, it has a treasurer that pays in this collateral. Its vault is empty.
        """
        self._forget()
        account = Wallet.generate()
        owner, rent = self.owner.address, self.rpc.rent_exempt_minimum(COORDINATOR_ACCOUNT_BYTES)
        common: dict[str, Any] = {
            "payer": owner,
            "run_id": self.run_id,
            "account": account.address,
            "main_authority": owner,
            "join_authority": owner,
            "client_version": client_version,
        }
        if mint is None:
            create = self.build.init_coordinator(**common)
        else:
            index = treasurer_index(self.run_id)
            create = self.build.run_create(**common, index=index, collateral_mint=mint)
        place = self.build.create_coordinator_account(payer=owner, account=account.address, lamports=rent)
        self.send(self.owner, place, create, others=[account])
        self.update(config=config, model=model)
        self.permit_everyone()

    def new_mint(self, decimals: int, amount: int) -> Pubkey:
        """Create a mint whose authority is the owner, and mint ``amount`` to the owner."""
        mint, owner = Wallet.generate(), self.owner.address
        rent = self.rpc.rent_exempt_minimum(MINT_BYTES)
        self.send(
            self.owner,
            *self.build.create_mint(payer=owner, mint=mint.address, lamports=rent, decimals=decimals, authority=owner),
            self.build.create_associated_token_account(payer=owner, owner=owner, mint=mint.address),
            self.build.mint_tokens(
                authority=owner,
                mint=mint.address,
                destination=associated_token_address(owner, mint.address),
                amount=amount,
                decimals=decimals,
            ),
            others=[mint],
        )
        return mint.address

    def permit_everyone(self) -> None:
        """Create and activate the authorization with which every wallet may join the runs of this owner."""
        owner = self.owner.address
        permit = authorization_address(owner, ANYONE, self.programs)
        create = self.build.authorization_create(payer=owner, grantor=owner, grantee=ANYONE)
        activate = self.build.authorization_grantor_update(grantor=owner, authorization=permit, active=True)
        self.send(self.owner, *([] if taken(self.rpc.account(permit)) else [create]), activate)

    # --- changes -------------------------------------------------------------------------------------------------

    def change(self, name: str, **arguments: Any) -> Instruction:
        """The coordinator's instruction ``name`` of the owner, or the treasurer's that has the same effect."""
        treasury = self.treasury
        instance, account = self.instance.address, self.instance.coordinator_account
        accounts: dict[str, Any] = {"authority": self.owner.address, "instance": instance, "account": account}
        if treasury is None:
            instruction: Instruction = getattr(self.build, name)(**accounts, **arguments)
            return instruction
        if "new_version" in arguments:
            arguments["client_version"] = arguments.pop("new_version")
        return self.build.run_update(**accounts, run=treasury.run, **arguments)

    def update(self, **tables: Any) -> None:
        """Replace ``config``, ``model``, ``progress`` or ``metadata`` of a halted run, each as a whole."""
        self.send(self.owner, self.change("update", **tables))

    def resume(self) -> None:
        """Start or resume the run."""
        self.send(self.owner, self.change("set_paused", paused=False))

    def pause(self) -> None:
        """Pause the run, or request a pause at the end of the epoch."""
        self.send(self.owner, self.change("set_paused", paused=True))

    def set_rates(self, earning: int | None = None, slashing: int | None = None) -> None:
        """Set the future rates, in points."""
        rates: dict[str, Any] = {"earning_rate": earning, "slashing_rate": slashing}
        self.send(self.owner, self.change("set_future_epoch_rates", **rates))

    def top_up(self, *amounts: int, decimals: int) -> None:
        """Transfer base units from the owner to the vault, in one transaction."""
        treasury = self.treasury
        assert treasury is not None, "the run has no treasurer"
        source = associated_token_address(self.owner.address, treasury.mint)
        transfers = [
            self.build.transfer_tokens(
                owner=self.owner.address,
                source=source,
                mint=treasury.mint,
                destination=treasury.vault,
                amount=amount,
                decimals=decimals,
            )
            for amount in amounts
        ]
        self.send(self.owner, *transfers)

    def tick_now(self) -> None:
        """Let the owner tick the run."""
        self.send(self.owner, self.actions.tick(self.owner.address))

    def close(self) -> None:
        """Close a halted run without a treasurer; its owner gets the rent back."""
        owner, instance = self.owner.address, self.instance
        close = self.build.free_coordinator(
            authority=owner, spill=owner, instance=instance.address, account=instance.coordinator_account
        )
        self.send(self.owner, close)

    def _forget(self) -> None:
        """Forget the addresses of the run, because another one may get its id."""
        for name in ("instance", "actions", "treasury"):
            vars(self).pop(name, None)

    # --- members -------------------------------------------------------------------------------------------------

    def new_member(self, lamports: int = LAMPORTS_PER_SOL) -> Member:
        """A member with a new wallet that the faucet of the cluster has funded. It has not joined."""
        wallet = Wallet.generate()
        self.rpc.request_airdrop(wallet.address, lamports)
        return Member(self.rpc, wallet, self.run_id, programs=self.programs, clock=self._clock)

    def play(
        self, is_reached: Callable[[RunNow], bool], *, clients: int, seed: int = 0, habits: Habits | None = None
    ) -> Played:
        """Let simulated members play the run on a local validator until ``is_reached``, or until it is halted.

        Raises LocalnetError for any other cluster, WrongRunState if the run cannot continue.
        """
        wallets = simulated_wallets(self.run_id, seed, clients)
        advance = clock_of_local_validator(self.rpc, self._clock)
        crowd = Crowd(
            self.rpc, self.run_id, wallets, seed=seed, habits=habits, clock=self._clock, programs=self.programs
        )
        return play(crowd, is_reached, advance)

    def send(self, signer: Wallet, *instructions: Instruction, others: Sequence[Wallet] = ()) -> Receipt:
        """Send a transaction that ``signer`` pays."""
        return self._sender.send(Outgoing(signer, instructions, "transaction", others))
