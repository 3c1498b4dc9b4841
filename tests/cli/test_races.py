"""Races: another process changes the run between the read and the transaction of a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.errors import ExitCode, RpcError, Unreachable, WrongOwner
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator
from psyche_cli.solana.programs import SYSTEM_PROGRAM
from psyche_cli.solana.wallet import Wallet
from psyche_cli.transport import Transport
from tests.cli.conftest import House
from tests.cli.harness import SOL, CommandLine, Outcome, address_of, methods_of
from tests.cli.test_life import largest_config
from tests.support.patience import PATIENCE


class Meddling:
    """A transport that calls ``meddle`` once, right before the first request of a given method."""

    def __init__(self, inner: Transport, method: str, meddle: Callable[[], object]) -> None:
        self._inner, self._method = inner, method
        self._meddle: Callable[[], object] | None = meddle

    @property
    def label(self) -> str:
        return self._inner.label

    def send(self, body: bytes, *, timeout: float) -> bytes:
        if self._meddle and methods_of(body)[0] == self._method:
            meddle, self._meddle = self._meddle, None
            meddle()
        return self._inner.send(body, timeout=timeout)

    def close(self) -> None:
        self._inner.close()


def while_somebody_resumes(house: House, run_id: str, method: str, *words: str) -> Outcome:
    """Run a command; another process resumes the run right before the first request of ``method``."""

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
    outcome = while_somebody_resumes(house, run_id, "simulateTransaction", "update-config", "--client-version", "v2")
    assert outcome.code is ExitCode.REFUSED
    error = outcome.json["error"]
    assert error["code"] == "program_refused"
    assert "UpdateConfigNotHalted" in error["message"]
    assert "coordinator" in error["message"]
    assert error["context"]["sent"] is False
    assert any("Instruction: UpdateClientVersion" in line for line in error["context"]["logs"])
    assert house.chain.sent == sent + 1, "only the other process sent"


def test_a_transaction_that_fails_on_chain_reports_its_signature(house: House) -> None:
    run_id = house.run(treasurer=True)
    outcome = while_somebody_resumes(house, run_id, "sendTransaction", "update-config", "--client-version", "v2")
    assert outcome.code is ExitCode.REFUSED
    error = outcome.json["error"]
    assert error["context"]["sent"] is True
    assert error["context"]["signature"] in error["hint"]
    assert "UpdateConfigNotHalted" in error["message"]


def test_a_lost_response_pays_once(house: House) -> None:
    """The endpoint accepts the payment and drops the connection. The same bytes are resent, which pays once."""
    run_id = house.run(treasurer=True)
    lost = iter([True])

    class Dropping(Meddling):
        def send(self, body: bytes, *, timeout: float) -> bytes:
            answer = self._inner.send(body, timeout=timeout)
            if methods_of(body)[0] == "sendTransaction" and next(lost, False):
                raise Unreachable("The connection broke.")
            return answer

    dropping = CommandLine(
        house.cli.home, lambda url: Dropping(house.chain.transport(url), "", lambda: None), house.cli.variables
    )
    outcome = dropping("treasurer-top-up-rewards", "--run-id", run_id, "--collateral-amount", "5", "--output", "json")
    assert outcome.code is ExitCode.OK, outcome.stderr
    assert house.dump()["treasurer_run"]["funded_collateral_amount"] == 5


class GoingDark(Meddling):
    """Stops answering once a transaction has been looked up in the ledger."""

    fault: BaseException = Unreachable("Nobody is there any more.")

    def send(self, body: bytes, *, timeout: float) -> bytes:
        if self._meddle is None:
            raise self.fault
        answer = self._inner.send(body, timeout=timeout)
        if methods_of(body)[0] == "getTransaction":
            self._meddle = None
        return answer


class CtrlC(GoingDark):
    """Ctrl-C at the same point."""

    fault = KeyboardInterrupt()


class GoingAstray(GoingDark):
    """The same URL starts to serve another cluster."""

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
def test_events_after_landing_do_not_change_the_verdict(
    house: House, words: tuple[str, ...], kind: type[GoingDark]
) -> None:
    """A payment that is reported as failed would be repeated."""
    house.run(treasurer=True)
    dark = CommandLine(
        house.cli.home, lambda url: kind(house.chain.transport(url), "", lambda: None), house.cli.variables
    )
    outcome = dark(*words, "--output", "json")
    assert outcome.code is ExitCode.OK, outcome.stderr
    assert len(outcome.json["transactions"]) == 1


def test_a_failed_second_transaction_reports_the_first(house: House, tmp_path: Path) -> None:
    run_id = house.run(treasurer=True, configured=False)
    big = tmp_path / "big.toml"
    big.write_text(largest_config())
    sends = iter(range(10))

    class SecondSendLost(Meddling):
        def send(self, body: bytes, *, timeout: float) -> bytes:
            if methods_of(body)[0] == "sendTransaction" and next(sends) > 0:
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


def test_simultaneous_equal_payments_are_two_payments(house: House) -> None:
    """Another process tops up the same amount with the same blockhash between signing and sending."""
    run_id = house.run(treasurer=True)
    words = ("treasurer-top-up-rewards", "--run-id", run_id, "--collateral-amount", "5", "--output", "json")
    late = CommandLine(
        house.cli.home,
        lambda url: Meddling(house.chain.transport(url), "sendTransaction", lambda: house.cli(*words)),
        house.cli.variables,
    )
    assert late(*words).code is ExitCode.OK
    assert house.dump()["treasurer_run"]["funded_collateral_amount"] == 10


def raced(house: House, method: str, words: tuple[object, ...], winner: tuple[object, ...] = ()) -> Outcome:
    """Run ``words``; another process runs ``winner`` (default: the same) right before the first request of ``method``.

    The other process uses another blockhash, because equal transactions of a wallet would be the same transaction.
    """

    def meddle() -> None:
        house.cli.json("localnet", "warp", "--slots", 1)
        house.cli.json(*(winner or words))

    late = CommandLine(
        house.cli.home,
        lambda url: Meddling(house.chain.transport(url), method, meddle),
        house.cli.variables,
    )
    return late(*words, "--output", "json")


METHODS = pytest.mark.parametrize(
    ("method", "sent"), [("simulateTransaction", False), ("sendTransaction", True)], ids=["simulation", "on-chain"]
)


def assert_already_exists(house: House, outcome: Outcome, *, sent: bool) -> None:
    assert outcome.code is ExitCode.REFUSED, outcome.stderr
    error = outcome.json["error"]
    assert error["code"] == "already_exists"
    assert error["context"]["sent"] is sent
    assert ("signature" in error["context"]) is sent
    assert ("its fee was paid" in error["hint"]) is sent
    assert error["context"]["logs"], "what the programs said is kept"


@METHODS
@pytest.mark.parametrize("treasurer", [False, True], ids=["plain", "treasurer"])
@pytest.mark.parametrize("winner", ["owner", "stranger"])
def test_the_loser_of_a_simultaneous_creation(
    house: House, method: str, sent: bool, treasurer: bool, winner: str
) -> None:
    mint = ("--treasurer-collateral-mint", house.new_mint()) if treasurer else ()
    words = ("create-run", "--run-id", "test", *mint)
    before = house.chain.rpc.balance(address_of(house.owner))
    outcome = raced(house, method, words, (*words, "-w", getattr(house, winner)))
    assert_already_exists(house, outcome, sent=sent)
    context = outcome.json["error"]["context"]
    assert context["as_requested"] is (winner == "owner")
    assert context["instance"] == house.dump()["coordinator_instance"]["address"]
    paid = before - house.chain.rpc.balance(address_of(house.owner))
    if winner == "stranger":
        assert paid == (10_000 if sent else 0), "a fee at most"


@METHODS
def test_the_loser_of_a_race_for_a_treasurer_index(house: House, method: str, sent: bool) -> None:
    words = ("create-run", "--treasurer-collateral-mint", house.new_mint(), "--treasurer-index", "5", "--run-id")
    outcome = raced(house, method, (*words, "test"), (*words, "other"))
    assert_already_exists(house, outcome, sent=sent)
    assert "--treasurer-index" in outcome.json["error"]["hint"]


def test_the_loser_of_a_simultaneous_authorization_succeeds(house: House) -> None:
    words = ("join-authorization-create", "--permissionless")
    outcome = raced(house, "simulateTransaction", words)
    assert outcome.code is ExitCode.OK, outcome.stderr
    assert outcome.data["already_so"] is True
    assert outcome.json["transactions"] == []
    assert house.chain.sent == 1


def test_the_loser_of_a_simultaneous_authorization_that_paid_a_fee(house: House) -> None:
    words = ("join-authorization-create", "--permissionless")
    outcome = raced(house, "sendTransaction", words)
    assert_already_exists(house, outcome, sent=True)
    again = house.cli(*words, "--output", "json")
    assert again.data["already_so"] is True


@pytest.mark.parametrize("treasurer", [False, True], ids=["directly", "through an inner call"])
@pytest.mark.parametrize("resume", [False, True], ids=["pause", "resume"])
def test_the_loser_of_a_simultaneous_pause_succeeds(house: House, treasurer: bool, resume: bool) -> None:
    run_id = house.run(treasurer=treasurer)
    if not resume:
        house.cli.json("set-paused", "--run-id", run_id, "--resume")
    sent = house.chain.sent
    outcome = raced(house, "simulateTransaction", ("set-paused", "--run-id", run_id, *(["--resume"] if resume else [])))
    assert outcome.code is ExitCode.OK, outcome.stderr
    assert outcome.data["already_so"] is True
    assert outcome.json["transactions"] == []
    assert house.chain.sent == sent + 1, "only the other process sent"


def test_a_rejection_for_another_reason_is_reported(house: House) -> None:
    """The transaction fails although no other process created the run: its mint no longer exists."""
    mint = house.new_mint()
    bank = house.chain.dispatcher.context.bank

    def close() -> None:
        bank.set_account(Pubkey.from_string(mint), Account(0, b"", SYSTEM_PROGRAM))

    late = CommandLine(
        house.cli.home,
        lambda url: Meddling(house.chain.transport(url), "simulateTransaction", close),
        house.cli.variables,
    )
    outcome = late("create-run", "--run-id", "test", "--treasurer-collateral-mint", mint, "--output", "json")
    assert outcome.json["error"]["code"] == "program_refused"


def test_real_processes_create_the_same_run(tmp_path: Path) -> None:
    """Eight processes and one validator on a socket: one process creates the run, seven report that it exists."""
    wallet = tmp_path / "owner.json"
    key = Wallet.generate()
    key.write_keypair_file(wallet)
    options = LocalnetOptions(genesis=Genesis(balances={key.address: 100 * SOL}), rpc_port=0)
    with LocalValidator(options) as validator:
        command = [sys.executable, "-m", "psyche_cli", "create-run", "--run-id", "test", "-w", str(wallet)]
        processes = [
            subprocess.Popen(
                [*command, "--rpc", validator.rpc_url, "--output", "json"],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
                text=True,
            )
            for _ in range(8)
        ]
        documents = [json.loads(process.communicate(timeout=PATIENCE)[0]) for process in processes]
    assert sorted(document["exit_code"] for document in documents) == [0] + [6] * 7
    errors = [document["error"] for document in documents if not document["ok"]]
    assert {error["code"] for error in errors} == {"already_exists"}
    assert all(error["context"]["as_requested"] is True for error in errors)
