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
    """The missing amount in a JSON outcome; checks that warnings and data agree."""
    assert outcome.code is ExitCode.OK, outcome.stderr
    amount = tokens(outcome.data["missing_collateral"])
    warnings = outcome.json["warnings"]
    for_ten = tokens(outcome.data["vault_cover"]["missing_for_ten_epochs"])
    if for_ten == "0":
        assert not warnings
        return None
    [warning] = warnings
    if for_ten != amount:
        assert warning.endswith(f"For 10 epochs, top it up with {for_ten}.")
    if amount == "0":
        assert warning.startswith("The vault only pays for ")
        return None
    assert f". Top it up with at least {amount}." in warning
    return amount


def tokens(amount: dict[str, int]) -> str:
    return f"{amount['base_units'] / 1_000_000:f}".rstrip("0").rstrip(".")


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
    assert "Top it up with at least 12.5. For 10 epochs, top it up with 125." in outcome.stderr
    assert "vault holds" not in outcome.stdout
    assert f"Next: psyche-cli {' '.join(TOP_UP)} 125\n" in outcome.stderr
    helped = house.cli(*TOP_UP, "125")
    assert "Warning" not in helped.stderr
    assert "Next" not in helped.stderr


def test_the_epochs_that_the_vault_pays_for_are_shown(house: House) -> None:
    house.run(treasurer=True)
    house.cli.json(*TOP_UP, "25")
    epoch = 2 + 10 + 7 * (10 + 2) + 5
    for rate, epochs in (("12.5", 2), ("25", 1), ("9", 2), ("2.5", 10), ("0.01", 2500)):
        outcome = house.cli(*RATES, "--earning-rate", rate)
        count = "1 epoch" if epochs == 1 else f"{epochs} epochs"
        assert f"vault holds enough for      {count} at this rate, about " in outcome.stdout
        assert (f"The vault only pays for {count} at this rate" in outcome.stderr) is (epochs < 10)
        cover = house.cli.json(*RATES, "--earning-rate", rate)["vault_cover"]
        assert (cover["epochs"], cover["seconds"]) == (epochs, epochs * epoch)
    assert "at this rate" not in house.cli(*RATES, "--earning-rate", "0").stdout
    assert "at this rate" not in house.cli(*RATES, "--earning-rate", "26").stdout


def test_a_vault_for_few_epochs_is_a_warning_with_the_amount_for_ten(house: House) -> None:
    house.run(treasurer=True)
    house.cli.json(*RATES, "--earning-rate", "2")
    topped = house.cli(*TOP_UP, "7")
    assert "vault holds enough for  3 epochs at this rate, about " in topped.stdout
    assert "Warning: The vault only pays for 3 epochs at this rate, about " in topped.stderr
    assert "as configured. For 10 epochs, top it up with 13.\n" in topped.stderr
    for words in (RESUME, ("rewards", "list", *RUN)):
        outcome = house.cli(*words)
        assert "Warning: The vault only pays for 3 epochs at this rate, about " in outcome.stderr
        assert f"Next: psyche-cli {' '.join(TOP_UP)} 13\n" in outcome.stderr
        assert "vault holds enough for  3 epochs" in outcome.stdout
    assert "Warning" not in house.cli(*TOP_UP, "13").stderr


def test_without_a_configuration_no_duration_is_shown(house: House) -> None:
    house.run(treasurer=True, configured=False)
    house.cli.json(*RATES, "--earning-rate", "1")
    outcome = house.cli(*TOP_UP, "12")
    assert "vault holds enough for  12 epochs at this rate\n" in outcome.stdout
    assert "Warning" not in outcome.stderr
    assert house.cli.json(*TOP_UP, "1")["vault_cover"]["seconds"] is None


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
