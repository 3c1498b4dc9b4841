"""``localnet play``: simulated members drive a run on the local validator."""

from __future__ import annotations

import pytest

from psyche_cli.environment import SystemClock
from psyche_cli.errors import ExitCode
from psyche_cli.members.crowd import FUNDED_LAMPORTS, simulated_wallets
from psyche_cli.protocol.run_states import RunState
from tests.cli.conftest import House
from tests.support.run_driver import CONFIG

PLAY = ("localnet", "play", "--run-id", "test")


def started(house: House, *, treasurer: bool = False) -> House:
    house.run(treasurer=treasurer)
    house.cli.json("join-authorization-create", "--permissionless")
    house.cli.json("set-paused", "--run-id", "test", "--resume")
    return house


@pytest.mark.parametrize("state", ["Warmup", "Training", "Witness", "Cooldown"])
def test_plays_until_the_run_is_in_a_state_and_then_sends_nothing(still_house: House, state: str) -> None:
    started(still_house)
    data = still_house.cli.json(*PLAY, "--until", state, "--clients", "4")
    assert (data["state"], data["already_so"]) == (state, False)
    assert still_house.cli.json("show", "--run-id", "test")["state"] == state
    sent = len(still_house.chain.requests)
    again = still_house.cli.json(*PLAY, "--until", state, "--clients", "4")
    assert again["already_so"]
    assert again["transactions"] == []
    assert again["members"] == []
    assert not [one for one in still_house.chain.requests[sent:] if "sendTransaction" in one or "Airdrop" in one]


def test_plays_epochs_and_pays_the_members(still_house: House) -> None:
    started(still_house, treasurer=True)
    still_house.cli.json("set-future-epoch-rates", "--run-id", "test", "--earning-rate-total-shared", "1")
    still_house.cli.json("treasurer-top-up-rewards", "--run-id", "test", "--collateral-amount", "1.5")
    data = still_house.cli.json(*PLAY, "--epochs", "2", "--clients", "4")
    assert (data["epoch"], data["state"]) == (2, "Waiting for members")
    assert [one["earned"] for one in data["members"]] == [500_000] * 4
    assert [one["claimed"] for one in data["members"]] == [500_000, 500_000, 500_000, 0], "the vault holds 1.5"
    kinds = {one["kind"]: one["sent"] for one in data["transactions"]}
    assert kinds["join"] == 8
    assert kinds["warmup report"] == 8
    assert kinds["claim"] == 3
    assert kinds["witness"] == 4 * data["rounds"]
    assert all(one["refused"] == 0 for one in data["transactions"])
    listed = {one["wallet"]: one for one in still_house.cli.json("rewards", "list", "--run-id", "test")["members"]}
    assert [one["wallet"] for one in data["members"]] == [
        str(wallet.address) for wallet in simulated_wallets("test", 0, 4)
    ]
    assert all(listed[one["wallet"]]["claimed"]["base_units"] == one["claimed"] for one in data["members"])
    still_house.cli.json("treasurer-top-up-rewards", "--run-id", "test", "--collateral-amount", "10")
    data = still_house.cli.json(*PLAY, "--epochs", "1", "--clients", "4")
    assert [one["claimed"] for one in data["members"]] == [250_000] * 3 + [750_000]


def test_plays_a_run_to_its_end(still_house: House) -> None:
    run = still_house.driver().create({**CONFIG, "total_steps": 7})
    run.resume()
    outcome = still_house.cli(*PLAY)
    assert outcome.code == 0
    assert "state           Finished" in outcome.stdout
    assert "members         3" in outcome.stdout
    assert run.state.step == 7
    assert still_house.cli.json(*PLAY)["already_so"]


