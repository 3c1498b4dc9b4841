"""If the requested state already holds, commands exit with 0 and send nothing."""

from __future__ import annotations

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.protocol.run_states import RunState
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import Outcome, address_of

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
