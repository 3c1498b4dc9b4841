"""Reads a run from the cluster: its instance, its coordinator account, and its treasurer if it has one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.errors import (
    AccountError,
    AccountNotFound,
    NotAuthority,
    NotFound,
    PsycheError,
    Refused,
    RunNotFound,
    UsageError,
)
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
from psyche_cli.protocol.layouts.known import WRITTEN
from psyche_cli.protocol.programs import ProgramIds
from psyche_cli.protocol.run_states import RunState
from psyche_cli.solana.raw_account import RawAccount, taken

if TYPE_CHECKING:
    from psyche_cli.operations.funds import Funds
    from psyche_cli.operations.signing import SigningSession


class Treasury(NamedTuple):
    """The treasurer's Run account and the vault from which the members of a run are paid.

    ``vault`` is the Run's associated token account; ``vault_amount`` is its balance in base units of the mint, or 0 if
    the account does not exist.
    """

    run: TreasurerRun
    mint: TokenMint
    vault: Pubkey
    vault_amount: int

    @property
    def received(self) -> int:
        """What the vault has ever received, in base units: it only pays what members claim."""
        return self.vault_amount + self.run.total_claimed_collateral_amount


class Run(NamedTuple):
    """The state of a run at the time it was read from the cluster."""

    run_id: str
    instance: CoordinatorInstance
    account: CoordinatorAccount
    treasury: Treasury | None

    @property
    def layout(self) -> str:
        """The name of the layout of the coordinator account, such as v1."""
        return self.account.layout

    @property
    def main_authority(self) -> Pubkey:
        """The wallet that administers the run, through the treasurer if it has one and otherwise directly."""
        return self.treasury.run.main_authority if self.treasury else self.instance.main_authority

    @property
    def next_step(self) -> int:
        """The step at which the run resumes; an Uninitialized run starts at step 1."""
        return 1 if self.account.run_state == RunState.UNINITIALIZED else self.account.step

    @property
    def trained_sequences(self) -> int:
        """The number of sequences that the run has trained, according to its data index."""
        if self.account.run_state.is_active:
            return self.account.current_round.data_index
        return self.account.progress["epoch_start_data_index"]

    def require_rules_of_v1(self) -> None:
        """Raise UnsupportedLayout unless the run has the configuration and the rules of layout v1."""
        if not self.account.has_rules_of_v1:
            from psyche_cli.protocol.accounts.layout_support import different_rules

            raise different_rules(self.account)

    def require_authority(self, wallet: Pubkey) -> None:
        """Raise NotAuthority unless the wallet is the main authority of the run."""
        if wallet == self.main_authority:
            return
        hint = "Sign with the main authority's wallet: --wallet-private-key-path FILE."
        if self.treasury is None:
            hint += " If the run was created with a custom --treasurer-index, specify it too."
        raise NotAuthority(
            f"The wallet {wallet} is not the main authority of run {self.run_id!r}; {self.main_authority} is.",
            hint=hint,
            wallet=str(wallet),
            main_authority=str(self.main_authority),
        )


class LocatedRun(NamedTuple):
    """A run's instance and treasurer Run, which determine the addresses of its other accounts.

    One that ``is_for_writing`` must have layout v1.
    """

    run_id: str
    instance: CoordinatorInstance
    treasurer: TreasurerRun | None
    programs: ProgramIds
    is_for_writing: bool

    @property
    def main_authority(self) -> Pubkey:
        """The wallet that administers the run, through the treasurer if it has one and otherwise directly."""
        return self.instance.main_authority if self.treasurer is None else self.treasurer.main_authority

    @property
    def addresses(self) -> tuple[Pubkey, ...]:
        """The coordinator account, and with a treasurer also its vault and its collateral mint."""
        if self.treasurer is None:
            return (self.instance.coordinator_account,)
        return (self.instance.coordinator_account, self._vault(self.treasurer), self.treasurer.collateral_mint)

    def require_treasurer(self) -> TreasurerRun:
        """The treasurer's Run account. Raises Refused for a run without a treasurer."""
        if self.treasurer is None:
            raise Refused(
                f"Run {self.run_id!r} has no treasurer: its main authority is {self.instance.main_authority}.",
                hint="Only runs created with --treasurer-collateral-mint pay rewards. "
                "If this run was created with a custom --treasurer-index, specify it.",
                run_id=self.run_id,
            )
        return self.treasurer

    def with_treasurer(self, raw: RawAccount | None) -> LocatedRun:
        """The same run with the treasurer's Run as it was read later. Raises AccountNotFound, AccountError."""
        before = self.require_treasurer()
        existing = _existing(raw, before.address, "treasurer run")
        return self._replace(treasurer=decode_treasurer_run(existing, self.programs))

    def read(self, found: Sequence[RawAccount | None]) -> Run:
        """Decode the run from the accounts at ``addresses``.

        Raises AccountNotFound, AccountError, UnsupportedLayout.
        """
        account, *others = found
        raw = _existing(account, self.instance.coordinator_account, "coordinator account")
        decoded = decode_coordinator_account(raw, self.programs)
        if self.is_for_writing:
            require_written_layout(decoded.layout, decoded.address, self.run_id)
        treasury = None
        if self.treasurer is not None:
            vault, mint = others
            treasury = Treasury(
                run=self.treasurer,
                mint=decode_mint(_existing(mint, self.treasurer.collateral_mint, "collateral mint")),
                vault=self._vault(self.treasurer),
                vault_amount=token_amount(vault),
            )
        return Run(run_id=self.run_id, instance=self.instance, account=decoded, treasury=treasury)

    @staticmethod
    def _vault(treasurer: TreasurerRun) -> Pubkey:
        return associated_token_address(treasurer.address, treasurer.collateral_mint)


