"""``members``: the table, its order, CSV and JSON, and its width."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from psyche_cli.cli.app import main
from psyche_cli.errors import ExitCode
from psyche_cli.limits import MAX_CLIENTS
from psyche_cli.operations.status.members import SORT_KEYS
from tests.cli.conftest import House
from tests.cli.harness import address_of, environment_of, text_of
from tests.cli.test_claims import rewarded
from tests.support.shown_runs import run_in_warmup, run_that_is_finished
from tests.support.terminals import Terminal

RUN = ("--run-id", "test")


def on_terminal(house: House, *words: str, columns: int) -> str:
    environment = environment_of(house.cli, {"COLUMNS": str(columns), "NO_COLOR": "1"})
    environment.stdout = Terminal()
    assert main(list(words), environment) is ExitCode.OK
    return text_of(environment.stdout)


def test_members_of_an_epoch(still_house: House) -> None:
    house = still_house
    driver = house.driver().create()
    assert house.cli("members", *RUN).stdout == "No wallet has joined run test.\n  state  Uninitialized\n"
    driver.resume()
    driver.start_training(0, 1, 2)
    driver.play_round()
    driver.play_round(2)
    driver.report_absent(0, 2)
    driver.play_round(2)
    driver.join(1, 3)
    data = house.cli.json("members", *RUN)
    assert data["counts"] == {
        "all": 4, "joined": 2, "must_join_again": 2, "in_epoch": 2, "pending": 1, "late": 0,
        "healthy": 2, "dropped": 1, "withdrawn": 0, "ejected": 0,
    }  # fmt: skip
    assert (data["epoch"], data["next_epoch"], data["stored_rounds"], data["collateral_mint"]) == (0, 1, 4, None)
    keys = ("joined_epoch", "in_epoch", "health", "left_in_round", "rounds_witnessed", "must_join_again")
    assert [tuple(one[key] for key in keys) for one in data["members"]] == [
        (0, True, "Healthy", None, 3, True),
        (1, True, "Healthy", None, 3, False),
        (None, False, "Dropped", 2, 1, True),
        (1, False, None, None, 0, False),
    ]
    assert [one["wallet"] for one in data["members"]] == [str(one.address) for one in driver.members]
    assert data["members"][0]["claimed"] is None
    lines = house.cli("members", *RUN).stdout.splitlines()
    assert lines[:5] == [
        "Run test has 4 members.",
        "  state            Training",
        "  in epoch 0       2 now; of all that began it, 2 healthy, 1 dropped",
        "  joined epoch 1   2; 2 must join again to take part in it",
        "  witness records  of 4 stored rounds",
    ]
    dropped = lines[6:][3].split()
    assert dropped == [str(driver.members[2].address), "-", "no", "Dropped", "(2)", "1/4", "0", "0", "-", "-"]


def test_no_epoch_follows_a_finished_run(still_house: House) -> None:
    run_that_is_finished(still_house.driver())
    text = still_house.cli("members", *RUN).stdout
    assert "3 healthy" in text
    assert "join" not in text.replace("joined  in epoch", "")


def test_the_members_of_an_epoch_join_again_once_training_has_begun(still_house: House) -> None:
    run_in_warmup(still_house.driver())
    assert (
        "  joined epoch 1   0; 3 must join again once training has begun\n" in still_house.cli("members", *RUN).stdout
    )


def test_rewards_and_the_order(house: House) -> None:
    files = rewarded(house, 2_000_000, 5_000_000, 3_000_000, vault="6")
    wallets = [str(address_of(file)) for file in files]
    house.cli.json("treasurer-claim-rewards", *RUN, "-w", files[1])

    def order(*words: str) -> list[int]:
        return [wallets.index(one["wallet"]) for one in house.cli.json("members", *RUN, *words)["members"]]

    assert order() == [0, 1, 2]
    assert order("--descending") == [2, 1, 0]
    assert order("--sort", "earned") == [0, 2, 1]
    assert order("--sort", "claimable", "--descending") == [2, 0, 1]
    assert [wallets[place] for place in order("--sort", "wallet")] == sorted(wallets)
    for column in SORT_KEYS:
        assert sorted(order("--sort", column)) == [0, 1, 2]
    rows = list(csv.DictReader(io.StringIO(house.cli("members", *RUN, "--csv").stdout)))
    assert [(row["wallet"], row["earned"], row["claimed"], row["claimable"]) for row in rows] == [
        (wallets[0], "2", "0", "2"),
        (wallets[1], "5", "5", "0"),
        (wallets[2], "3", "0", "3"),
    ]
    shared = csv.DictReader(io.StringIO(house.cli("rewards", "list", *RUN, "--csv").stdout))
    assert [row["claimable"] for row in shared] == ["2", "0", "3"]
    assert house.cli("members", *RUN, "--sort", "age").code is ExitCode.USAGE


@pytest.mark.parametrize("columns", [80, 120])
def test_256_members_fit_a_terminal(house: House, columns: int) -> None:
    house.run()
    house.cli.json("set-paused", *RUN, "--resume")

    def fill(image: Any) -> None:
        clients = image.state.clients_state.clients
        for number in range(MAX_CLIENTS):
            clients.data[number].id.signer = type(clients.data[number].id.signer).from_buffer_copy(
                number.to_bytes(2, "big") * 16
            )
            clients.data[number].earned = number * 1_000_000_007
        clients.len = MAX_CLIENTS

    house.edit(fill)
    text = on_terminal(house, "members", *RUN, columns=columns)
    lines = text.splitlines()
    assert len(lines) == MAX_CLIENTS + 6, lines[:10]
    assert max(map(len, lines)) <= columns
    assert ("1111..1111" in text) == (columns == 80)
    widest = max(map(len, lines[6:]))
    assert columns - 2 < widest + 1 if columns == 80 else widest > 100  # as much of the wallets as fits is shown
