"""A vault that cannot pay the next epoch: all related commands warn about the missing amount."""

from __future__ import annotations

from typing import Any

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.protocol.run_states import RunState
from tests.cli.conftest import House
from tests.cli.harness import Outcome

RUN = ("--run-id", "test")
RATES = ("set-future-epoch-rates", *RUN)
TOP_UP = ("treasurer-top-up-rewards", *RUN, "--collateral-amount")
RESUME = ("set-paused", *RUN, "--resume")


def missing(outcome: Outcome) -> str | None:
    """The missing amount in a JSON outcome; checks that warning and data agree."""
    assert outcome.code is ExitCode.OK, outcome.stderr
    amount = outcome.data["missing_collateral"]
    warnings = outcome.json["warnings"]
    if amount["base_units"] == 0:
        assert not any("collateral" in warning for warning in warnings)
        return None
    [warning] = warnings
    shown = f"{amount['base_units'] / 1_000_000:f}".rstrip("0").rstrip(".")
    assert warning.endswith(f". Top it up with at least {shown}.")
    return shown


def json(house: House, *words: object) -> Outcome:
    return house.cli(*words, "--output", "json")


def test_every_related_command_warns(house: House) -> None:
    house.run(treasurer=True)
    assert missing(json(house, *RESUME)) is None, "without a rate nothing will be paid"
    assert missing(json(house, *RATES, "--earning-rate", "12.5")) == "12.5"
    assert missing(json(house, *RATES, "--earning-rate", "12.5")) == "12.5", "also if the rate is already set"
    assert missing(json(house, *TOP_UP, "2.25")) == "10.25"
    assert missing(json(house, *RESUME)) == "10.25"
    assert "missing_collateral" in house.cli.json("set-paused", *RUN), "present, although pausing pays nothing"
    assert missing(json(house, *RESUME)) == "10.25"
    assert missing(json(house, *TOP_UP, "10.249999")) == "0.000001"
    assert missing(json(house, *TOP_UP, "0.000001")) is None
    assert missing(json(house, *RATES, "--earning-rate", "12.500001")) == "0.000001"


def test_the_warning_is_on_stderr_with_a_suggested_command(house: House) -> None:
    house.run(treasurer=True)
    outcome = house.cli(*RATES, "--earning-rate", "12.5")
    assert "Warning: The vault holds 0 of the collateral token" in outcome.stderr
    assert "Top it up with at least 12.5." in outcome.stderr
    assert "vault holds" not in outcome.stdout
    assert f"Next: psyche-cli {' '.join(TOP_UP)} 12.5\n" in outcome.stderr
    helped = house.cli(*TOP_UP, "12.5")
    assert "Warning" not in helped.stderr
    assert "Next" not in helped.stderr


def test_a_sufficient_balance_is_shown_in_epochs(house: House) -> None:
    house.run(treasurer=True)
    house.cli.json(*TOP_UP, "25")
    for rate, epochs in (("12.5", "2 epochs"), ("25", "1 epoch"), ("9", "2 epochs")):
        assert f"{epochs} at this rate" in house.cli(*RATES, "--earning-rate", rate).stdout
    assert "at this rate" not in house.cli(*RATES, "--earning-rate", "0").stdout
    assert "at this rate" not in house.cli(*RATES, "--earning-rate", "26").stdout


@pytest.mark.parametrize(
    ("state", "pending", "expected"),
    [
        (RunState.PAUSED, False, 3 + 5),
        (RunState.WAITING_FOR_MEMBERS, False, 3 + 5),
        (RunState.WARMUP, False, 3 + 4 + 5),
        (RunState.ROUND_TRAIN, False, 3 + 4 + 5),
        (RunState.COOLDOWN, False, 3 + 4 + 5),
        (RunState.ROUND_TRAIN, True, 3 + 5),
        (RunState.FINISHED, False, 0),
    ],
)
def test_debts_and_the_current_epoch_count(house: House, state: RunState, pending: bool, expected: int) -> None:
    """Unclaimed: 3 tokens. The current epoch pays 4 tokens and every later one 5."""
    house.run(treasurer=True)
    house.cli.json(*RATES, "--earning-rate", "5")
    house.enter(state, pending_pause=pending)

    def change(image: Any) -> None:
        clients = image.state.clients_state
        clients.current_epoch_rates.earning_rate_total_shared = 4_000_000
        clients.clients.len = 1
        clients.clients.data[0].earned = 3_000_000

    house.edit(change)
    outcome = json(house, *TOP_UP, "1")
    held = 1
    assert missing(outcome) == (str(expected - held) if expected else None)


def test_a_run_without_treasurer_has_no_vault(house: House) -> None:
    house.run()
    outcome = json(house, *RATES, "--earning-rate", "5")
    assert outcome.data["missing_collateral"] is None
    assert outcome.json["warnings"] == []
