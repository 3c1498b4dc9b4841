"""Finding a run on the cluster: its instance, its account, and its treasurer if it has one."""

from __future__ import annotations

from dataclasses import dataclass

from solders.pubkey import Pubkey

from psyche_cli.errors import AccountNotFound, NotAuthority, Refused, RunNotFound, UsageError
from psyche_cli.operations.sessions import Session
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount, decode_coordinator_account
from psyche_cli.protocol.accounts.small_accounts import (
    CoordinatorInstance,
    TreasurerRun,
    decode_instance,
    decode_treasurer_run,
)
from psyche_cli.protocol.accounts.token_accounts import TokenMint, decode_mint, decode_token_account
from psyche_cli.protocol.addresses import (
    associated_token_address,
    check_run_id,
    instance_address,
    treasurer_index,
    treasurer_run_address,
)
from psyche_cli.protocol.run_states import RunState
from psyche_cli.solana.raw_account import RawAccount, taken


@dataclass(frozen=True)
class Treasury:
    """What pays the members of a run: the treasurer's Run and the vault that holds its collateral.

    ``vault`` is the associated token account of the Run; ``vault_amount`` is in base units of the mint, 0 where the
    vault is missing.
    """

    run: TreasurerRun
    mint: TokenMint
    vault: Pubkey
    vault_amount: int


@dataclass(frozen=True)
class Run:
    """A run as it was read from the cluster at one moment."""

    run_id: str
    instance: CoordinatorInstance
    account: CoordinatorAccount
    treasury: Treasury | None

    @property
    def main_authority(self) -> Pubkey:
        """The wallet that administers the run: through the treasurer if it has one, else directly."""
        return self.treasury.run.main_authority if self.treasury else self.instance.main_authority

    @property
    def next_step(self) -> int:
        """The step that the run takes next once it is resumed: the first start sets it to 1."""
        return 1 if self.account.run_state == RunState.UNINITIALIZED else self.account.step

    def require_authority(self, wallet: Pubkey) -> None:
        """Raises NotAuthority unless the wallet is the one that administers the run."""
        if wallet == self.main_authority:
            return
        hint = "Sign with the main authority's wallet: --wallet-private-key-path FILE."
        if self.treasury is None:
            hint += " If the run was created with its own --treasurer-index, give that too."
        raise NotAuthority(
            f"The wallet {wallet} does not administer run {self.run_id!r}: {self.main_authority} does.",
            hint=hint,
            wallet=str(wallet),
            main_authority=str(self.main_authority),
        )

    def require_treasury(self) -> Treasury:
        """The treasury. Raises Refused for a run without one."""
        if self.treasury is None:
            raise Refused(
                f"Run {self.run_id!r} has no treasurer: its main authority is {self.instance.main_authority}.",
                hint="Only a run created with --treasurer-collateral-mint pays rewards. "
                "If it was created with its own --treasurer-index, give that.",
                run_id=self.run_id,
            )
        return self.treasury


def find_run(session: Session, run_id: str, given_index: int | None = None) -> Run:
    """Read a run in two round trips: the instance and the treasurer's Run, then what they point to.

    A run has a treasurer if and only if its instance's main authority is the address of the treasurer's Run. (A balance
    at that address proves nothing: anybody may send lamports there.) ``given_index`` is the treasurer index to try
    instead of the one that follows from the run id.

    Raises InvalidRunId, RunNotFound, AccountNotFound, UsageError, AccountError, NetworkError.
    """
    check_run_id(run_id)
    index = treasurer_index(run_id) if given_index is None else given_index
    treasurer_address = treasurer_run_address(index, session.programs)
    address = instance_address(run_id, session.programs)
    raw_instance, raw_treasurer = session.rpc.accounts([address, treasurer_address])
    if raw_instance is None or not raw_instance.is_taken:
        raise RunNotFound(
            f"There is no run {run_id!r} on {session.rpc.label}.",
            hint="Check --run-id and --rpc. A run id counts with every blank and letter case.",
            run_id=run_id,
            instance=str(address),
        )
    instance = decode_instance(raw_instance, session.programs)
    treasurer = None
    if instance.main_authority == treasurer_address:
        treasurer = decode_treasurer_run(_existing(raw_treasurer, treasurer_address, "treasurer run"), session.programs)
    elif given_index is not None:
        raise UsageError(
            f"--treasurer-index {given_index} is not the treasurer of run {run_id!r}: "
            f"its main authority is {instance.main_authority}, not {treasurer_address}.",
            hint="Leave --treasurer-index out unless create-run was given one.",
        )
    if treasurer is None:
        [raw_account] = session.rpc.accounts([instance.coordinator_account])
        treasury = None
    else:
        mint = treasurer.collateral_mint
        vault = associated_token_address(treasurer.address, mint)
        raw_account, raw_vault, raw_mint = session.rpc.accounts([instance.coordinator_account, vault, mint])
        treasury = Treasury(
            run=treasurer,
            mint=decode_mint(_existing(raw_mint, mint, "collateral mint")),
            vault=vault,
            vault_amount=token_amount(raw_vault),
        )
    account = decode_coordinator_account(
        _existing(raw_account, instance.coordinator_account, "coordinator account"), session.programs
    )
    return Run(run_id=run_id, instance=instance, account=account, treasury=treasury)


def token_amount(raw: RawAccount | None) -> int:
    """What a token account holds, in base units; 0 for one that does not exist."""
    found = taken(raw)
    return 0 if found is None else decode_token_account(found).amount


def _existing(raw: RawAccount | None, address: Pubkey, what: str) -> RawAccount:
    if raw is None or not raw.is_taken:
        raise AccountNotFound(
            f"The run's {what} {address} does not exist.", hint="The run is not usable.", address=str(address)
        )
    return raw
