"""Reports are true: every figure is computed again from the ledger, the registry and the telemetry, which the model
must agree with as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy
import pytest
from solders.pubkey import Pubkey

from psyche_cli.environment import SystemClock
from psyche_cli.localnet.process import LocalValidatorProcess
from psyche_cli.members.looking import find_run
from psyche_cli.operations.rehearsal import rehearse as operation
from psyche_cli.operations.rehearsal.payloads import RehearsalData
from psyche_cli.operations.rehearsal.progress import Progress
from psyche_cli.operations.rehearsal.request import Request
from psyche_cli.operations.rehearsal.setup import own_validator
from psyche_cli.rehearsal.faults import Fault
from psyche_cli.run_config.examples import find_example
from psyche_cli.run_config.load import load_run_config
from psyche_cli.solana.raw_account import taken
from psyche_cli.solana.rpc.client import RpcClient
from tests.cli.schema_check import check_output
from tests.programs.coordinator_bytes import decode
from tests.rehearsal.ledger import Figures, Ledger, telemetry_of, transactions_of, workers_of
from tests.support.rehearsal_environment import rehearsal_environment
from tests.support.rehearsed_curves import call

FAULTS = (Fault("kill", 2, at_step=4), Fault("lie", 3, at_step=2), Fault("late", 5, at_step=6))


class Traces(NamedTuple):
    """A report, the ledger of its rehearsal, and the figures that were computed from all that it left behind.

    ``curves`` is what ``psyche-cli curves`` printed at the end of the rehearsal.
    """

    data: RehearsalData
    ledger: Ledger
    figures: Figures
    curves: str


class Keeper:
    """Reads the validator of a rehearsal before the workers start, and before it is stopped."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.curves = ""
        self._folder = folder
        self.ledger: Ledger | None = None
        self.account = Pubkey.default()
        self._before: tuple[bytes, int] = b"", 0
        self._rpc: RpcClient | None = None
        monkeypatch.setattr(operation, "own_validator", self._own_validator)

    @contextmanager
    def _own_validator(self, owner: Pubkey, members: list[Pubkey], log: Path) -> Iterator[LocalValidatorProcess]:
        with own_validator(owner, members, log) as validator:
            transport = validator.open_transport()
            self._rpc = RpcClient(transport, SystemClock())
            yield validator
            image, earlier = self._before
            transactions = transactions_of(self._rpc, self.account)[earlier:]
            words = ("curves", "--run-id", operation.RUN_ID, "--rpc", validator.rpc_url, "--output", "json")
            code, self.curves, errors = call(self._folder, *words)
            assert code == 0, errors
            self.ledger = Ledger(image, self._image(), transactions)
            transport.close()

    def show(self, progress: Progress) -> None:
        if progress.phase == "Starting the workers.":
            assert self._rpc is not None
            self.account = find_run(self._rpc, operation.RUN_ID).coordinator_account
            self._before = self._image(), len(transactions_of(self._rpc, self.account))

    def _image(self) -> bytes:
        assert self._rpc is not None
        account = taken(self._rpc.account(self.account))
        assert account is not None
        return account.data


