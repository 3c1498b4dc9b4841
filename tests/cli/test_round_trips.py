"""The number of round trips of each verb, which determines its duration with a distant endpoint.

Every request waits for the response to the previous one, so each request is a round trip.
"""

from __future__ import annotations

import pytest

from psyche_cli.errors import RunNotFound
from psyche_cli.operations.runs.find import find_run, find_run_again
from psyche_cli.operations.signing import signing_session
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.run_states import RunState
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import environment_of

READ, SEND, LANDED = "getMultipleAccounts", "sendTransaction", "getTransaction"
SIMULATE = "simulateTransaction+getGenesisHash"
"""A batch, which is one round trip."""
DELIVERY = [SIMULATE, SEND, LANDED]
"""The requests from instructions to a receipt if transactions land immediately."""


def requests_of(house: House, *words: object) -> list[str]:
    before = len(house.chain.requests)
    house.cli.json(*words)
    return house.chain.requests[before:]


@pytest.mark.parametrize("treasurer", [False, True], ids=["plain", "treasurer"])
def test_creating_a_run_takes_four(house: House, treasurer: bool) -> None:
    words = ["create-run", "--run-id", "test", "--name", "A name"]
    if treasurer:
        words += ["--treasurer-collateral-mint", house.new_mint()]
    assert requests_of(house, *words) == [READ, *DELIVERY]


@pytest.mark.parametrize("treasurer", [False, True], ids=["plain", "treasurer"])
def test_changing_a_run_takes_five_and_pausing_one_more(house: House, treasurer: bool) -> None:
    run_id = house.run(treasurer=treasurer, configured=False)
    run = ("--run-id", run_id)
    assert requests_of(house, "update-config", *run, "--config-path", MINIMAL) == [READ, READ, *DELIVERY]
    assert requests_of(house, "set-future-epoch-rates", *run, "--earning-rate", "5") == [READ, READ, *DELIVERY]
    assert requests_of(house, "set-paused", *run, "--resume") == [READ, READ, *DELIVERY, READ]
    assert requests_of(house, "set-paused", *run) == [READ, READ, *DELIVERY, READ]


def test_closing_takes_five_and_a_tick_one_more(house: House) -> None:
    run = ("--run-id", house.run())
    house.cli.json("set-paused", *run, "--resume")
    assert requests_of(house, "tick", *run, "--count", "1") == [READ, READ]
    house.join(house.owner)
    house.cli.json("localnet", "warp", "3")
    assert requests_of(house, "tick", *run, "--count", "1") == [READ, READ, *DELIVERY, READ]
    assert requests_of(house, "checkpoint", *run, "--repo", "owner/model") == [READ, READ, *DELIVERY, READ]
    house.cli.json("set-paused", *run)
    assert requests_of(house, "close-run", *run, "--yes") == [READ, READ, *DELIVERY]


def test_a_top_up_takes_six(house: House) -> None:
    run_id = house.run(treasurer=True, configured=False)
    words = ("treasurer-top-up-rewards", "--run-id", run_id, "--collateral-amount", "5")
    assert requests_of(house, *words) == [READ, READ, *DELIVERY, READ]


def test_an_authorization_takes_five(house: House) -> None:
    words = ("join-authorization-create", "--permissionless")
    assert requests_of(house, *words) == [READ, *DELIVERY, "getBalance"]


def test_no_change_takes_two(house: House) -> None:
    run_id = house.run()
    words = ("set-future-epoch-rates", "--run-id", run_id, "--earning-rate", "5")
    house.cli.json(*words)
    assert requests_of(house, *words) == [READ, READ]


@pytest.mark.parametrize("treasurer", [False, True], ids=["plain", "treasurer"])
def test_a_dump_takes_two(house: House, treasurer: bool) -> None:
    run_id = house.run(treasurer=treasurer)
    before = len(house.chain.requests)
    house.dump(run_id)
    assert house.chain.requests[before:] == [READ, READ]


def test_a_new_mint_takes_four(house: House) -> None:
    assert requests_of(house, "localnet", "new-mint") == [READ, *DELIVERY]


def test_a_recreated_run_is_found_in_its_new_account(house: House) -> None:
    house.run()
    with signing_session(environment_of(house.cli), rpc="http://127.0.0.1:1", wallet_path=house.owner) as session:
        run = find_run(session, "test")
        assert find_run_again(session, run).instance == run.instance
        owner, account = session.wallet.address, run.instance.coordinator_account
        group = {"instance": run.instance.address, "account": account}
        house.send(Instructions().free_coordinator(authority=owner, spill=owner, **group))
        with pytest.raises(RunNotFound):
            find_run_again(session, run)
        house.run(configured=False)
        again = find_run_again(session, run)
    assert again.instance.coordinator_account != account
    assert again.account.run_state == RunState.UNINITIALIZED
