"""What is so already ends with 0, says so, and sends nothing; what only looks like it is not taken for it."""

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
    """Run a command of which nothing must come, in both formats."""
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
def test_resuming_what_runs(house: House, state: RunState) -> None:
    house.run()
    house.enter(state)
    assert already(house, *RESUME).data["state"] == state.text


@pytest.mark.parametrize("state", [RunState.ROUND_TRAIN, RunState.ROUND_WITNESS, RunState.COOLDOWN])
def test_a_pause_that_is_pending(house: House, state: RunState) -> None:
    """It is as good as done for who wants it, and cannot be taken back by who does not."""
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


def test_a_stranger_is_refused_also_where_nothing_would_be_sent(house: House) -> None:
    house.run()
    house.cli.json(*RESUME)
    assert house.cli(*RESUME, "-w", house.stranger, "--output", "json").json["error"]["code"] == "not_authority"


@pytest.mark.parametrize("treasurer", [False, True], ids=["plain", "treasurer"])
def test_rates_equal_to_the_present_ones(house: House, treasurer: bool) -> None:
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


def test_values_of_the_configuration(house: House) -> None:
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
def test_a_run_that_exists_is_refused_and_compared(house: House, treasurer: bool) -> None:
    """Creating is the exception: whose run it is matters. A script that repeats a lost attempt can tell, though."""
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
