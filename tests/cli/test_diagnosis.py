"""The rules of ``explain``: each on a real run in which it applies, and next to the edge at which it does not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from solders.pubkey import Pubkey

from psyche_cli.errors import ExitCode
from psyche_cli.limits import MAX_CLIENTS
from psyche_cli.model.outcomes import Refusal
from psyche_cli.operations.status.diagnosis.rules import RULES
from psyche_cli.protocol.addresses import ANYONE, authorization_address
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_config.load import load_run_config
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import address_of
from tests.cli.test_claims import rewarded
from tests.cli.test_layouts import lay_out
from tests.support.run_driver import CONFIG, Failed, RunDriver

RUN = ("--run-id", "test")
SYSTEM = "11111111111111111111111111111111"


class Scene:
    """A run, and what ``explain`` finds in it."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.driver = house.driver()

    def create(self, model: Mapping[str, Any] | None = None, /, **config: int) -> RunDriver:
        return self.driver.create({**CONFIG, **config}, model)

    def start(self, *members: int, **config: int) -> RunDriver:
        """A run in the first round of its members, by default three."""
        driver = self.create(**config)
        driver.resume()
        driver.start_training(*(members or (0, 1, 2)))
        return driver

    def waiting(self, *members: int, **config: int) -> RunDriver:
        driver = self.create(**config)
        driver.resume()
        driver.join(*members)
        return driver

    def data(self) -> Any:
        return self.house.cli.json("explain", *RUN)

    def rules(self) -> list[str]:
        return [one["rule"] for one in self.data()["findings"]]

    def fires(self, rule: str) -> dict[str, str]:
        """The evidence of a rule, which must apply."""
        [found] = [one for one in self.data()["findings"] if one["rule"] == rule]
        return {row["name"]: row["value"] for row in found["evidence"]}

    def silent(self, rule: str) -> None:
        assert rule not in self.rules()


@pytest.fixture
def scene(still_house: House) -> Scene:
    return Scene(still_house)


