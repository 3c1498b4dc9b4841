"""If the requested state already holds, commands exit with 0 and send nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from solders.account import Account
from solders.instruction import AccountMeta, Instruction

from psyche_cli.errors import ExitCode, HttpStatusError
from psyche_cli.protocol.run_states import RunState
from psyche_cli.solana.programs import SYSTEM_PROGRAM
from psyche_cli.transport import Transport
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import Chain, Outcome, address_of

RUN = ("--run-id", "test")
PAUSE = ("set-paused", *RUN)
RESUME = (*PAUSE, "--resume")


def already(house: House, *words: object) -> Outcome:
    """Run a command that must not send anything, in both output formats."""
    sent = house.chain.sent
    human, outcome = house.cli(*words), house.cli(*words, "--output", "json")
    assert (human.code, outcome.code) == (ExitCode.OK, ExitCode.OK), human.stderr
    assert house.chain.sent == sent
    assert outcome.json["transactions"] == []
    assert outcome.data["already_so"] is True
    assert "already" in outcome.json["summary"]
    assert "already" in human.stdout
    assert "transaction" not in human.stdout
    return outcome


@pytest.mark.parametrize("treasurer", [False, True], ids=["plain", "treasurer"])
def test_pausing_and_resuming_twice(house: House, treasurer: bool) -> None:
    house.run(treasurer=treasurer)
    assert house.cli.json(*RESUME)["already_so"] is False
    data = already(house, *RESUME).data
    assert (data["state_before"], data["state"]) == ("Waiting for members", "Waiting for members")
    assert house.cli.json(*PAUSE)["already_so"] is False
    assert already(house, *PAUSE).data["state"] == "Paused"


@pytest.mark.parametrize("state", [state for state in RunState if not state.is_halted])
def test_resuming_a_running_run(house: House, state: RunState) -> None:
    house.run()
    house.enter(state)
    assert already(house, *RESUME).data["state"] == state.text


@pytest.mark.parametrize("state", [RunState.ROUND_TRAIN, RunState.ROUND_WITNESS, RunState.COOLDOWN])
def test_a_pending_pause(house: House, state: RunState) -> None:
    """Pausing again succeeds; resuming is rejected, because a pending pause cannot be cancelled."""
    house.run()
    house.enter(state, pending_pause=True)
    outcome = already(house, *PAUSE)
    assert outcome.data["pending_pause"] is True
    assert "at the end of this epoch" in outcome.json["summary"]
    refused = house.cli(*RESUME)
    assert refused.code is ExitCode.REFUSED
    assert "cannot be cancelled" in refused.stderr


@pytest.mark.parametrize("words", [PAUSE, RESUME], ids=["pause", "resume"])
def test_a_finished_run_is_neither_paused_nor_running(house: House, words: tuple[str, ...]) -> None:
    house.run()
    house.enter(RunState.FINISHED)
    outcome = house.cli(*words, "--output", "json")
    assert outcome.json["error"]["code"] == "wrong_run_state"


def test_a_stranger_is_rejected_even_if_nothing_would_be_sent(house: House) -> None:
    house.run()
    house.cli.json(*RESUME)
    assert house.cli(*RESUME, "-w", house.stranger, "--output", "json").json["error"]["code"] == "not_authority"


@pytest.mark.parametrize("treasurer", [False, True], ids=["plain", "treasurer"])
def test_rates_that_are_already_set(house: House, treasurer: bool) -> None:
    house.run(treasurer=treasurer)
    verb = ("set-future-epoch-rates", *RUN)
    already(house, *verb, "--earning-rate", "0")
    already(house, *verb, "--earning-rate", "0", "--slashing-rate", "0.0" if treasurer else "0")
    first = house.cli.json(*verb, "--earning-rate", "7")
    assert first["already_so"] is False
    data = already(house, *verb, "--earning-rate", "7", "--slashing-rate", "0").data
    assert data["earning_rate_total_shared"] == data["earning_rate_total_shared_before"]
    changed = house.cli.json(*verb, "--earning-rate", "7", "--slashing-rate", "1")
    assert changed["already_so"] is False
    assert changed["slashing_rate_per_client"]["amount"] == 1


def test_configuration_values_that_are_already_set(house: House) -> None:
    house.run()
    verb = ("update-config", *RUN)
    already(house, *verb, "--config-path", MINIMAL)
    already(house, *verb, "--client-version", "latest", "--name", "", "--vocab-size", "0", "--switch-to-hub")


@pytest.mark.parametrize("grantee", ["--permissionless", "--authorizer"])
def test_an_active_authorization(house: House, grantee: str) -> None:
    who = () if grantee == "--permissionless" else (str(address_of(house.stranger)),)
    verb = ("join-authorization-create", grantee, *who)
    assert house.cli.json(*verb)["already_so"] is False
    already(house, *verb)


def test_the_run_authorizer_arguments(house: House) -> None:
    house.cli.json("run-authorizer")
    already(house, "run-authorizer")


CLOSE = ("close-run", *RUN)
LEDGER = ["getSignaturesForAddress", "getTransaction"]


def requests_of(house: House, *words: object) -> tuple[Any, list[str]]:
    """The result of a closed run's closing, in JSON, and the requests that it took."""
    before = len(house.chain.requests)
    outcome = house.cli(*words, "--output", "json")
    return outcome.json, house.chain.requests[before:]


