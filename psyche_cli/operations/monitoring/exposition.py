"""The metrics of runs in the formats of Prometheus.

Prometheus stores numbers as 64-bit floats, which are exact up to 2**53 (9,007,199,254,740,992). Amounts of tokens are
therefore in base units, with the decimals of the token as a metric of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric, StateSetMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily

from psyche_cli import __version__
from psyche_cli.operations.monitoring.reading import Reading
from psyche_cli.operations.status.membership import membership_of
from psyche_cli.printable import printable
from psyche_cli.protocol.run_states import ClientState, RunState

if TYPE_CHECKING:
    from psyche_cli.operations.monitoring.reading import RunReading
    from psyche_cli.operations.status.show_payloads import ShowData

_INEXACT: Final = "Exact up to 2**53."


class Health(NamedTuple):
    """How the endpoint has answered so far.

    ``reading`` is the latest one, None if it failed. ``last_success`` is a Unix time of this machine, None if there was
    none. ``seconds`` is the duration of the latest reading. ``succeeded`` and ``failed`` count readings, the latter by
    the code of the error.
    """

    reading: Reading | None
    last_success: float | None
    seconds: float
    succeeded: int
    failed: dict[str, int]


def exposition(health: Health, accept: str | None = None) -> tuple[bytes, str]:
    """The metrics as text, and its content type: that of the header ``accept``, by default Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Metrics(health))
    if accept is None:
        return generate_latest(registry), "text/plain; version=0.0.4; charset=utf-8"
    encoder, content_type = choose_encoder(accept)
    return encoder(registry), content_type


class _Metrics:
    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        """All metrics. Those without a value are left out, except counters."""
        families: dict[str, Any] = {}
        for family in (*_of_program(), *_of_endpoint(self._health), *_of_runs(self._health.reading)):
            families[family.name] = family
        yield from (family for family in families.values() if family.samples or family.type == "counter")


def _of_program() -> Iterator[Metric]:
    yield InfoMetricFamily("psyche_cli_build", "The program that reads the metrics.", {"version": __version__})


def _of_endpoint(health: Health) -> Iterator[Metric]:
    reading = health.reading
    up = GaugeMetricFamily("psyche_rpc_up", "Whether the latest reading from the RPC endpoint succeeded.")
    up.add_metric([], float(reading is not None))
    yield up
    yield _gauge("psyche_rpc_read_duration_seconds", "Duration of the latest reading.", health.seconds)
    reads = CounterMetricFamily("psyche_rpc_reads", "Readings from the RPC endpoint.", labels=["outcome"])
    reads.add_metric(["success"], health.succeeded)
    reads.add_metric(["failure"], sum(health.failed.values()))
    yield reads
    failures = CounterMetricFamily("psyche_rpc_failures", "Readings that failed, by error.", labels=["error"])
    for error, count in sorted(health.failed.items()):
        failures.add_metric([error], count)
    yield failures
    yield _gauge(
        "psyche_rpc_last_read_timestamp_seconds",
        "When a reading succeeded last, by the clock of this machine.",
        health.last_success,
    )
    if reading is not None:
        clock = reading.clock
        yield _gauge("psyche_rpc_slot", "Slot of the latest reading.", clock.slot)
        yield _gauge("psyche_rpc_timestamp_seconds", "Time of the cluster at this slot.", clock.unix_timestamp)
        yield _gauge(
            "psyche_rpc_lag_seconds",
            "By how much the time of the cluster was behind the clock of this machine; 0 if it was not.",
            max(reading.read_at - clock.unix_timestamp, 0),
        )
        yield _gauge("psyche_runs", "Runs that are read.", len(reading.runs))


def _of_runs(reading: Reading | None) -> Iterator[Metric]:
    families = _Families()
    for run in () if reading is None else reading.runs:
        of_run = _OfRun(families, _label(run.run_id))
        of_run.set("readable", "Whether the run exists and can be decoded.", float(run.shown is not None))
        if run.shown is not None:
            _add_run(of_run, run, run.shown)
    yield from families.all.values()


class _Families:
    """The metrics of all runs by name."""

    def __init__(self) -> None:
        self.all: dict[str, Any] = {}

    def gauge(self, name: str, help_text: str, labels: tuple[str, ...]) -> Any:
        if name not in self.all:
            self.all[name] = GaugeMetricFamily(name, help_text, labels=["run_id", *labels])
        return self.all[name]


class _OfRun:
    """Adds the metrics of one run."""

    def __init__(self, families: _Families, run_id: str) -> None:
        self.families = families
        self.run_id = run_id

    def set(self, name: str, help_text: str, value: float | None, **labels: str) -> None:
        """Add a value; None adds nothing."""
        family = self.families.gauge(f"psyche_run_{name}", help_text, tuple(labels))
        if value is not None:
            family.add_metric([self.run_id, *labels.values()], value)


def _add_run(to: _OfRun, run: RunReading, shown: ShowData) -> None:
    _add_info(to, run, shown)
    _add_state(to, shown)
    _add_progress(to, shown)
    _add_members(to, run, shown)
    _add_money(to, run, shown)
    latest = shown.transactions[0] if shown.transactions else None
    sent = None if latest is None else latest.time
    to.set("last_transaction_timestamp_seconds", "Time of the newest transaction with the coordinator account.", sent)
    to.set(
        "last_transaction_age_seconds",
        "Seconds since this transaction, by the clock of the cluster.",
        None if sent is None else max(shown.now - sent, 0),
    )