def model_with(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    model = load_run_config(MINIMAL).model
    return {"LLM": {**model["LLM"], "checkpoint": checkpoint}}


def repository(name: str) -> dict[str, Any]:
    return {"repo_id": name, "revision": None}


def test_every_rule_is_tested_in_both_directions() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    ids = {rule.rule for rule in RULES}
    assert set(re.findall(r"scene\.fires\(\"([a-z-]+)\"\)", text)) == ids
    assert set(re.findall(r"scene\.silent\(\"([a-z-]+)\"\)", text)) == ids


def test_a_new_run(scene: Scene) -> None:
    scene.house.run(configured=False)
    assert scene.rules() == ["not-configured", "no-authorizations"]
    scene.fires("not-configured")
    scene.silent("not-started")
    scene.house.cli.json("update-config", *RUN, "--config-path", MINIMAL)
    scene.silent("not-configured")
    assert scene.fires("not-started") == {}
    scene.driver.resume()
    scene.silent("not-started")


def test_an_invalid_configuration(scene: Scene) -> None:
    driver = scene.create()
    scene.silent("config-invalid")

    def shorten(image: Any) -> None:
        image.state.coordinator.config.epoch_time = CONFIG["warmup_time"]

    scene.house.edit(shorten)
    assert list(scene.fires("config-invalid")) == ["WarmupTime", "MaxRoundTrainTime"]
    scene.silent("not-started")
    with pytest.raises(Failed) as failure:
        driver.resume()
    assert failure.value.code == 6004


def test_no_steps_left(scene: Scene) -> None:
    driver = scene.create(total_steps=2)
    scene.silent("no-steps-left")
    driver.update(config={**CONFIG, "total_steps": 1})
    assert scene.fires("no-steps-left") == {"step": "1", "total_steps": "1"}
    scene.silent("not-started")
    with pytest.raises(Failed) as failure:
        driver.resume()
    assert failure.value.code == 6015


def test_paused(scene: Scene) -> None:
    driver = scene.waiting(0, 1)
    scene.silent("paused")
    driver.pause()
    assert scene.fires("paused") == {"wallets that joined": "2", "step": "1"}
    driver.resume()
    scene.silent("paused")
    scene.silent("must-join-again")
    assert scene.fires("waiting-for-members")["must join again"] == "2"
    driver.wait(300)
    assert len(scene.fires("must-join-again")) == 1  # two rows with the same name
    assert scene.fires("too-few-joined")["missing"] == "3"


def test_waiting_for_members(scene: Scene) -> None:
    driver = scene.waiting(0, 1)
    assert scene.fires("waiting-for-members") == {"joined epoch 0": "2 of 3", "waiting for": "0s"}
    scene.silent("extra-time")
    driver.join(2)
    scene.silent("waiting-for-members")
    assert scene.fires("extra-time") == {"joined": "3 of 3", "begins in": "5s"}
    driver.wait(5)
    scene.silent("extra-time")
    driver.wait(9)
    scene.silent("overdue")
    driver.wait(1)
    assert scene.fires("overdue")["waiting_for_members_extra_time"] == "5s"
    assert scene.house.cli("tick", *RUN, "--count", "1").code is ExitCode.OK
    scene.silent("overdue")
    assert driver.stage == RunState.WARMUP


def test_the_first_minutes_of_waiting_are_normal(scene: Scene) -> None:
    driver = scene.waiting(0, 1)
    driver.wait(299)
    scene.silent("too-few-joined")
    scene.fires("waiting-for-members")
    assert scene.data()["healthy"] is True
    assert scene.house.cli("explain", *RUN).stdout.startswith(
        "Run test is healthy: 2 of 3 members have joined epoch 0.\n"
    )
    assert "no problem found; explain also checks who can join" in scene.house.cli("show", *RUN).stdout
    driver.wait(1)
    scene.silent("waiting-for-members")
    evidence = scene.fires("too-few-joined")
    assert evidence == {"joined epoch 0": "2", "init_min_clients": "3", "missing": "1", "waiting for": "5m"}
    scene.silent("must-join-again")
    assert scene.data()["healthy"] is False
    driver.join(2)
    scene.silent("too-few-joined")


def test_a_long_warmup(scene: Scene) -> None:
    driver = scene.waiting()
    driver.enter_warmup(0, 1, 2)
    driver.wait(CONFIG["warmup_time"] + 9)
    scene.silent("warmup-overdue")
    driver.wait(1)
    assert scene.fires("warmup-overdue") == {"state": "Warmup, for 20s", "warmup_time": "10s", "reports": "0 of 3"}
    scene.silent("overdue")


def test_a_tick_that_fails(scene: Scene) -> None:
    driver = scene.start(total_steps=2)
    driver.play_round()

    def last(image: Any, epoch: int) -> None:
        image.state.coordinator.progress.epoch = epoch

    scene.house.edit(lambda image: last(image, 65535))
    driver.wait(CONFIG["cooldown_time"] - 1)
    scene.silent("tick-fails")  # not due yet
    driver.wait(1)
    scene.fires("tick-fails")
    with pytest.raises(Failed):
        driver.tick()
    scene.house.edit(lambda image: last(image, 65534))
    scene.silent("tick-fails")
    assert driver.tick() == RunState.FINISHED


def test_a_warmup_report_with_a_wrong_index(scene: Scene) -> None:
    driver = scene.waiting()
    driver.enter_warmup(0, 1, 2)
    driver.report_warmup(0, index=2)  # that of another member, which exists
    scene.silent("warmup-report-invalid")
    driver.report_warmup(1, index=3)
    assert scene.fires("warmup-report-invalid") == {"index in the report": "3", "members": "3"}
    with pytest.raises(Failed) as failure:
        driver.report_warmup(0)
    assert failure.value.code is None


def test_a_round_without_witnesses(scene: Scene) -> None:
    driver = scene.start()
    scene.silent("no-witnesses")
    driver.tick(20)
    assert scene.fires("no-witnesses") == {"witnesses": "0 of 3", "round ends in": "3s"}
    driver.witness(1)
    scene.silent("no-witnesses")


def test_an_epoch_that_pays_nothing(scene: Scene) -> None:
    driver = scene.start()
    driver.tick(20)
    scene.silent("last-epoch-unpaid")
    assert driver.tick(3) == RunState.COOLDOWN
    assert scene.fires("last-epoch-unpaid")["members withdrawn"] == "3"
    driver.pause()
    driver.end_cooldown()
    assert driver.stage == RunState.PAUSED
    assert scene.fires("last-epoch-unpaid")["members withdrawn"] == "3"
    driver.resume()
    driver.enter_warmup(0, 1, 2)
    scene.silent("last-epoch-unpaid")
    driver.pause()  # withdraws the clients, too
    scene.silent("last-epoch-unpaid")


def test_the_quorum(scene: Scene) -> None:
    driver = scene.start(witness_nodes=2)
    driver.tick(20)
    scene.silent("below-quorum")
    first, second = driver.witnesses()
    driver.witness(first)
    assert scene.fires("below-quorum") == {"witnesses": "1 of 2", "quorum": "2", "round ends in": "3s"}
    driver.witness(second)
    scene.silent("below-quorum")


def test_members_that_are_absent(scene: Scene) -> None:
    driver = scene.start()
    driver.play_round(2)
    scene.silent("silent-members")  # one round is not enough
    scene.silent("witnesses-missing")
    driver.play_round(2)
    assert scene.fires("silent-members") == {"member": str(driver.members[2].address)}
    assert scene.fires("witnesses-missing")["round 1"] == "2 of 3 witnesses"
    scene.silent("no-spare-members")
    scene.silent("members-left")
    driver.report_absent(0, 2)
    assert scene.fires("members-left") == {"member": str(driver.members[2].address)}
    assert scene.fires("no-spare-members") == {"healthy members": "2", "min_clients": "2"}
    scene.silent("silent-members")  # it is not healthy anymore
    scene.silent("too-few-healthy")
    driver.play_round(1, 2)
    assert scene.fires("members-left")["left in round"] == "2"
    scene.silent("witnesses-missing")  # one of the last rounds had the records of both members that are left
    driver.report_absent(0, 1)
    assert scene.fires("too-few-healthy") == {"healthy members": "1", "min_clients": "2"}
    scene.silent("no-spare-members")
    assert driver.play_round(1) == RunState.COOLDOWN


def test_one_complete_round_among_others(scene: Scene) -> None:
    driver = scene.start()
    driver.play_round(2)
    driver.play_round(2)
    driver.play_round()
    scene.silent("witnesses-missing")
    scene.silent("silent-members")


def test_a_pending_pause(scene: Scene) -> None:
    driver = scene.start()
    scene.silent("pause-pending")
    driver.pause()
    assert scene.fires("pause-pending") == {"healthy members": "3"}
    driver.play_round()
    driver.end_cooldown()
    scene.silent("pause-pending")


def test_the_end_of_a_run(scene: Scene) -> None:
    driver = scene.start(total_steps=3)
    assert driver.play_round() == RunState.ROUND_TRAIN
    scene.silent("last-epoch")
    assert driver.play_round() == RunState.COOLDOWN
    assert scene.fires("last-epoch") == {"step": "3 of 3"}
    scene.silent("next-epoch-short")
    scene.silent("finished")
    assert driver.end_cooldown() == RunState.FINISHED
    assert scene.fires("finished")["step"] == "3 of 3"
    scene.silent("last-epoch")
    outcome = scene.house.cli("explain", *RUN)
    assert outcome.stdout.startswith("Run test is finished.\n")


def test_joining_the_next_epoch(scene: Scene) -> None:
    driver = scene.start()
    driver.play_to_cooldown()
    driver.join(0, 1)
    assert scene.fires("next-epoch-short") == {"joined": "2", "init_min_clients": "3"}
    scene.silent("last-epoch")
    driver.join(3)
    scene.silent("next-epoch-short")


def test_joining_too_late(scene: Scene) -> None:
    driver = scene.waiting()
    driver.enter_warmup(0, 1, 2)
    scene.silent("joined-too-late")
    driver.join(3)
    assert scene.fires("joined-too-late") == {"member": str(driver.members[3].address)}
    driver.report_warmup(0, 1, 2)
    driver.join(3)
    scene.silent("joined-too-late")


@pytest.mark.parametrize("treasurer", [True])
def test_the_vault(scene: Scene, treasurer: bool) -> None:
    house = scene.house
    rewarded(house, 3_000_000, 2_000_000, vault="4.999999")
    assert scene.fires("claims-exceed-vault")["vault balance"] == "4.999999"
    assert scene.fires("rate-zero") == {"rate of future epochs": "0"}
    house.cli.json("treasurer-top-up-rewards", *RUN, "--collateral-amount", "0.000001")
    scene.silent("claims-exceed-vault")
    scene.silent("treasury-short")
    house.cli.json("set-future-epoch-rates", *RUN, "--earning-rate", "2")
    scene.silent("rate-zero")
    assert scene.fires("treasury-short")["per future epoch"] == "2"
    assert "pays for 0 epochs\n" in house.cli("show", *RUN).stdout
    house.cli.json("treasurer-top-up-rewards", *RUN, "--collateral-amount", "1")
    assert "The vault is short by 1 token for what is owed" in house.cli("explain", *RUN).stdout
    house.cli.json("treasurer-top-up-rewards", *RUN, "--collateral-amount", "1")
    scene.silent("treasury-short")
    assert scene.fires("treasury-low")["vault balance"] == "7"
    house.cli.json("treasurer-top-up-rewards", *RUN, "--collateral-amount", "18")
    scene.silent("treasury-low")


def test_the_rate_of_an_epoch(scene: Scene) -> None:
    house = scene.house
    rewarded(house, 0, 0)
    scene.silent("current-rate-zero")  # no epoch is in progress
    house.cli.json("localnet", "warp", "2")
    assert house.cli.json("tick", *RUN, "--count", "1")["state"] == "Warmup"
    scene.silent("current-rate-zero")  # rate-zero is enough
    house.cli.json("set-future-epoch-rates", *RUN, "--earning-rate", "0.000002")
    assert scene.fires("current-rate-zero")["rate of future epochs"] == "0.000002"
    house.cli.json("set-paused", *RUN)
    house.cli.json("set-paused", *RUN, "--resume")
    members = house.owner.parent / "members"
    for number in range(2):
        house.join(members / f"{number}.json")
    house.cli.json("localnet", "warp", "2")
    assert house.cli.json("tick", *RUN, "--count", "1")["state"] == "Warmup"
    scene.silent("current-rate-zero")
    scene.silent("share-zero")

    def one(image: Any) -> None:
        image.state.clients_state.current_epoch_rates.earning_rate_total_shared = 1

    house.edit(one)
    assert scene.fires("share-zero") == {"earning rate in base units": "1", "members": "2"}


def test_rounds_that_are_too_short(scene: Scene) -> None:
    driver = scene.create(max_round_train_time=2, round_witness_time=1)
    scene.silent("rounds-too-short")
    driver.update(config={**CONFIG, "max_round_train_time": 1, "round_witness_time": 1})
    assert scene.fires("rounds-too-short") == {"max_round_train_time": "1s", "round_witness_time": "1s"}


def test_verification(scene: Scene) -> None:
    driver = scene.create(verification_percent=33)
    scene.silent("verifiers")
    driver.update(config={**CONFIG, "verification_percent": 34})
    assert scene.fires("verifiers") == {"verification_percent": "34", "members": "3"}
    driver.update(config={**CONFIG, "verification_percent": 100})
    scene.silent("verification-breaks-rounds")
    driver.update(config={**CONFIG, "verification_percent": 101})
    scene.fires("verification-breaks-rounds")
    scene.silent("verifiers")
    driver.resume()
    driver.start_training(0, 1, 2)
    with pytest.raises(Refusal, match="InvalidCommitteeSelection"):  # nobody can compute a valid record either
        driver.witness(0)
    driver.tick(20)
    assert driver.tick(3) == RunState.COOLDOWN
    scene.fires("last-epoch-unpaid")


def test_a_checkpoint_without_a_repository(scene: Scene) -> None:
    driver = scene.start()
    scene.silent("checkpoint-empty")
    driver.checkpoint(0, {"Hub": repository("")})
    assert scene.fires("checkpoint-empty") == {"checkpoint": "Hub, (empty)"}
    driver.pause()
    driver.play_round()
    driver.end_cooldown()
    assert driver.stage == RunState.PAUSED
    scene.silent("checkpoint-empty")  # the configuration is invalid now
    scene.fires("config-invalid")
    with pytest.raises(Failed) as failure:
        driver.resume()
    assert failure.value.code == 6005


def test_a_checkpoint_of_the_kind_dummy(scene: Scene) -> None:
    driver = scene.create(model_with({"Dummy": repository("owner/model")}))
    assert scene.fires("checkpoint-not-recorded") == {"checkpoint": "Dummy, owner/model"}
    driver.resume()
    driver.start_training(0, 1, 2)
    driver.checkpoint(0, {"Hub": repository("other/model")})
    assert scene.fires("checkpoint-not-recorded") == {"checkpoint": "Dummy, owner/model"}
    driver.play_to_cooldown()
    driver.end_cooldown()
    scene.silent("checkpoint-not-recorded")
    scene.silent("loads-from-repository")  # nobody has joined yet


def test_loading_the_model_from_the_repository(scene: Scene) -> None:
    driver = scene.start()
    driver.play_to_cooldown()
    driver.end_cooldown()
    driver.join(3, 4, 5)
    assert scene.fires("loads-from-repository") == {"checkpoint": "P2P, example-org/tiny-llama-init"}
    driver.join(0)
    scene.silent("loads-from-repository")
    driver.pause()
    scene.fires("loads-from-repository")
    driver.resume()
    driver.enter_warmup(0, 1, 2)
    assert "Hub" in driver.account.model["LLM"]["checkpoint"]  # type: ignore[index,call-overload,operator]


def test_the_limit_of_wallets(scene: Scene) -> None:
    driver = scene.waiting(*range(17), global_batch_size_end=20, init_min_clients=20)
    scene.silent("wallet-limit-near")
    driver.join(17)
    assert scene.fires("wallet-limit-near") == {"wallets that joined": "18", "maximum": "20"}
    driver.join(18)
    scene.silent("wallet-limit")
    driver.join(19)
    assert scene.fires("wallet-limit") == {"wallets that joined": "20", "global_batch_size_end": "20"}
    scene.silent("wallet-limit-near")
    with pytest.raises(Failed) as failure:
        driver.join(20)
    assert failure.value.code == 6022
    driver.join(0)


def test_the_limit_of_any_run(scene: Scene) -> None:
    scene.create(global_batch_size_end=300)

    def fill(image: Any, count: int) -> None:
        image.state.clients_state.clients.len = count

    scene.house.edit(lambda image: fill(image, MAX_CLIENTS - 1))
    scene.silent("wallet-limit")
    scene.house.edit(lambda image: fill(image, MAX_CLIENTS))
    assert scene.fires("wallet-limit")["wallets that joined"] == "256"


def test_a_limit_below_the_threshold(scene: Scene) -> None:
    driver = scene.create(global_batch_size_start=1, global_batch_size_end=3)
    scene.silent("too-few-can-join")
    driver.update(config={**CONFIG, "global_batch_size_start": 1, "global_batch_size_end": 2})
    assert scene.fires("too-few-can-join") == {"global_batch_size_end": "2", "init_min_clients": "3"}


def test_an_empty_client_version(scene: Scene) -> None:
    scene.create()
    scene.silent("no-client-version")

    def clear(image: Any) -> None:
        image.state.client_version = type(image.state.client_version)()

    scene.house.edit(clear)
    scene.fires("no-client-version")


def test_doubtful_values(scene: Scene) -> None:
    driver = scene.create(epoch_time=34)
    scene.silent("doubtful-values")
    driver.update(config={**CONFIG, "epoch_time": 33})
    assert list(scene.fires("doubtful-values")) == ["EpochRounds"]


def test_authorizations(scene: Scene) -> None:
    house = scene.house
    scene.create()
    scene.silent("no-authorizations")
    house.cli.json("join-authorization-delete", "--permissionless")
    scene.silent("too-few-authorized")
    assert scene.fires("no-authorizations")["inactive authorizations"] == "1"
    house.cli.json("join-authorization-create", "--authorizer", address_of(house.stranger))
    scene.silent("no-authorizations")
    assert scene.fires("too-few-authorized") == {"authorized wallets": "1", "init_min_clients": "3"}
    delegate = ("join-authorization-delegate", "--join-authority", address_of(house.owner), "-w", house.stranger)
    house.cli.json(*delegate, "--delegates-added", address_of(house.owner))
    assert scene.fires("too-few-authorized")["authorized wallets"] == "2"
    house.cli.json("join-authorization-create", "--authorizer", Pubkey.new_unique())
    scene.silent("too-few-authorized")


def test_join_authorities(scene: Scene) -> None:
    house = scene.house
    create = ("create-run", *RUN, "--join-authority")
    house.cli.json(*create, SYSTEM)
    assert scene.fires("join-authority-lost") == {"join authority": SYSTEM}
    scene.silent("join-authority-elsewhere")
    scene.silent("join-authority-off-curve")
    house.cli.json("close-run", *RUN, "--yes")
    house.cli.json(*create, authorization_address(address_of(house.owner), ANYONE))
    scene.fires("join-authority-off-curve")
    scene.silent("join-authority-lost")
    house.cli.json("close-run", *RUN, "--yes")
    house.cli.json(*create, address_of(house.stranger))
    assert scene.fires("join-authority-elsewhere")["main authority"] == str(address_of(house.owner))
    house.cli.json("close-run", *RUN, "--yes")
    house.cli.json(*create, address_of(house.owner))
    scene.silent("join-authority-elsewhere")


@pytest.mark.parametrize("name", ["v1-reprc", "v2-claimer"])
def test_a_layout_with_the_same_rules(scene: Scene, name: str) -> None:
    scene.create()
    scene.silent("other-layout")
    lay_out(scene.house, name)
    assert scene.fires("other-layout")["layout"] == name
    scene.fires("not-started")


@pytest.mark.parametrize("name", ["v0", "v2-dev"])
def test_a_layout_with_other_rules(scene: Scene, name: str) -> None:
    scene.create()
    lay_out(scene.house, name)
    data = scene.data()
    assert [one["rule"] for one in data["findings"]] == ["other-layout"]
    assert {one["needs"] for one in data["not_checked"]} == {"layout"}
    assert data["state"]["state"] == "Uninitialized"


def test_a_healthy_run(scene: Scene) -> None:
    scene.start()
    outcome = scene.house.cli("explain", *RUN)
    assert outcome.stdout.splitlines()[0] == (
        "Run test is healthy: it is in epoch 0, step 1 of 49, with 3 healthy members."
    )
    assert scene.data()["healthy"] is True
    assert scene.data()["not_checked"] == []