def test_a_run_that_this_wallet_closed_is_found_in_the_journal(house: House) -> None:
    house.run()
    first = house.cli.json(*CLOSE, "--yes")
    data = already(house, *CLOSE).data  # needs no confirmation
    assert data["closing_transaction"] == first["closing_transaction"]
    assert (data["coordinator_account"], data["state_before"], data["recovered_lamports"]) == (None, None, 0)
    assert first["closing_transaction"] in house.cli(*CLOSE).stdout
    assert requests_of(house, *CLOSE)[1] == ["getMultipleAccounts", "getGenesisHash"]
    house.cli.json("localnet", "warp", "--slots", "5")
    house.run()
    second = house.cli.json(*CLOSE, "--yes")
    assert already(house, *CLOSE).data["closing_transaction"] == second["closing_transaction"]


def test_a_run_that_was_closed_elsewhere_is_found_in_the_ledger(house: House, tmp_path: Path) -> None:
    house.run()
    instance = house.instance().address
    house.chain.rpc.request_airdrop(instance, 1)
    first = house.cli.json(*CLOSE, "--yes")
    elsewhere = ("--state-dir", tmp_path / "empty")
    result, requests = requests_of(house, *CLOSE, *elsewhere)
    assert result["data"]["closing_transaction"] == first["closing_transaction"]
    assert requests == ["getMultipleAccounts", *LEDGER]
    # A transaction that only names the account, like a failed one, says nothing about it.
    house.send(Instruction(SYSTEM_PROGRAM, bytes([2, 0, 0, 0, *bytes(8)]), [
        AccountMeta(address_of(house.owner), True, True), AccountMeta(instance, False, True),
    ]))  # fmt: skip
    result, requests = requests_of(house, *CLOSE, *elsewhere, "-w", house.stranger)
    assert result["data"]["already_so"] is True
    assert requests == ["getMultipleAccounts", *LEDGER, "getTransaction"]


@pytest.mark.parametrize(
    "words",
    [CLOSE, ("join-authorization-delete", "--permissionless"), ("join-authorization-close", "--permissionless")],
)
def test_what_never_existed_is_not_already_closed(house: House, words: tuple[str, ...]) -> None:
    result, requests = requests_of(house, *words)
    assert result["exit_code"] == ExitCode.NOT_FOUND
    assert requests == ["getMultipleAccounts", "getSignaturesForAddress"]


def test_an_account_that_last_received_something_was_not_closed(house: House, tmp_path: Path) -> None:
    """As if the node that was asked for the account lagged behind."""
    house.run()
    instance = house.instance().address
    house.chain.dispatcher.context.bank.set_account(instance, Account(0, b"", SYSTEM_PROGRAM))
    result, requests = requests_of(house, *CLOSE, "--state-dir", tmp_path / "empty")
    assert result["exit_code"] == ExitCode.NOT_FOUND
    assert requests[1:] == [*LEDGER, *["getTransaction"] * (len(requests) - 3)]


def test_a_journal_of_another_cluster_says_nothing(house: House, tmp_path: Path) -> None:
    house.run()
    house.cli.json(*CLOSE, "--yes")
    other, _ = Chain.start(tmp_path / "other", owner=100, nobody=1)
    cli = replace(house.cli, open_transport=other.transport)
    before = len(other.requests)
    assert cli(*CLOSE).code is ExitCode.NOT_FOUND
    assert other.requests[before:] == ["getMultipleAccounts", "getGenesisHash", "getSignaturesForAddress"]


def test_an_endpoint_without_a_ledger_knows_nothing_else(house: House, tmp_path: Path) -> None:
    class Forgetful:
        label = "node"

        def __init__(self, inner: Transport) -> None:
            self._inner = inner

        def send(self, body: bytes, *, timeout: float) -> bytes:
            if b"getSignaturesForAddress" in body:
                raise HttpStatusError("403", status=403)
            return self._inner.send(body, timeout=timeout)

        def close(self) -> None: ...

    house.run()
    house.cli.json(*CLOSE, "--yes")
    cli = replace(house.cli, open_transport=lambda url: Forgetful(house.chain.transport(url)))
    assert cli(*CLOSE).code is ExitCode.OK
    assert cli(*CLOSE, "--state-dir", tmp_path / "empty").code is ExitCode.NOT_FOUND


CREATE = ("create-run", *RUN, "--name", "A name", "--client-version", "v1")


@pytest.mark.parametrize("treasurer", [False, True], ids=["plain", "treasurer"])
def test_an_existing_run_is_rejected_and_compared(house: House, treasurer: bool) -> None:
    """The exception, because the run may belong to someone else. A script that retries can check ``as_requested``."""
    new_mint = house.new_mint()
    mint = ("--treasurer-collateral-mint", new_mint) if treasurer else ()
    house.cli.json(*CREATE, *mint)
    sent = house.chain.sent

    def as_requested(*words: object) -> bool:
        error = house.cli(*words, "--output", "json").json["error"]
        assert error["code"] == "already_exists"
        assert house.chain.sent == sent
        wanted: bool = error["context"]["as_requested"]
        return wanted

    assert as_requested(*CREATE, *mint)
    assert not as_requested(*CREATE, *mint, "-w", house.stranger)
    assert not as_requested(*CREATE, *mint, "--client-version", "v2")
    assert not as_requested(*CREATE, *mint, "--name", "Another")
    assert not as_requested(*CREATE, *mint, "--description", "More")
    assert not as_requested(*CREATE, *mint, "--join-authority", address_of(house.stranger))
    other = CREATE if treasurer else (*CREATE, "--treasurer-collateral-mint", new_mint)
    assert not as_requested(*other)
