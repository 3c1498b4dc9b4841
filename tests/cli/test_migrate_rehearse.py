"""``migrate --rehearse`` through the command line: on a validator of its own, with copies of the run's accounts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from solders.account import Account

from psyche_cli.errors import ExitCode
from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.protocol.run_states import RunState
from tests.cli.conftest import House
from tests.cli.harness import Outcome, address_of
from tests.cli.test_layouts import lay_out
from tests.cli.test_migrate import OLD, STEP, Place, kinds, started

PAID = '\n[rewards]\nearning_rate = "12.5"\n\n[funding]\nkeep_epochs = 10\n'


def rehearsed(place: Place, *words: object, wallet: Path | None = None) -> Outcome:
    """The outcome of a rehearsal, which sends nothing to the cluster and changes nothing there."""
    house = place.house
    bank = house.chain.dispatcher.context.bank
    before, sent = _moment(bank), len(house.chain.requests)
    variables = {} if wallet is None else {"WALLET_PRIVATE_KEY_PATH": str(wallet)}
    words = ("migrate", *OLD, "--to", place.file, *words, "--rehearse", "--output", "json")
    outcome = house.cli(*words, variables=variables)
    reads = {"getMultipleAccounts", "getProgramAccounts", "getGenesisHash"}
    assert {method for one in house.chain.requests[sent:] for method in one.split("+")} <= reads
    assert _moment(bank) == before
    assert not place.export.exists()
    return outcome


def _moment(bank: Bank) -> Any:
    """The history and the clock of a chain."""
    return replace(bank.save(), number=0)


def with_pay(place: Place) -> None:
    """Add rates and funding to the file."""
    place.file.write_text(place.file.read_text() + PAID)


def owned_run(house: House) -> None:
    """A run without a treasurer, which everyone may join, with a member."""
    house.run()
    house.join(house.stranger)


def run_of_another_join_authority(house: House) -> None:
    house.cli.json("create-run", *OLD, "--join-authority", address_of(house.stranger))
    house.cli.json("update-config", *OLD, "--config-path", "configs/minimal.toml")


def paying_run(house: House) -> None:
    house.run(treasurer=True)
    house.join(house.stranger)


REASONS: dict[str, tuple[Callable[[House], Any], Callable[[House], list[Any]]]] = {
    "treasurer": (owned_run, lambda house: ["--treasurer-collateral-mint", house.new_mint()]),
    "join-authority": (run_of_another_join_authority, lambda house: ["--join-authority", address_of(house.owner)]),
    "same-treasurer": (paying_run, lambda _: []),
    "no-treasurer": (paying_run, lambda _: ["--no-treasurer"]),
}


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        ("treasurer", RunState.ROUND_TRAIN),
        ("join-authority", RunState.ROUND_WITNESS),
        ("same-treasurer", RunState.PAUSED),
        ("no-treasurer", RunState.COOLDOWN),
    ],
)
def test_each_reason(place: Place, reason: str, state: RunState) -> None:
    """What is rehearsed is then what happens, and costs what it has cost in the rehearsal."""
    house = place.house
    create, words = REASONS[reason]
    create(house)
    started(place, state)
    place.migrate(*words(house))
    if reason in ("treasurer", "same-treasurer"):
        place.file.write_text(
            place.file.read_text().replace('\n[rewards]\nearning_rate = "0"\nslashing_rate = "0"\n', "")
        )
        with_pay(place)
    data = rehearsed(place).data
    epoch, members = data["epoch"], data["epoch"]["members"]
    assert epoch["first_step"] >= STEP
    assert epoch["last_step"] > epoch["first_step"]
    assert not data["stand_in_key"]
    if reason in ("treasurer", "same-treasurer"):
        assert [(one["earned"], one["claimed"]) for one in members] == [(12_500_000, 12_500_000)]
    else:
        assert [one["earned"] for one in members] == [0]
    plan, before = place.planned(), place.lamports
    assert data["planned_lamports"] == data["lamports"] == plan["fee_lamports"] + plan["rent_lamports"]
    done = place.apply().data
    assert before - place.lamports == data["lamports"]
    waits = [kind for kind in kinds(data) if kind != "wait-old"]
    assert [kind for kind in kinds(done) if kind != "wait-old"] == waits
    assert place.is_done()


@pytest.mark.parametrize("layout", ["v0", "v2-claimer"])
def test_a_retired_layout(place: Place, layout: str) -> None:
    owned_run(place.house)
    started(place, RunState.PAUSED)
    lay_out(place.house, layout)
    if layout == "v0":
        place.set_rounds(4)
    data = rehearsed(place).data
    assert (data["run_id"], kinds(data)[:2]) == ("test-2", ["export", "create"])
    assert data["epoch"]["first_step"] == STEP


@pytest.mark.parametrize(("create", "whose"), [(owned_run, "nobody"), (paying_run, "stranger")])
def test_the_key_of_the_owner_is_not_here(place: Place, create: Callable[[House], Any], whose: str) -> None:
    """A stand-in takes its place, with its SOL and its tokens."""
    house = place.house
    create(house)
    started(place, RunState.ROUND_TRAIN)
    place.migrate(*([] if create is paying_run else ["--treasurer-collateral-mint", house.new_mint()]))
    place.file.write_text(place.file.read_text().replace('\n[rewards]\nearning_rate = "0"\nslashing_rate = "0"\n', ""))
    with_pay(place)
    if whose == "nobody":
        del house.cli.variables["WALLET_PRIVATE_KEY_PATH"]
    outcome = rehearsed(place, wallet=house.stranger if whose == "stranger" else None)
    assert outcome.data["stand_in_key"]
    assert "top-up" in kinds(outcome.data)
    assert [one["claimed"] for one in outcome.data["epoch"]["members"]] == [12_500_000]
    assert any("a new key has taken its place" in warning for warning in outcome.json["warnings"])


@pytest.mark.parametrize("layout", ["v2", "v0"])
def test_the_authorizations_of_an_owner_whose_key_is_not_here(place: Place, layout: str) -> None:
    """The stand-in has them too, so that the steps and their costs are those of the plan."""
    house = place.house
    owned_run(house)
    house.cli.json("join-authorization-create", "--authorizer", address_of(house.stranger))
    started(place, RunState.PAUSED)
    if layout == "v0":
        lay_out(house, layout)
        place.set_rounds(4)
    place.migrate()
    plan = place.planned()
    del house.cli.variables["WALLET_PRIVATE_KEY_PATH"]
    data = rehearsed(place).data
    assert data["stand_in_key"]
    assert kinds(data) == kinds(plan)
    assert data["lamports"] == data["planned_lamports"] == plan["fee_lamports"] + plan["rent_lamports"]
    assert data["differences"] == []


@pytest.mark.parametrize("during", ["migrations.rehearse.apply_run", "localnet.play.play"])
def test_an_interruption(place: Place, monkeypatch: pytest.MonkeyPatch, during: str) -> None:
    """Nothing is to be continued, because all of it happened on the validator of the rehearsal."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    owned_run(place.house)
    started(place, RunState.PAUSED)
    monkeypatch.setattr(f"psyche_cli.operations.{during}", interrupted)
    outcome = rehearsed(place, "--to-run-id", "other")
    error = outcome.json["error"]
    assert outcome.code is ExitCode.INTERRUPTED
    assert error["message"] == "The rehearsal was interrupted."
    assert error["hint"] == "Nothing was sent to the cluster."


