"""The number of round trips of each verb, which determines its duration with a distant endpoint.

Every request waits for the response to the previous one, so each request is a round trip.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.cli.verbs import SECTIONS
from psyche_cli.errors import RunNotFound
from psyche_cli.operations.runs.find import find_run, find_run_again
from psyche_cli.operations.signing import signing_session
from psyche_cli.protocol.addresses import instance_address
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.protocol.run_states import RunState
from tests.cli.conftest import MINIMAL, RUN_FILE, House
from tests.cli.harness import address_of, environment_of
from tests.cli.test_claims import rewarded

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


def test_changing_an_authorization_takes_five_and_closing_it_four(house: House) -> None:
    house.cli.json("join-authorization-create", "--authorizer", address_of(house.stranger))
    delegate = ("join-authorization-delegate", "--join-authority", address_of(house.owner), "-w", house.stranger)
    member = Pubkey.from_bytes(bytes([7] * 32))
    assert requests_of(house, *delegate, "--delegates-added", member) == [READ, *DELIVERY, READ]
    assert requests_of(house, *delegate, "--delegates-clear") == [READ, *DELIVERY, READ]
    grantee = ("--authorizer", address_of(house.stranger))
    assert requests_of(house, "join-authorization-delete", *grantee) == [READ, *DELIVERY, READ]
    assert requests_of(house, "join-authorization-close", *grantee) == [READ, *DELIVERY]


def test_authorizing_the_keys_of_a_file_takes_one_and_three_per_transaction(house: House, tmp_path: Path) -> None:
    keys = tmp_path / "keys.csv"
    keys.write_text("".join(f"{Pubkey.from_bytes(bytes([number] * 32))}\n" for number in range(1, 13)))
    assert requests_of(house, "join-authorization-create", "--from", keys) == [
        READ,
        *DELIVERY,
        "simulateTransaction",
        SEND,
        LANDED,
    ]
    assert requests_of(house, "join-authorization-create", "--from", keys) == [READ]


def test_a_claim_takes_six(house: House) -> None:
    [member] = rewarded(house, 5, vault="1")
    claim = ("treasurer-claim-rewards", "--run-id", "test", "-w", member)
    assert requests_of(house, *claim) == [READ, READ, *DELIVERY, "getTokenAccountBalance"]
    assert requests_of(house, *claim) == [READ, READ]


def test_the_alias_takes_as_many_as_its_verb(house: House) -> None:
    assert requests_of(house, "run-authorizer") == [READ, *DELIVERY, "getBalance"]
    assert requests_of(house, "run-authorizer") == [READ]


def test_applying_takes_two_and_each_step_two_more_than_its_command(house: House) -> None:
    plan, again = [READ, READ], ["simulateTransaction", SEND, LANDED]  # the cluster is known
    found = requests_of(house, "apply", RUN_FILE, "--yes")
    create, authorize = [READ, *DELIVERY], [READ, *again, "getBalance"]
    update, resume = [READ, READ, *again], [READ, READ, *again, READ]
    assert found == [*plan, *create, *plan, *authorize, *plan, *update, *plan, *resume, *plan]
    assert requests_of(house, "apply", RUN_FILE, "--yes") == plan
    assert requests_of(house, "plan", RUN_FILE) == [*plan, "getGenesisHash"]


WRITING = {
    "apply",
    *("create-run", "update-config", "set-paused", "tick", "checkpoint", "close-run"),
    *("set-future-epoch-rates", "treasurer-top-up-rewards", "treasurer-claim-rewards"),
    *("join-authorization-create", "join-authorization-delegate", "join-authorization-delete"),
    *("join-authorization-close", "run-authorizer"),
}
"""The writing verbs that the tests above count."""


def test_every_writing_verb_is_counted() -> None:
    """Those with an option for the wallet and one for the priority fee, except verbs for local validators."""
    found = set()
    for section in SECTIONS:
        for verb in section.verbs:
            if not verb.verbs:
                declared = import_module(f"psyche_cli.cli.commands.{verb.module}").command.parameters
                found |= {verb.name} if {"wallet", "priority_fee"} <= declared.keys() else set()
    assert found == WRITING


@pytest.mark.parametrize("count", [1, 100, 250])
def test_a_list_of_runs_takes_one_and_one_per_hundred(house: House, count: int) -> None:
    bank = house.chain.dispatcher.context.bank
    house.run("0", configured=False)
    instance = house.instance("0")
    for number in range(1, count):
        copy = Pubkey.find_program_address([str(number).encode()], PUBLISHED.coordinator)[0]
        address, account = instance_address(str(number)), bank.accounts.get(instance.coordinator_account)
        raw = bank.accounts.get(instance.address)
        assert account is not None
        assert raw is not None
        data = bytes(raw.data).replace(bytes(instance.coordinator_account), bytes(copy))
        data = data[:105] + (len(str(number)).to_bytes(4, "little") + str(number).encode()).ljust(68, b"\0")
        bank.set_account(copy, account)
        bank.set_account(address, Account(raw.lamports, data, raw.owner))
    before = len(house.chain.requests)
    assert len(house.cli.json("list-runs")["runs"]) == count
    assert house.chain.requests[before:] == ["getProgramAccounts", *[READ] * -(-count // 100)]


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


@pytest.mark.parametrize("treasurer", [False, True], ids=["plain", "treasurer"])
def test_a_screen_takes_two(house: House, treasurer: bool) -> None:
    run_id = house.run(treasurer=treasurer)
    assert requests_of(house, "show", "--run-id", run_id) == [READ, f"{READ}+getSignaturesForAddress"]


@pytest.mark.parametrize("treasurer", [False, True], ids=["plain", "treasurer"])
def test_members_take_two_and_one_per_hundred_with_a_treasurer(house: House, treasurer: bool) -> None:
    run = ("--run-id", house.run(treasurer=treasurer))
    assert requests_of(house, "members", *run) == [READ, READ]
    house.cli.json("set-paused", *run, "--resume")
    house.join(house.owner)
    assert requests_of(house, "members", *run) == [READ, READ, *([READ] if treasurer else [])]


def test_an_explanation_takes_two_and_one_more_if_not_everyone_may_join(house: House) -> None:
    run = ("--run-id", house.run())
    assert requests_of(house, "explain", *run) == [READ, READ, "getProgramAccounts"]
    house.cli.json("join-authorization-create", "--permissionless")
    assert requests_of(house, "explain", *run) == [READ, READ]


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
