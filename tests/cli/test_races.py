"""Somebody else changes the run between our look and our transaction: the program's own answer is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from psyche_cli.cluster.transport import Transport
from psyche_cli.errors import ExitCode, RpcError, Unreachable, WrongOwner
from tests.cli.conftest import House
from tests.cli.harness import CommandLine, Outcome
from tests.cli.test_life import largest_config


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


class GoingDark(Meddling):
    """Answers nothing any more once a transaction has been looked up in the ledger."""

    fault: BaseException = Unreachable("Nobody is there any more.")

    def send(self, body: bytes, *, timeout: float) -> bytes:
        if self._meddle is None:
            raise self.fault
        answer = self._inner.send(body, timeout=timeout)
        if json.loads(body)["method"] == "getTransaction":
            self._meddle = None
        return answer


class CtrlC(GoingDark):
    """The user presses Ctrl-C at the same point."""

    fault = KeyboardInterrupt()


class GoingAstray(GoingDark):
    """Behind the same URL, another cluster begins to answer."""

    fault = WrongOwner("Not that program's.")


@pytest.mark.parametrize("kind", [GoingDark, CtrlC, GoingAstray])
@pytest.mark.parametrize(
    "words",
    [
        ("treasurer-top-up-rewards", "--run-id", "test", "--collateral-amount", "5"),
        ("set-paused", "--run-id", "test", "--resume"),
        ("join-authorization-create", "--permissionless"),
    ],
    ids=lambda words: words[0],
)
def test_what_happens_after_the_landing_changes_no_verdict(
    house: House, words: tuple[str, ...], kind: type[GoingDark]
) -> None:
    """Whoever is told that a payment failed repeats it."""
    house.run(treasurer=True)
    dark = CommandLine(
        house.cli.home, lambda url: kind(house.chain.transport(url), "", lambda: None), house.cli.variables
    )
    outcome = dark(*words, "--output", "json")
    assert outcome.code is ExitCode.OK, outcome.stderr
    assert len(outcome.json["transactions"]) == 1


def test_a_second_half_that_fails_tells_of_the_first(house: House, tmp_path: Path) -> None:
    run_id = house.run(treasurer=True, configured=False)
    big = tmp_path / "big.toml"
    big.write_text(largest_config())
    sends = iter(range(10))

    class SecondSendLost(Meddling):
        def send(self, body: bytes, *, timeout: float) -> bytes:
            if json.loads(body)["method"] == "sendTransaction" and next(sends) > 0:
                raise RpcError("No.", rpc_code=-32003)
            return self._inner.send(body, timeout=timeout)

    late = CommandLine(
        house.cli.home, lambda url: SecondSendLost(house.chain.transport(url), "", lambda: None), house.cli.variables
    )
    words = ("--config-path", big, "--name", "n" * 64, "--description", "d" * 280, "--client-version", "v" * 96)
    outcome = late("update-config", "--run-id", run_id, *words, "--output", "json")
    assert outcome.code is ExitCode.NETWORK, outcome.stderr
    [signature] = outcome.json["error"]["context"]["landed"]
    assert signature in outcome.json["error"]["hint"]
    setup = house.dump()["coordinator_account"]["setup"]
    assert setup["metadata"]["name"] == "n" * 64
    assert setup["client_version"] == "latest"


def test_equal_payments_at_once_are_two_payments(house: House) -> None:
    """Another process tops up by the same amount between our signing and our sending, on the same blockhash."""
    run_id = house.run(treasurer=True)
    words = ("treasurer-top-up-rewards", "--run-id", run_id, "--collateral-amount", "5", "--output", "json")
    late = CommandLine(
        house.cli.home,
        lambda url: Meddling(house.chain.transport(url), "sendTransaction", lambda: house.cli(*words)),
        house.cli.variables,
    )
    assert late(*words).code is ExitCode.OK
    assert house.dump()["treasurer_run"]["funded_collateral_amount"] == 10