def test_members_that_stop_are_reported_and_not_paid(still_house: House) -> None:
    run = still_house.driver().create()
    run.set_rates(earning=1200)
    run.resume()
    data = still_house.cli.json(*PLAY, "--clients", "5", "--absent", "2", "--epochs", "1")
    kinds = {one["kind"]: one["sent"] for one in data["transactions"]}
    assert kinds["health check"] == 2
    assert [one["earned"] for one in data["members"]] == [400, 400, 400, 0, 0]


def test_the_time_between_actions_can_be_real(still_house: House) -> None:
    started(still_house)
    slept: list[float] = []

    class Clock(SystemClock):
        def sleep(self, seconds: float) -> None:
            slept.append(seconds)

    still_house.cli.clock = Clock()
    data = still_house.cli.json(*PLAY, "--until", "Cooldown", "--speed", "10", "--train-seconds", "2")
    assert sum(slept) == pytest.approx(data["seconds"] / 10)


def test_wallets_are_funded_once(still_house: House) -> None:
    started(still_house)
    still_house.cli.json(*PLAY, "--until", "Warmup")
    still_house.cli.json(*PLAY, "--until", "Cooldown")
    [wallet] = simulated_wallets("test", 0, 1)
    assert still_house.chain.requests.count("requestAirdrop") == 1
    assert FUNDED_LAMPORTS * 9 // 10 < still_house.chain.rpc.balance(wallet.address) < FUNDED_LAMPORTS


def test_refusals_send_nothing(still_house: House) -> None:
    def refused_play(*words: str) -> str:
        requests = len(still_house.chain.requests)
        error = still_house.cli(*PLAY, *words, "--output", "json")
        assert not [one for one in still_house.chain.requests[requests:] if "send" in one or "Airdrop" in one]
        return f"{int(error.code)} {error.json['error']['code']}: {error.json['error']['message']}"

    assert refused_play().startswith("5 run_not_found")
    still_house.run()
    assert refused_play().startswith("6 wrong_run_state: Run 'test' is Uninitialized")
    still_house.cli.json("set-paused", "--run-id", "test", "--resume")
    assert "may not join run 'test'" in refused_play()
    assert refused_play("--step", "501").startswith("15 cannot_be_reached")
    assert refused_play("--step", "5", "--epochs", "1").startswith("2 usage_error: Specify only one")
    assert refused_play("--clients", "2", "--absent", "3").startswith("2 usage_error: --absent 3 is more")
    assert refused_play("--until", "Nowhere").startswith("2 usage_error")
    for speed in ("-1", "0", "nan", "inf", "x"):
        assert refused_play("--speed", speed).startswith("2 usage_error")


def test_too_few_members_are_an_error_after_they_have_joined(still_house: House) -> None:
    still_house.driver().create().resume()
    outcome = still_house.cli(*PLAY, "--clients", "2", "--until", "Training", "--output", "json")
    error = outcome.json["error"]
    assert (outcome.code, error["code"]) == (ExitCode.REFUSED, "wrong_run_state")
    assert "it is waiting for members (2 of 3 have joined)" in error["message"]
    assert error["context"]["sent"] is True
    assert error["context"]["signature"]


def test_a_run_that_pauses_before_the_goal_cannot_reach_it(still_house: House) -> None:
    run = still_house.driver().create()
    run.resume()
    still_house.cli.json(*PLAY, "--step", "2")
    run.pause()
    outcome = still_house.cli(*PLAY, "--epochs", "3", "--output", "json")
    assert outcome.code == ExitCode.NEVER
    assert "it is Paused" in outcome.json["error"]["message"]
    assert run.stage == RunState.PAUSED


def test_more_members_than_can_join_play_without_the_others(still_house: House) -> None:
    run = still_house.driver().create({**CONFIG, "global_batch_size_start": 4, "global_batch_size_end": 4})
    run.resume()
    data = still_house.cli.json(*PLAY, "--clients", "6", "--until", "Cooldown")
    [joins] = [one for one in data["transactions"] if one["kind"] == "join"]
    assert (joins["sent"], joins["refused"]) == (4, 2)