def _add_info(to: _OfRun, run: RunReading, shown: ShowData) -> None:
    info = to.families.all.setdefault(
        "psyche_run",
        InfoMetricFamily("psyche_run", "The run: its name, accounts and authority.", labels=["run_id"]),
    )
    assert run.located is not None  # it was read
    described = {
        "name": printable(shown.name),
        "layout": shown.layout,
        "coordinator_account": shown.coordinator_account,
        "main_authority": str(run.located.main_authority),
        "collateral_mint": "" if shown.treasury is None else shown.treasury.collateral_mint,
    }
    info.add_metric([to.run_id], described)


def _add_state(to: _OfRun, shown: ShowData) -> None:
    states = to.families.all.setdefault(
        "psyche_run_state", StateSetMetricFamily("psyche_run_state", "The state of the run.", labels=["run_id"])
    )
    states.add_metric([to.run_id], {state.variant: state.text == shown.state for state in RunState})
    to.set("state_start_timestamp_seconds", "When the run entered its state, by the clock of the cluster.", shown.since)
    to.set(
        "state_duration_seconds",
        "For how long the run has been in its state.",
        None if shown.since is None else max(shown.now - shown.since, 0),
    )
    ends = shown.ends
    to.set(
        "overdue_seconds",
        "For how long nobody has ended the state by a tick although its time is over; 0 if it is not.",
        None if ends is None else ends.overdue_seconds,
    )
    to.set("pause_pending", "Whether the run pauses at the end of its epoch.", float(shown.pending_pause))
    if shown.healthy is not None:
        for severity in ("note", "warning", "blocking"):
            count = sum(one.severity == severity for one in shown.attention)
            to.set("findings", "Findings of psyche-cli explain.", count, severity=severity)


def _add_progress(to: _OfRun, shown: ShowData) -> None:
    progress = shown.progress
    to.set("epoch", "Number of the epoch in progress or, between epochs, of the next one, from 0.", shown.epoch)
    to.set("step", "The step in progress, from 1; 0 for a run that was never started.", progress.step)
    to.set("last_step", "The last step that is trained.", progress.last_step)
    to.set("tokens", "Tokens trained, according to the data index.", progress.tokens_done)
    to.set("step_duration_seconds", "Duration of a step: measured, else as configured.", progress.seconds_per_step)
    witnesses = shown.witnesses
    if witnesses is not None:
        to.set("round_witnesses", "Witnesses of the round in progress so far.", witnesses.received)
        to.set("round_witnesses_expected", "Witnesses that complete the round.", witnesses.expected)
        to.set("round_witnesses_quorum", "With fewer, the epoch ends after the round.", witnesses.needed)


def _add_members(to: _OfRun, run: RunReading, shown: ShowData) -> None:
    members = shown.members
    to.set("members", "Wallets that ever joined the run.", members.all)
    to.set("members_in_epoch", "Clients of the epoch in progress; 0 between epochs.", members.in_epoch)
    to.set("members_joined", "Members that take part in the next epoch.", members.joined_next)
    if members.pending is None:
        return
    assert run.observation is not None  # it was shown
    by_health = membership_of(run.observation.state).by_health
    for health in ClientState:
        count = by_health[health]
        to.set("epoch_members", "Members of the latest epoch, by state.", count, state=health.name.lower())


def _add_money(to: _OfRun, run: RunReading, shown: ShowData) -> None:
    to.set(
        "authority_lamports",
        f"Balance of the wallet that administers the run, in lamports (10**-9 SOL). {_INEXACT}",
        run.authority_lamports,
    )
    rates = shown.rates
    unit = f"in base units of the collateral, or points without a treasurer. {_INEXACT}"
    for epoch, earning, slashing in (
        ("current", rates.earning_now, rates.slashing_now),
        ("next", rates.earning_next, rates.slashing_next),
    ):
        if earning is not None and slashing is not None:
            to.set("earning_rate_base_units", f"Reward per epoch, {unit}", earning.base_units, epoch=epoch)
            to.set("slashing_rate_base_units", f"Loss of an ejected member, {unit}", slashing.base_units, epoch=epoch)
    treasury = shown.treasury
    if treasury is None:
        return
    to.set("collateral_decimals", "Decimal places: a token has 10**decimals base units.", rates.decimals)
    to.set("vault_base_units", f"Balance of the vault, in base units. {_INEXACT}", treasury.held.base_units)
    to.set(
        "unclaimed_base_units",
        f"Rewards that members have earned but not claimed, in base units. {_INEXACT}",
        treasury.owed.base_units,
    )
    to.set(
        "vault_missing_base_units",
        f"Shortfall of the vault through the next epoch, in base units. {_INEXACT}",
        treasury.missing.base_units,
    )
    to.set(
        "epochs_funded",
        "Epochs that the vault pays at the rate of future epochs, after what it owes. Absent at a rate of 0.",
        treasury.cover.epochs,
    )


def _gauge(name: str, help_text: str, value: float | None) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=[])
    if value is not None:
        family.add_metric([], value)
    return family


def _label(run_id: str) -> str:
    """A run id as a label, with escapes for characters that cannot be shown, so that no two ids have the same label."""
    return run_id if run_id.isprintable() and "\\" not in run_id else run_id.encode("unicode_escape").decode("ascii")
