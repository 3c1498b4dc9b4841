"""What a rehearsal leaves behind, from which its report is made: the chain, the registry, and the telemetry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from psyche_cli.model.simulation.engine import Simulation
from psyche_cli.operations.rehearsal.setup import DECIMALS
from psyche_cli.rehearsal.faults import Fault, FaultsSeen
from psyche_cli.rehearsal.record import RunRecord
from psyche_cli.rehearsal.run_workers import RoundTelemetry


class WorkerEnd(NamedTuple):
    """The state of a worker at the end, and how it ended."""

    state: str
    reason: str


class Evidence(NamedTuple):
    """All that is known after a rehearsal.

    ``wallets`` are those of the members in the order of their numbers (32 bytes), ``claimed`` what each has claimed in
    base units, and ``vault`` what the run can still pay. ``evaluations`` are the losses of the held-out text by epoch.
    ``hung`` are the times at which workers did not respond, by member, in Unix seconds of the cluster. ``lied`` has the
    kind of each lie that a member published, by the member and the step. ``decimals`` are those of the run's token,
    None for a run without a treasurer, which pays points.
    """

    record: RunRecord
    wallets: Sequence[bytes]
    workers: Mapping[int, WorkerEnd]
    telemetry: Sequence[RoundTelemetry]
    evaluations: Mapping[int, float]
    claimed: Mapping[int, int]
    prediction: Simulation
    faults: Sequence[Fault]
    seen: FaultsSeen
    hung: Mapping[int, Sequence[int]]
    lied: Mapping[tuple[int, int], str]
    decimals: int | None = DECIMALS
    vault: int | None = None

    def number_of(self, wallet: bytes) -> int | None:
        """The number of a member; None for another wallet."""
        return self.wallets.index(wallet) + 1 if wallet in self.wallets else None

    def numbers(self, wallets: Sequence[bytes]) -> tuple[int, ...]:
        """The numbers of members, sorted."""
        return tuple(sorted(number for wallet in wallets if (number := self.number_of(wallet)) is not None))