@pytest.fixture(scope="module", params=[(), FAULTS], ids=["without-faults", "with-faults"])
def traces(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Traces:
    """A rehearsal of two epochs with real workers."""
    faults: tuple[Fault, ...] = request.param
    folder = tmp_path_factory.mktemp("r")
    environment = rehearsal_environment(folder)
    wanted = Request(
        load_run_config(find_example("minimal").path),
        members=5 if faults else 3,
        epochs=2,
        trainer="fake",
        faults=faults,
        seed=3,
        check_percent=50,
        state_folder=folder / "s",
    )
    with pytest.MonkeyPatch.context() as monkeypatch:
        keeper = Keeper(monkeypatch, folder)
        data = operation.rehearse(environment, wanted, keeper.show).data
    assert keeper.ledger is not None
    run, wallets = data.worker_run, [one.wallet for one in data.member_list]
    workers, telemetry = workers_of(folder / "s", run), telemetry_of(folder / "s", run)
    figures = Figures(keeper.ledger, keeper.account, wallets, workers, telemetry)
    return Traces(data, keeper.ledger, figures, keeper.curves)


def test_the_curves_are_what_the_members_have_recorded(traces: Traces) -> None:
    assert check_output(("curves",), traces.curves) is not None
    data = json.loads(traces.curves)["data"]
    curves = {(one["what"], one["name"]): one["points"] for one in data["curves"]}
    assert data["reliable"]
    ended = [one for one in traces.figures.rounds if one.ended is not None]
    assert [(point["step"], point["time"]) for point in curves["witnesses", "witnesses"]] == [
        (one.step, one.ended) for one in ended
    ]
    assert [point["value"] for point in curves["witnesses", "witnesses"]] == [len(one.witnesses) for one in ended]
    losses = {point["step"]: point for point in curves["loss", "loss"]}
    compared = 0
    for one in ended:
        recorded = traces.figures.telemetry.rounds.get(one.step, {})
        told = [recorded.get(traces.figures.numbers[wallet], {}).get("loss") for wallet in one.witnesses]
        if not told or None in told:  # a worker that was killed has forgotten what it reported
            continue
        assert losses[one.step]["value"] == float(median(map(numpy.float32, told)))
        assert losses[one.step]["witnesses"] == len(told)
        compared += 1
    assert compared > (len(ended) - 1 if not traces.data.faults else len(ended) / 2)
    earned = sum(client.earned for client in traces.figures.last.clients)
    assert curves["rewards", "earned"][-1]["value"] == earned == traces.data.paid.base_units
    assert curves["rewards", "claimed"][-1]["value"] == traces.data.claimed.base_units
    by_step = {one.step: one for one in traces.figures.rounds}
    for point in curves["evals", "loss"]:
        known = {value for heard in traces.figures.telemetry.evaluations.values() for value in heard}
        assert round(point["value"], 6) in known
        assert by_step[point["step"]].epoch > 0


def test_every_figure_of_the_report_is_what_the_run_has_recorded(traces: Traces) -> None:
    assert len(traces.data.round_list) > 10
    assert traces.figures.wrong(traces.data) == []


def test_the_model_predicts_what_the_transactions_of_the_workers_did(traces: Traces) -> None:
    moments = traces.figures.moments
    assert moments[-1].state == decode(traces.ledger.after)
    names = {moment.name for moment in moments}
    assert names >= {"join_run", "tick", "warmup_witness", "witness"}
    assert not [one for one in traces.ledger.transactions if one.err is not None]


ALTERATIONS: dict[str, Callable[[RehearsalData], RehearsalData]] = {
    "steps": lambda data: replace(data, steps=data.steps + 1),
    "epochs": lambda data: replace(data, epochs=data.epochs + 1),
    "loss of the run": lambda data: replace(data, last_loss=(data.last_loss or 0) + 0.001),
    "paid": lambda data: replace(data, paid=_more(data.paid)),
    "claimed": lambda data: replace(data, claimed=_more(data.claimed)),
    "worker": lambda data: _member(data, worker="FAULTED"),
    "end of a worker": lambda data: _member(data, ended="It ended: exit code 3."),
    "earned": lambda data: _member(data, earned=_more(data.member_list[0].earned)),
    "claimed by a member": lambda data: _member(data, claimed=_more(data.member_list[0].claimed)),
    "witnessed": lambda data: _member(data, witnessed=data.member_list[0].witnessed - 1),
    "dropped": lambda data: _member(data, dropped_at_steps=(3,)),
    "counted": lambda data: _round(data, counted=data.round_list[6].counted[1:]),
    "witnesses": lambda data: _round(data, witnesses=data.round_list[6].witnesses[1:]),
    "weights": lambda data: _round(data, weights="0" * 64),
    "agreed": lambda data: _round(data, agreed=False),
    "loss": lambda data: _round(data, loss=(data.round_list[6].loss or 0) + 0.001),
    "seconds": lambda data: _round(data, seconds=1 + (data.round_list[6].seconds or 0)),
    "sequences": lambda data: _round(data, sequences=data.round_list[6].sequences + 1),
    "checked": lambda data: _round(data, checked=data.round_list[6].checked + 1),
    "a round": lambda data: replace(data, round_list=data.round_list[:-1]),
    "paid in an epoch": lambda data: _epoch(data, paid=_more(data.epoch_list[0].paid)),
    "rounds of an epoch": lambda data: _epoch(data, rounds=data.epoch_list[0].rounds + 1),
}


@pytest.mark.parametrize("what", ALTERATIONS)
def test_a_report_that_was_altered_in_one_figure_is_found_out(traces: Traces, what: str) -> None:
    assert len(traces.figures.wrong(ALTERATIONS[what](traces.data))) == 1


@pytest.mark.parametrize("name", ["rounds", "spoiled_steps", "paid", "paid_for_lies", "slashed", "steps"])
def test_a_lie_that_was_altered_in_one_figure_is_found_out(traces: Traces, name: str) -> None:
    if not traces.data.faults:
        assert traces.data.lies == ()
        return
    [lie] = traces.data.lies
    value: Any = getattr(lie, name)
    changed: Any = value + 1 if isinstance(value, int) else value[1:] if name == "steps" else _more(value)
    assert len(traces.figures.wrong(replace(traces.data, lies=(replace(lie, **{name: changed}),)))) == 1


def _more(amount: Any) -> Any:
    return replace(amount, base_units=amount.base_units + 1)


def _member(data: RehearsalData, **changes: Any) -> RehearsalData:
    first, *others = data.member_list
    return replace(data, member_list=(replace(first, **changes), *others))


def _round(data: RehearsalData, **changes: Any) -> RehearsalData:
    rounds = list(data.round_list)
    rounds[6] = replace(rounds[6], **changes)
    return replace(data, round_list=tuple(rounds))


def _epoch(data: RehearsalData, **changes: Any) -> RehearsalData:
    first, *others = data.epoch_list
    return replace(data, epoch_list=(replace(first, **changes), *others))
