"""Finding a run on the cluster: its instance, its account, and its treasurer if it has one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from solders.pubkey import Pubkey

from psyche_cli.errors import AccountNotFound, NotAuthority, Refused, RunNotFound, UsageError
from psyche_cli.operations.funds import Funds, accounts_and_funds
from psyche_cli.operations.sessions import Session, SigningSession
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
from psyche_cli.protocol.programs import ProgramIds
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
            hint += " If the run was created with a custom --treasurer-index, specify it too."
        raise NotAuthority(
            f"The wallet {wallet} is not the main authority of run {self.run_id!r}, which is {self.main_authority}.",
            hint=hint,
            wallet=str(wallet),
            main_authority=str(self.main_authority),
        )


@dataclass(frozen=True)
class LocatedRun:
    """Where a run is: its instance and the treasurer's Run, and so the addresses of what else belongs to it."""

    run_id: str
    instance: CoordinatorInstance
    treasurer: TreasurerRun | None
    programs: ProgramIds

    @property
    def addresses(self) -> tuple[Pubkey, ...]:
        """The coordinator account, and with a treasurer its vault and the mint of its collateral."""
        if self.treasurer is None:
            return (self.instance.coordinator_account,)
        return (self.instance.coordinator_account, self._vault(self.treasurer), self.treasurer.collateral_mint)

    def require_treasurer(self) -> TreasurerRun:
        """The treasurer's Run. Raises Refused for a run without one."""
        if self.treasurer is None:
            raise Refused(
                f"Run {self.run_id!r} has no treasurer: its main authority is {self.instance.main_authority}.",
                hint="Only runs created with --treasurer-collateral-mint pay rewards. "
                "If this run was created with a custom --treasurer-index, specify it.",
                run_id=self.run_id,
            )
        return self.treasurer

    def read(self, found: Sequence[RawAccount | None]) -> Run:
        """The run, from what was found at ``addresses``. Raises AccountNotFound, AccountError."""
        account, *others = found
        treasury = None
        if self.treasurer is not None:
            vault, mint = others
            treasury = Treasury(
                run=self.treasurer,
                mint=decode_mint(_existing(mint, self.treasurer.collateral_mint, "collateral mint")),
                vault=self._vault(self.treasurer),
                vault_amount=token_amount(vault),
            )
        raw = _existing(account, self.instance.coordinator_account, "coordinator account")
        return Run(
            run_id=self.run_id,
            instance=self.instance,
            account=decode_coordinator_account(raw, self.programs),
            treasury=treasury,
        )

    @staticmethod
    def _vault(treasurer: TreasurerRun) -> Pubkey:
        return associated_token_address(treasurer.address, treasurer.collateral_mint)


def find_run(session: Session, run_id: str, given_index: int | None = None) -> Run:
    """Read a run in two round trips: the instance and the treasurer's Run, then what they point to.

    Raises InvalidRunId, RunNotFound, AccountNotFound, UsageError, AccountError, NetworkError.
    """
    located = locate_run(session, run_id, given_index)
    return located.read(session.rpc.accounts(located.addresses))


def find_run_and_funds(session: SigningSession, run_id: str, given_index: int | None = None) -> tuple[Run, Funds]:
    """The same, and with the second round trip what the wallet can pay."""
    located = locate_run(session, run_id, given_index)
    found, funds = accounts_and_funds(session, located.addresses)
    return located.read(found), funds


def find_run_again(session: Session, run: Run) -> Run:
    """The run as it is now: one round trip, because it is known where it is. Raises as ``find_run``."""
    before = LocatedRun(run.run_id, run.instance, run.treasury.run if run.treasury else None, session.programs)
    index = before.treasurer.index if before.treasurer else None
    first = [run.instance.address, *([before.treasurer.address] if before.treasurer else [])]
    found = session.rpc.accounts([*first, *before.addresses])
    now = _located(session, run.run_id, index, found[: len(first)])
    # Another account of the same run is not where it was looked for.
    return now.read(found[len(first) :] if now.addresses == before.addresses else session.rpc.accounts(now.addresses))


def locate_run(session: Session, run_id: str, given_index: int | None = None) -> LocatedRun:
    """Find out where a run is, in one round trip.

    A run has a treasurer if and only if its instance's main authority is the address of the treasurer's Run. (A balance
    at that address proves nothing: anybody may send lamports there.) ``given_index`` is the treasurer index to try
    instead of the one that follows from the run id.

    Raises InvalidRunId, RunNotFound, AccountNotFound, UsageError, AccountError, NetworkError.
    """
    check_run_id(run_id)
    addresses = [instance_address(run_id, session.programs), _treasurer_address(session, run_id, given_index)]
    return _located(session, run_id, given_index, session.rpc.accounts(addresses))


def _treasurer_address(session: Session, run_id: str, given_index: int | None) -> Pubkey:
    return treasurer_run_address(treasurer_index(run_id) if given_index is None else given_index, session.programs)


def _located(session: Session, run_id: str, given_index: int | None, found: Sequence[RawAccount | None]) -> LocatedRun:
    """Where a run is, by what was found at the addresses of its instance and its treasurer's Run."""
    raw_instance, raw_treasurer = [*found, None][:2]
    if raw_instance is None or not raw_instance.is_taken:
        raise RunNotFound(
            f"Run {run_id!r} does not exist on {session.rpc.label}.",
            hint="Check --run-id and --rpc. Run ids are case-sensitive and may contain spaces.",
            run_id=run_id,
            instance=str(instance_address(run_id, session.programs)),
        )
    instance = decode_instance(raw_instance, session.programs)
    treasurer, address = None, _treasurer_address(session, run_id, given_index)
    if instance.main_authority == address:
        treasurer = decode_treasurer_run(_existing(raw_treasurer, address, "treasurer run"), session.programs)
    elif given_index is not None:
        raise UsageError(
            f"--treasurer-index {given_index} is not the treasurer of run {run_id!r}: "
            f"its main authority is {instance.main_authority}, not {address}.",
            hint="Omit --treasurer-index unless the run was created with one.",
        )
    return LocatedRun(run_id=run_id, instance=instance, treasurer=treasurer, programs=session.programs)


def token_amount(raw: RawAccount | None) -> int:
    """What a token account holds, in base units; 0 for one that does not exist."""
    found = taken(raw)
    return 0 if found is None else decode_token_account(found).amount


def _existing(raw: RawAccount | None, address: Pubkey, what: str) -> RawAccount:
    if raw is None or not raw.is_taken:
        raise AccountNotFound(
            f"The run's {what} {address} does not exist.", hint="The run cannot be used.", address=str(address)
        )
    return raw
