"""Reading a run for its members."""

from __future__ import annotations

from collections.abc import Sequence

from solders.pubkey import Pubkey

from psyche_cli.errors import AccountNotFound, RunNotFound
from psyche_cli.members.run_now import RunNow
from psyche_cli.protocol.accounts.coordinator_account import decode_coordinator_account
from psyche_cli.protocol.accounts.small_accounts import CoordinatorInstance, decode_instance
from psyche_cli.protocol.addresses import instance_address
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.solana.cluster_clock import decode_clock
from psyche_cli.solana.programs import CLOCK_SYSVAR
from psyche_cli.solana.raw_account import RawAccount, taken
from psyche_cli.solana.rpc.client import RpcClient


def find_run(rpc: RpcClient, run_id: str, programs: ProgramIds = PUBLISHED) -> CoordinatorInstance:
    """The instance of a run. Raises InvalidRunId, RunNotFound, AccountError."""
    address = instance_address(run_id, programs)
    raw = taken(rpc.account(address))
    if raw is None:
        raise RunNotFound(
            f"Run {run_id!r} does not exist on {rpc.label}.",
            hint="Check the run id and the endpoint. Run ids are case-sensitive and may contain spaces.",
            run_id=run_id,
            instance=str(address),
        )
    return decode_instance(raw, programs)


def look_at(
    rpc: RpcClient, instance: CoordinatorInstance, more: Sequence[Pubkey] = (), programs: ProgramIds = PUBLISHED
) -> tuple[RunNow, list[RawAccount | None]]:
    """The run now, and the accounts at the addresses ``more``, in one round trip.

    Raises AccountNotFound for a run that was closed, AccountError.
    """
    account = instance.coordinator_account
    found, clock, *others = rpc.accounts([account, CLOCK_SYSVAR, *more])
    raw = taken(found)
    if raw is None:
        raise AccountNotFound(
            f"Run {instance.run_id!r} was closed: its coordinator account {account} does not exist anymore.",
            address=str(account),
        )
    return RunNow(decode_coordinator_account(raw, programs), decode_clock(clock)), others
