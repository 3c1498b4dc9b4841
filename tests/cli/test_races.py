"""Somebody else changes the run between our look and our transaction: the program's own answer is told."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from psyche_cli.cluster.transport import Transport
from psyche_cli.errors import ExitCode
from tests.cli.conftest import House
from tests.cli.harness import CommandLine, Outcome


class Meddling:
    """Calls ``meddle`` once, right before the first request of a given method passes."""

    def __init__(self, inner: Transport, method: str, meddle: Callable[[], object]) -> None:
        self._inner, self._method = inner, method
        self._meddle: Callable[[], object] | None = meddle

    @property
    def label(self) -> str:
        return self._inner.label

    def send(self, body: bytes, *, timeout: float) -> bytes:
        if self._meddle and json.loads(body)["method"] == self._method:
            meddle, self._meddle = self._meddle, None
            meddle()
        return self._inner.send(body, timeout=timeout)

    def close(self) -> None:
        self._inner.close()


def while_somebody_resumes(house: House, run_id: str, method: str, *words: str) -> Outcome:
    """Run a command while another process resumes the run just before our request of ``method``."""

    def meddle() -> None:
        house.cli.json("set-paused", "--run-id", run_id, "--resume")

    late = CommandLine(
        house.cli.home, lambda url: Meddling(house.chain.transport(url), method, meddle), house.cli.variables
    )
    return late(*words, "--run-id", run_id, "--output", "json")


@pytest.mark.parametrize("treasurer", [False, True], ids=["directly", "through an inner call"])
def test_a_simulation_that_fails_sends_nothing(house: House, treasurer: bool) -> None:
    run_id = house.run(treasurer=treasurer)
    sent = house.chain.sent
    outcome = while_somebody_resumes(house, run_id, "simulateTransaction", "set-paused", "--resume")
    assert outcome.code is ExitCode.REFUSED
    error = outcome.json["error"]
    assert error["code"] == "program_refused"
    assert "CoordinatorErrorCannotResume" in error["message"]
    assert "Cannot resume" in error["message"]
    assert "coordinator" in error["message"]
    assert error["context"]["sent"] is False
    assert any("Instruction: SetPaused" in line for line in error["context"]["logs"])
    assert house.chain.sent == sent + 1, "only the other process sent"


def test_a_transaction_that_fails_on_chain_names_its_signature(house: House) -> None:
    run_id = house.run(treasurer=True)
    outcome = while_somebody_resumes(house, run_id, "sendTransaction", "update-config", "--client-version", "v2")
    assert outcome.code is ExitCode.REFUSED
    error = outcome.json["error"]
    assert error["context"]["sent"] is True
    assert error["context"]["signature"] in error["hint"]
    assert "UpdateConfigNotHalted" in error["message"]


def test_an_answer_that_gets_lost_pays_once(house: House) -> None:
    """The endpoint takes the payment and then drops the connection: the same bytes again, one payment."""
    from psyche_cli.errors import Unreachable

    run_id = house.run(treasurer=True)
    lost = iter([True])

    class Dropping(Meddling):
        def send(self, body: bytes, *, timeout: float) -> bytes:
            answer = self._inner.send(body, timeout=timeout)
            if json.loads(body)["method"] == "sendTransaction" and next(lost, False):
                raise Unreachable("The connection broke.")
            return answer

    dropping = CommandLine(
        house.cli.home, lambda url: Dropping(house.chain.transport(url), "", lambda: None), house.cli.variables
    )
    outcome = dropping("treasurer-top-up-rewards", "--run-id", run_id, "--collateral-amount", "5", "--output", "json")
    assert outcome.code is ExitCode.OK, outcome.stderr
    assert house.dump()["treasurer_run"]["funded_collateral_amount"] == 5
