"""The cluster of a rehearsal: its clock, the account of the run, and the record of what happens to it."""

from __future__ import annotations

from typing import Final

from solders.pubkey import Pubkey

from psyche_cli.errors import RehearsalError
from psyche_cli.members.run_now import RunNow
from psyche_cli.protocol.accounts.coordinator_account import decode_coordinator_account
from psyche_cli.protocol.run_states import RunState
from psyche_cli.rehearsal.record import RunRecord
from psyche_cli.solana.cluster_clock import decode_clock
from psyche_cli.solana.programs import CLOCK_SYSVAR
from psyche_cli.solana.rpc.client import RpcClient

_WARP: Final = "localnet_warpSeconds"


class Cluster:
    """The run on a local validator. Every read is recorded.

    Raises RehearsalError if the run is closed, and the errors of the endpoint.
    """

    def __init__(self, rpc: RpcClient, account: Pubkey) -> None:
        self._rpc = rpc
        self._account = account
        self._data = b""
        self._reads = 0
        self.now = 0
        """The time of the latest read, in Unix seconds."""
        self.version = 0
        """A number that grows with every change of the account."""
        run = self._read()
        assert run is not None  # the first read is a change
        self.record = RunRecord(run.model, self.now)

    def read(self) -> bool:
        """Read the run and the clock. Returns whether the run has changed."""
        run = self._read()
        if run is not None:
            self.record.observe(run.model, self.now)
        return run is not None

    def warp_to(self, time: int) -> None:
        """Move the clock of the validator forward, and its slots with it."""
        self._rpc.call(_WARP, [time - self.now], lambda _: None, retry=False)
        self.read()

    @property
    def has_ended(self) -> bool:
        """Whether the run is finished, or paused after it had begun."""
        return self.record.state.run_state in (RunState.FINISHED, RunState.PAUSED)

    def _read(self) -> RunNow | None:
        raw, clock = self._rpc.accounts([self._account, CLOCK_SYSVAR])
        if raw is None or not raw.is_taken:
            raise RehearsalError("The run was closed while it was being rehearsed.")
        now = decode_clock(clock)
        self.now = now.unix_timestamp
        if raw.data == self._data:
            return None
        self._data = raw.data
        self.version += 1
        return RunNow(decode_coordinator_account(raw), now)