def find_run(session: Session, run_id: str, given_index: int | None = None) -> Run:
    """Read a run in two round trips: the instance and the treasurer's Run, then the accounts they refer to.

    Raises InvalidRunId, RunNotFound, AccountNotFound, UsageError, AccountError, NetworkError.
    """
    located = locate_run(session, run_id, given_index)
    return located.read(session.rpc.accounts(located.addresses))


def find_run_and_funds(session: SigningSession, run_id: str, given_index: int | None = None) -> tuple[Run, Funds]:
    """Like ``find_run``, and read the wallet's funds in the second round trip."""
    from psyche_cli.operations.funds import accounts_and_funds

    located = locate_run(session, run_id, given_index)
    found, funds = accounts_and_funds(session, located.addresses)
    return located.read(found), funds


def find_run_again(session: Session, run: Run) -> Run:
    """Read a known run again, in one round trip because its addresses are known. Raises the errors of ``find_run``."""
    return find_run_again_with(session, run)[0]


def find_run_again_with(session: Session, run: Run, *others: Pubkey) -> tuple[Run, list[RawAccount | None]]:
    """Like ``find_run_again``, together with ``others``, read at the same slot."""
    treasurer = run.treasury.run if run.treasury else None
    before = LocatedRun(run.run_id, run.instance, treasurer, session.programs, session.is_for_writing)
    index = before.treasurer.index if before.treasurer else None
    first = [run.instance.address, *([before.treasurer.address] if before.treasurer else [])]
    found = session.rpc.accounts([*first, *before.addresses, *others])
    now = _located(session, run.run_id, index, found[: len(first)])
    if now.addresses != before.addresses:  # then those have to be read instead
        found = [*found[: len(first)], *session.rpc.accounts([*now.addresses, *others])]
    end = len(first) + len(now.addresses)
    return now.read(found[len(first) : end]), found[end:]


def locate_run(session: Session, run_id: str, given_index: int | None = None) -> LocatedRun:
    """Read a run's instance and treasurer Run in one round trip.

    A run has a treasurer if and only if its instance's main authority is the address of the treasurer's Run. (That the
    address has a balance proves nothing, because anyone can send lamports to it.) ``given_index`` is a custom treasurer
    index; None derives the index from the run id.

    Raises InvalidRunId, RunNotFound, AccountNotFound, UsageError, AccountError, NetworkError.
    """
    check_run_id(run_id)
    addresses = [instance_address(run_id, session.programs), _treasurer_address(session, run_id, given_index)]
    return _located(session, run_id, given_index, session.rpc.accounts(addresses))


def locate_runs(session: Session, runs: Sequence[tuple[str, int | None]]) -> list[LocatedRun | PsycheError]:
    """``locate_run`` for several run ids with their given indexes, in one round trip per 50 of them.

    Returns the error for each that cannot be located, which is a UsageError if it has another treasurer than given.
    Raises InvalidRunId, NetworkError.
    """
    for run_id, _ in runs:
        check_run_id(run_id)
    addresses = [
        address
        for run_id, index in runs
        for address in (instance_address(run_id, session.programs), _treasurer_address(session, run_id, index))
    ]
    found = session.rpc.accounts(addresses)
    located: list[LocatedRun | PsycheError] = []
    for number, (run_id, index) in enumerate(runs):
        try:
            located.append(_located(session, run_id, index, found[2 * number : 2 * number + 2]))
        except (NotFound, AccountError, UsageError) as error:
            located.append(error)
    return located


def _treasurer_address(session: Session, run_id: str, given_index: int | None) -> Pubkey:
    return treasurer_run_address(treasurer_index(run_id) if given_index is None else given_index, session.programs)


def _located(session: Session, run_id: str, given_index: int | None, found: Sequence[RawAccount | None]) -> LocatedRun:
    """Locate a run from the accounts at the addresses of its instance and its treasurer's Run."""
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
        if session.is_for_writing and treasurer.join_authority is None:
            require_written_layout("v2-claimer", address, run_id)
    elif given_index is not None:
        raise UsageError(
            f"--treasurer-index {given_index} is not the treasurer of run {run_id!r}: "
            f"its main authority is {instance.main_authority}, not {address}.",
            hint="Omit --treasurer-index unless the run was created with a custom index.",
        )
    return LocatedRun(run_id, instance, treasurer, session.programs, session.is_for_writing)


def require_written_layout(layout: str, address: Pubkey, run_id: str) -> None:
    """Raise UnsupportedLayout for a run that psyche-cli cannot change."""
    if layout != WRITTEN:
        from psyche_cli.protocol.accounts.layout_support import unwritten_layout

        raise unwritten_layout(layout, address, run_id)


def token_amount(raw: RawAccount | None) -> int:
    """The balance of a token account in base units; 0 if it does not exist. Raises AccountError."""
    found = taken(raw)
    return 0 if found is None else decode_token_account(found).amount


def _existing(raw: RawAccount | None, address: Pubkey, what: str) -> RawAccount:
    if raw is None or not raw.is_taken:
        raise AccountNotFound(
            f"The run's {what} {address} does not exist.", hint="The run cannot be used.", address=str(address)
        )
    return raw