def test_members_are_not_paid(place: Place) -> None:
    """The rehearsal finds what no plan tells: the vault cannot pay what the members earn."""
    house = place.house
    owned_run(house)
    place.migrate("--treasurer-collateral-mint", house.new_mint())
    place.file.write_text(place.file.read_text() + '\n[rewards]\nearning_rate = "2"\n')
    outcome = rehearsed(place)
    assert outcome.code is ExitCode.DIFFERS
    [difference] = outcome.json["data"]["differences"]
    assert difference.startswith("The vault could not pay 2 of what the members have earned: add [funding]")
    assert difference in outcome.json["warnings"]
    assert kinds(outcome.json["data"])[:2] == ["export", "recreate"], "the report of what went well is there"
    assert "\n# [funding]\n# keep_epochs = 10\n" in place.file.read_text()


def test_obstacles_are_those_of_the_plan(place: Place) -> None:
    house = place.house
    owned_run(house)
    bank = house.chain.dispatcher.context.bank
    wallet = place.account(address_of(house.owner))
    assert wallet is not None
    mint = house.new_mint()
    bank.set_account(address_of(house.owner), Account(3_000_000, b"", wallet.owner))
    refused = rehearsed(place, "--treasurer-collateral-mint", mint)
    assert refused.code is ExitCode.REFUSED
    assert "holds 0.003 SOL" in refused.json["error"]["message"]


def test_a_run_without_a_configuration(place: Place) -> None:
    place.house.run(configured=False)
    data = rehearsed(place, "--to-run-id", "other").data
    assert (data["epoch"], kinds(data)) == (None, ["export", "recreate"])


def test_a_plan_file_is_not_written(place: Place) -> None:
    place.house.run()
    refused = rehearsed(place, "-o", place.plan_file)
    assert "--rehearse writes no plan" in refused.json["error"]["message"]
    assert not place.plan_file.exists()
