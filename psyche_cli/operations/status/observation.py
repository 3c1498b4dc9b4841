"""A run as it was at one slot, with the cluster's time: what every statement about its status is derived from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from psyche_cli.model.from_account import state_from_account
from psyche_cli.operations.runs.find import Run, find_run_again_with, locate_run
from psyche_cli.protocol.accounts.small_accounts import decode_treasurer_run
from psyche_cli.solana.cluster_clock import ClusterClock, decode_clock
from psyche_cli.solana.programs import CLOCK_SYSVAR
from psyche_cli.solana.raw_account import taken

if TYPE_CHECKING:
    from solders.pubkey import Pubkey

    from psyche_cli.model.states import CoordinatorState
    from psyche_cli.operations.runs.find import LocatedRun
    from psyche_cli.operations.sessions import Session
    from psyche_cli.solana.raw_account import RawAccount


class Observation:
    """A run and the cluster's clock, at the same slot.

    ``clock.unix_timestamp`` is the time by which the program decides, in Unix seconds. An observation that was not read
    but derived from the transactions in the ledger (``replay``) has the clock of its transaction.
    """

    def __init__(self, run: Run, clock: ClusterClock) -> None:
        self.run = run
        self.clock = clock

    @property
    def now(self) -> int:
        """The cluster's time, in Unix seconds."""
        return self.clock.unix_timestamp

    @cached_property
    def state(self) -> CoordinatorState:
        """The state of the run for the model, for display. Raises UnsupportedLayout, MalformedAccount."""
        return state_from_account(self.run.account, readable=True)


def addresses_of(located: LocatedRun) -> tuple[Pubkey, ...]:
    """The accounts that an observation of a located run is made from, to be read in one call.

    The treasurer's Run is among them although it was read to locate the run: a claim meanwhile changes it together with
    the vault.
    """
    treasurer = () if located.treasurer is None else (located.treasurer.address,)
    return (CLOCK_SYSVAR, *treasurer, *located.addresses)


def observation_of(located: LocatedRun, found: Sequence[RawAccount | None]) -> Observation:
    """The observation from the accounts at ``addresses_of``. Raises AccountNotFound, AccountError."""
    clock, *accounts = found
    if located.treasurer is not None:
        treasurer = taken(accounts.pop(0))
        if treasurer is not None:
            located = located._replace(treasurer=decode_treasurer_run(treasurer, located.programs))
    return Observation(located.read(accounts), decode_clock(clock))


def observe(session: Session, run_id: str, treasurer_index: int | None = None) -> Observation:
    """Read a run in two round trips. Raises RunNotFound, AccountNotFound, AccountError, UsageError, NetworkError."""
    located = locate_run(session, run_id, treasurer_index)
    return observation_of(located, session.rpc.accounts(addresses_of(located)))


def observe_again(session: Session, before: Observation) -> Observation:
    """Read the run of an earlier observation in one round trip. Raises the errors of ``observe``."""
    run, [clock] = find_run_again_with(session, before.run, CLOCK_SYSVAR)
    return Observation(run, decode_clock(clock))
