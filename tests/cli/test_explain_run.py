"""``explain`` of a run, of an account in a file, and of a state."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.operations.status.diagnosis.rules import RULES
from psyche_cli.protocol.run_states import RunState
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import CommandLine
from tests.cli.test_refusals import refused
from tests.support.run_driver import CONFIG

RUN = ("--run-id", "test")


def saved(house: House, folder: Path) -> Path:
    raw = house.chain.rpc.account(house.instance().coordinator_account)
    assert raw is not None
    path = folder / "account.bin"
    path.write_bytes(raw.data)
    return path


def test_the_text_of_a_diagnosis(still_house: House) -> None:
    house = still_house
    driver = house.driver().create()
    driver.resume()
    driver.join(0)
    driver.wait(600)
    lines = house.cli("explain", *RUN).stdout.splitlines()
    assert lines == [
        "Run test has 1 blocking problem.",
        "  state    Waiting for members",
        "  meaning  The run waits until enough members have joined this epoch, and for an additional time.",
        "  since    2027-01-15 08:00:00 UTC, for 10m",
        "",
        "1. Epoch 0 cannot begin: 1 member has joined, but init_min_clients requires 3.",
        "   [blocking: too-few-joined]",
        "     joined epoch 0    1",
        "     init_min_clients  3",
        "     missing           2",
        "     waiting for       10m",
        "   Have more members start their clients. To begin with fewer, pause the run,",
        "   lower init_min_clients and resume it; all members must join again then.",
        "     psyche-cli members --run-id test",
        "     psyche-cli set-paused --run-id test",
        "     psyche-cli config dump --run-id test -o run.toml",
        "     psyche-cli update-config --run-id test --config-path run.toml",
    ]


def test_commands_repeat_the_given_options(house: House) -> None:
    house.run(configured=False)
    [command, *_] = house.cli.json("explain", *RUN, "--rpc", "http://127.0.0.1:1")["findings"][0]["commands"]
    assert command == "psyche-cli update-config --run-id test --config-path run.toml --rpc http://127.0.0.1:1"
    assert house.cli("explain", *RUN).code is ExitCode.OK  # problems are no failure


def test_the_commands_that_change_the_configuration_of_a_waiting_run_work(
    still_house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    driver = still_house.driver().create({**CONFIG, "verification_percent": 101})
    driver.resume()
    found = {one["rule"]: one for one in still_house.cli.json("explain", *RUN)["findings"]}
    commands = found["verification-breaks-rounds"]["commands"]
    assert [command.split()[1] for command in commands] == ["set-paused", "config", "update-config"]
    for command in commands:
        assert still_house.cli(*command.split()[1:]).code is ExitCode.OK
        if " dump " in command:
            file = tmp_path / "run.toml"
            file.write_text(file.read_text().replace("verification_percent = 101", "verification_percent = 0"))
    assert driver.account.config["verification_percent"] == 0


def test_the_configuration_is_changed_after_the_end_of_an_epoch_in_progress(still_house: House) -> None:
    driver = still_house.driver().create({**CONFIG, "verification_percent": 101})
    driver.resume()
    driver.start_training(0, 1, 2)
    found = {one["rule"]: one for one in still_house.cli.json("explain", *RUN)["findings"]}
    [pause, wait, *_] = found["verification-breaks-rounds"]["commands"]
    assert still_house.cli(*pause.split()[1:]).code is ExitCode.OK
    driver.tick(CONFIG["max_round_train_time"])
    driver.tick(CONFIG["round_witness_time"])
    driver.end_cooldown()
    assert still_house.cli(*wait.split()[1:]).code is ExitCode.OK


def test_a_tick_is_suggested_without_the_index_of_the_treasurer(still_house: House) -> None:
    house = still_house
    house.cli.json("create-run", *RUN, "--treasurer-collateral-mint", house.new_mint(), "--treasurer-index", "7")
    house.cli.json("update-config", *RUN, "--config-path", MINIMAL, "--treasurer-index", "7")
    house.cli.json("set-paused", *RUN, "--resume", "--treasurer-index", "7")
    house.join(house.stranger)
    house.cli.json("localnet", "warp", "12")
    found = {one["rule"]: one for one in house.cli.json("explain", *RUN, "--treasurer-index", "7")["findings"]}
    [command] = found["overdue"]["commands"]
    assert command == "psyche-cli tick --run-id test --count 1"
    assert house.cli(*command.split()[1:]).code is ExitCode.OK
    assert "--treasurer-index 7" in found["rate-zero"]["commands"][0]


def test_an_account_in_a_file(still_house: House, offline: CommandLine, tmp_path: Path) -> None:
    house = still_house
    driver = house.driver().create()
    driver.resume()
    driver.enter_warmup(0, 1, 2)
    file, now = saved(house, tmp_path), driver.now
    without_time = offline.json("explain", "--account-file", file)
    assert (without_time["findings"], without_time["at_unix_timestamp"]) == ([], None)
    needs = {one["rule"]: one["needs"] for one in without_time["not_checked"]}
    assert needs["warmup-overdue"] == "time"
    assert set(needs.values()) == {"time", "instance", "treasury", "authorizations"}
    text = offline("explain", "--account-file", file).stdout
    assert text.startswith("Run test is healthy, as far as its coordinator account shows: it is in epoch 0, step 1")
    assert "not checked" in text
    over = now + 20
    for time in (str(over), "2027-01-15T08:00:25Z", "2027-01-15T09:00:25+01:00", "2027-01-15 08:00:25"):
        data = offline.json("explain", "--account-file", file, "--at", time)
        assert data["at_unix_timestamp"] == over
        assert [one["rule"] for one in data["findings"]] == ["warmup-overdue"]
    began = driver.account.run_state_start_timestamp
    outcome = offline("explain", "--account-file", file, "--at", str(began - 1))
    assert outcome.code is ExitCode.USAGE
    assert "--at is before 2027-01-15 08:00:05 UTC, when the run entered its state." in outcome.stderr
    assert offline("explain", "--account-file", file, "--at", str(began)).code is ExitCode.OK
    # The same account, as text and as a response.
    raw = file.read_bytes()
    for form in (raw.hex(), base64.b64encode(raw).decode()):
        file.write_text(form)
        assert offline.json("explain", "--account-file", file)["run_id"] == "test"
    outcome = offline("explain", "--account-file", "-", "--output", "json", stdin=base64.b64encode(raw).decode())
    assert outcome.data["run_id"] == "test"


def test_how_long_a_run_in_a_file_waits_for_members_is_unknown(
    still_house: House, offline: CommandLine, tmp_path: Path
) -> None:
    driver = still_house.driver().create()
    driver.resume()
    driver.join(0)
    file = saved(still_house, tmp_path)
    data = offline.json("explain", "--account-file", file)
    assert [one["rule"] for one in data["findings"]] == ["waiting-for-members"]
    assert data["findings"][0]["evidence"] == [{"name": "joined epoch 0", "value": "1 of 3"}]
    assert {"rule": "too-few-joined", "needs": "time"} in data["not_checked"]
    text = offline("explain", "--account-file", file).stdout
    shown = "healthy, as far as its coordinator account shows: 1 of 3 members have joined epoch 0."
    assert text.splitlines()[0] == f"Run test is {shown}"
    data = offline.json("explain", "--account-file", file, "--at", str(driver.now + 300))
    assert [one["rule"] for one in data["findings"]] == ["too-few-joined"]


def test_accounts_that_cannot_be_explained(house: House, offline: CommandLine, tmp_path: Path) -> None:
    house.run()
    raw = house.chain.rpc.account(house.instance().address)
    assert raw is not None
    file = tmp_path / "instance.bin"
    file.write_bytes(raw.data)
    assert offline("explain", "--account-file", file).code is ExitCode.ACCOUNT
    owner = "11111111111111111111111111111111"
    account = {"data": [base64.b64encode(raw.data).decode(), "base64"], "owner": owner, "lamports": 1}
    file.write_text(json.dumps([{"pubkey": owner, "account": account}] * 2))
    outcome = offline("explain", "--account-file", file)
    assert outcome.code is ExitCode.USAGE
    assert "0 coordinator accounts" in outcome.stderr
    assert offline("explain", "--account-file", tmp_path / "missing").code is ExitCode.USAGE


@pytest.mark.parametrize("state", RunState)
def test_a_state(offline: CommandLine, state: RunState) -> None:
    data = offline.json("explain", "--state", state.variant)
    assert offline.json("explain", "--state", state.text) == data
    assert data["explained"] == offline.json("lifecycle", "explain", "psyche-run", state.variant)
    assert [one["rule"] for one in data["rules"]] == [rule.rule for rule in RULES if state in rule.states]
    assert {one["rule"] for one in data["rules"] if one["prolongs"]} == {
        rule.rule for rule in RULES if state in rule.prolongs
    }
    text = offline("explain", "--state", str(int(state))).stdout
    assert ("What can make it last:" in text) == (state != RunState.FINISHED)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "Specify one of --run-id, --account-file and --state"),
        ((*RUN, "--state", "Warmup"), "Specify one of"),
        (("--state", "Warmup", "--account-file", "x"), "Specify one of"),
        ((*RUN, "--at", "1"), "--at is only for --account-file"),
        (("--account-file", "x", "--at", "soon"), "--at is not a time"),
        (("--account-file", "x", "--at", "9" * 13), "--at is not a time"),
        (("--state", "Running"), "has no state 'Running'"),
    ],
)
def test_invalid_options(offline: CommandLine, words: tuple[str, ...], message: str) -> None:
    outcome = offline("explain", *words)
    assert outcome.code is ExitCode.USAGE
    assert message in outcome.stderr


def test_the_variable_of_the_run_id_is_not_for_other_sources(offline: CommandLine) -> None:
    outcome = offline("explain", "--state", "Warmup", variables={"RUN_ID": "test"})
    assert outcome.code is ExitCode.OK


def test_a_run_that_does_not_exist(house: House) -> None:
    refused(house, ExitCode.NOT_FOUND, "explain", *RUN)
    refused(house, ExitCode.NOT_FOUND, "members", *RUN)
