"""Rejected commands: one clear sentence, the exit code of the error class, and nothing sent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from psyche_cli.errors import ExitCode
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import Outcome, address_of
from tests.cli.writing_verbs import WRITING_VERBS
from tests.support.secret_forms import numbers_in_a_row

_WRITES = {verb.words[0] for verb in WRITING_VERBS.values()} - {"localnet"}
"""The verbs with --dry-run."""


def refused(house: House, code: ExitCode, *words: object, **variables: str) -> str:
    """Run a command that must be rejected, in both output formats, and return the message. Nothing may be sent."""
    sent = house.chain.sent
    human = house.cli(*words, variables=variables)
    as_json = house.cli(*words, "--output", "json", variables=variables)
    assert (human.code, as_json.code) == (code, code), human.stderr
    assert house.chain.sent == sent, "something was sent"
    assert human.stdout == "" or str(words[0]).startswith("json-dump-")
    error = as_json.json["error"]
    assert as_json.json["ok"] is False
    assert as_json.json["exit_code"] == code
    message: str = error["message"]
    assert message.endswith((".", "?")), message
    assert message in human.stderr
    if str(words[0]) in _WRITES and error["code"] != "not_confirmed":  # a dry run asks nothing
        dry_run = house.cli(*words, "--dry-run", "--output", "json", variables=variables)
        assert (dry_run.code, dry_run.json["error"]["code"]) == (code, error["code"]), dry_run.stderr
        assert house.chain.sent == sent
    assert "Traceback" not in human.stderr + as_json.stderr
    return message


# Wallets


def test_missing_wallet_file(house: House, tmp_path: Path) -> None:
    message = refused(
        house, ExitCode.WALLET, "create-run", "--run-id", "x", "--wallet-private-key-path", tmp_path / "no"
    )
    assert "does not exist" in message


def test_no_default_wallet(house: House) -> None:
    message = refused(
        house, ExitCode.WALLET, "join-authorization-create", "--permissionless", WALLET_PRIVATE_KEY_PATH=""
    )
    assert "id.json" in message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda key: json.dumps(key[:63]), "63"),
        (lambda key: json.dumps([*key[:32], *reversed(key[32:])]), "does not belong to its secret key"),
        (lambda key: json.dumps([*key[:63], 256]), "number 64"),
        (lambda _: "0OIl" * 22, "base58"),
        (lambda _: "{}", "neither a JSON array nor base58"),
        (lambda _: "", "empty"),
    ],
    ids=["63 numbers", "mismatched halves", "no byte", "bad base58", "not an array", "empty"],
)
def test_malformed_keys(house: House, tmp_path: Path, content: Callable[[list[int]], str], reason: str) -> None:
    key = json.loads(house.owner.read_text())
    text = content(key)
    file = tmp_path / "bad.json"
    file.write_text(text)
    words = ("create-run", "--run-id", "x", "-w", file)
    message = refused(house, ExitCode.WALLET, *words)
    assert reason in message
    if text:
        raw = refused(house, ExitCode.WALLET, "create-run", "--run-id", "x", RAW_WALLET_PRIVATE_KEY=text)
        assert reason in raw


def test_no_error_shows_any_part_of_a_key(house: House, tmp_path: Path) -> None:
    numbers = json.loads(house.owner.read_text())
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(numbers[:63]))
    outcome = house.cli("create-run", "--run-id", "x", "-w", file)
    assert outcome.code is ExitCode.WALLET
    assert not numbers_in_a_row(str(numbers)) & numbers_in_a_row(outcome.stdout + outcome.stderr)


# Endpoint


def test_an_unreachable_endpoint_is_reported_without_its_path(tmp_path: Path, house: House) -> None:
    from psyche_cli.solana.rpc.http import HttpTransport

    house.cli.open_transport = HttpTransport
    message = refused(
        house, ExitCode.NETWORK, "json-dump-run", "--run-id", "x", "--rpc", "http://127.0.0.1:9/secret-token"
    )
    assert "127.0.0.1:9" in message
    assert "secret-token" not in message


@pytest.mark.parametrize("url", ["ftp://host", "http://", "not a url", "http://host:99999"])
def test_invalid_urls(house: House, url: str) -> None:
    refused(house, ExitCode.USAGE, "json-dump-run", "--run-id", "x", "--rpc", url)


# Runs


WRITES = [
    ("update-config", "--config-path", MINIMAL),
    ("set-paused",),
    ("set-paused", "--resume"),
    ("set-future-epoch-rates", "--earning-rate", "1"),
    ("treasurer-top-up-rewards", "--collateral-amount", "1"),
]
ON_A_RUN = [*WRITES, ("json-dump-run",), ("json-dump-user", "--address", "1" * 32)]


@pytest.mark.parametrize("words", ON_A_RUN, ids=lambda words: " ".join(map(str, words[:2])))
def test_run_not_found(house: House, words: tuple[object, ...]) -> None:
    assert "'nowhere'" in refused(house, ExitCode.NOT_FOUND, *words, "--run-id", "nowhere")


@pytest.mark.parametrize("words", [*ON_A_RUN, ("create-run",)], ids=lambda words: " ".join(map(str, words[:2])))
@pytest.mark.parametrize("run_id", ["x" * 33, "é" * 17, ""], ids=["33 letters", "34 bytes", "empty"])
def test_run_ids_without_an_address(house: House, words: tuple[object, ...], run_id: str) -> None:
    message = refused(house, ExitCode.USAGE, *words, "--run-id", run_id)
    assert "run" in message.lower()


@pytest.mark.parametrize("treasurer", [False, True], ids=["plain", "treasurer"])
@pytest.mark.parametrize("words", WRITES[:4], ids=lambda words: " ".join(map(str, words[:2])))
def test_a_stranger_is_not_the_main_authority(house: House, words: tuple[object, ...], treasurer: bool) -> None:
    run_id = house.run(treasurer=treasurer)
    message = refused(house, ExitCode.REFUSED, *words, "--run-id", run_id, "-w", house.stranger)
    assert str(address_of(house.stranger)) in message
    assert str(address_of(house.owner)) in message


def test_an_existing_run_id(house: House) -> None:
    run_id = house.run()
    assert "already exists" in refused(house, ExitCode.REFUSED, "create-run", "--run-id", run_id)


def test_resume_without_configuration(house: House) -> None:
    run_id = house.run(configured=False)
    assert "no configuration" in refused(house, ExitCode.REFUSED, "set-paused", "--resume", "--run-id", run_id)


@pytest.mark.parametrize("started", [False, True], ids=["never started", "paused"])
def test_resume_of_a_run_without_steps_left(house: House, tmp_path: Path, started: bool) -> None:
    run_id = house.run()
    if started:
        house.cli.json("set-paused", "--run-id", run_id, "--resume")
        house.cli.json("set-paused", "--run-id", run_id)
    short = tmp_path / "short.toml"
    short.write_text(re.sub(r"total_steps = \d+", "total_steps = 1", MINIMAL.read_text()))
    house.cli.json("update-config", "--run-id", run_id, "--config-path", short)
    message = refused(house, ExitCode.REFUSED, "set-paused", "--resume", "--run-id", run_id)
    assert "no steps left" in message


@pytest.mark.parametrize("left", [0, -1])
def test_a_restart_that_leaves_no_steps_is_not_sent(house: House, left: int) -> None:
    """The last allowed step is the last one from which the run can be resumed."""
    run_id = paused(house)
    total = house.dump()["coordinator_account"]["setup"]["config"]["total_steps"]
    words = ("update-config", "--run-id", run_id, "--restart-from-step")
    message = refused(house, ExitCode.REFUSED, *words, total - left)
    assert f"total_steps is {total}" in message
    house.cli.json(*words, total - 1)
    assert house.cli.json("set-paused", "--run-id", run_id, "--resume")["state"] == "Waiting for members"


@pytest.mark.parametrize("total", [4, 5])
def test_a_restart_counts_the_steps_of_the_new_configuration(house: House, tmp_path: Path, total: int) -> None:
    run_id = paused(house)
    file = with_total_steps(tmp_path, total)
    words = ("update-config", "--run-id", run_id, "--config-path", file, "--restart-from-step", 4)
    if total == 4:
        refused(house, ExitCode.REFUSED, *words)
    else:
        house.cli.json(*words)
        house.cli.json("set-paused", "--run-id", run_id, "--resume")


def test_a_restart_without_configuration(house: House) -> None:
    run_id = house.run(configured=False)
    words = ("update-config", "--run-id", run_id, "--restart-from-step", "1")
    assert "no configuration yet" in refused(house, ExitCode.REFUSED, *words)
    outcome = house.cli(*words, "--config-path", MINIMAL, "--output", "json")
    assert outcome.code is ExitCode.OK, outcome.stderr
    [warning] = outcome.json["warnings"]
    assert "first start" in warning


def test_a_restart_beyond_the_range_of_the_program(house: House, tmp_path: Path) -> None:
    file = tmp_path / "huge.toml"
    text = re.sub(r"total_steps = \d+", "total_steps = 4294967295", MINIMAL.read_text())
    text = re.sub(r"global_batch_size_(start|end) = \d+", r"global_batch_size_\1 = 65535", text)
    text = re.sub(r"max_seq_len = \d+", "max_seq_len = 4294967295", text)
    file.write_text(text)
    words = ("update-config", "--run-id", paused(house), "--config-path", file, "--restart-from-step", 4294967294)
    refused(house, ExitCode.CONFIGURATION, *words)


def test_a_restart_of_a_running_run(house: House) -> None:
    run_id = paused(house)
    house.cli.json("set-paused", "--run-id", run_id, "--resume")
    words = ("update-config", "--run-id", run_id, "--restart-from-step", "3")
    assert "Waiting for members" in refused(house, ExitCode.REFUSED, *words)


@pytest.mark.parametrize("started", [False, True], ids=["never started", "paused"])
@pytest.mark.parametrize("total", [1, 2])
def test_a_configuration_that_leaves_no_steps_causes_a_warning(
    house: House, tmp_path: Path, started: bool, total: int
) -> None:
    """It is sent, because the step may be changed next. The warning is the error that resuming would report."""
    run_id = paused(house) if started else house.run()
    file = with_total_steps(tmp_path, total)
    outcome = house.cli("update-config", "--run-id", run_id, "--config-path", file, "--output", "json")
    assert outcome.code is ExitCode.OK, outcome.stderr
    resumed = house.cli("set-paused", "--run-id", run_id, "--resume")
    assert any("no steps left" in warning for warning in outcome.json["warnings"]) is (total == 1)
    assert resumed.code is (ExitCode.REFUSED if total == 1 else ExitCode.OK)


def paused(house: House) -> str:
    run_id = house.run()
    house.cli.json("set-paused", "--run-id", run_id, "--resume")
    house.cli.json("set-paused", "--run-id", run_id)
    return run_id


def with_total_steps(folder: Path, total: int) -> Path:
    file = folder / "steps.toml"
    file.write_text(re.sub(r"total_steps = \d+", f"total_steps = {total}", MINIMAL.read_text()))
    return file


def test_a_missing_configuration_file_is_reported_once(house: House, tmp_path: Path) -> None:
    file = tmp_path / "my run.toml"
    outcome = house.cli("update-config", "--run-id", "x", "--config-path", file)
    assert outcome.stderr == (
        f"Error: The configuration file {file} does not exist.\n"
        f"Hint: To start from an example: psyche-cli config example -o '{file}'\n"
    )
    file.write_text("[config\n")
    for words in (("update-config", "--run-id", "x", "--config-path", file),):
        lines = house.cli(*words).stderr.splitlines()
        assert len(lines) == len(set(lines)) == 2, lines


def test_pausing_a_run_that_never_started(house: House) -> None:
    run_id = house.run()
    assert "Uninitialized" in refused(house, ExitCode.REFUSED, "set-paused", "--run-id", run_id)


def test_configuring_a_run_in_waiting_for_members(house: House, tmp_path: Path) -> None:
    run_id = house.run()
    house.cli.json("set-paused", "--run-id", run_id, "--resume")
    other = tmp_path / "other.toml"
    other.write_text(MINIMAL.read_text().replace("total_steps = ", "total_steps = 1"))
    words = ("update-config", "--run-id", run_id)
    assert "Waiting for members" in refused(house, ExitCode.REFUSED, *words, "--config-path", other)
    assert "Waiting for members" in refused(house, ExitCode.REFUSED, *words, "--client-version", "v2")
    house.cli.json(*words, "--name", "allowed at any time")


def test_missing_update_and_rate_options(house: House) -> None:
    run_id = house.run()
    refused(house, ExitCode.USAGE, "update-config", "--run-id", run_id)
    refused(house, ExitCode.USAGE, "set-future-epoch-rates", "--run-id", run_id)


def test_a_wallet_too_poor_for_the_rent(house: House, tmp_path: Path) -> None:
    poor = tmp_path / "poor.json"
    house.cli.json("localnet", "new-wallet", poor)
    house.chain.rpc.request_airdrop(address_of(poor), 830_000_000)
    message = refused(house, ExitCode.REFUSED, "create-run", "--run-id", "x", "-w", poor)
    assert "0.83" in message


# Configuration files


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("total_steps =", "# total_steps =", ["config.total_steps"]),
        ("cooldown_time =", "cooldwn_time =", ["cooldwn_time", "cooldown_time"]),
        ('repo_id = "', f'repo_id = "{"x" * 64}', ["repo_id"]),
        ("[config]", "[config]\nrounds_per_epoch = 5", ["rounds_per_epoch", "epoch_time"]),
    ],
    ids=["missing key", "misspelt key", "over-long string", "retired key"],
)
def test_faulty_configuration_files(house: House, tmp_path: Path, old: str, new: str, names: list[str]) -> None:
    file = tmp_path / "run.toml"
    assert old in MINIMAL.read_text()
    file.write_text(MINIMAL.read_text().replace(old, new, 1))
    refused(house, ExitCode.CONFIGURATION, "update-config", "--run-id", "x", "--config-path", file)
    told = house.cli("update-config", "--run-id", "x", "--config-path", file).stderr
    assert all(name in told for name in names), told


def test_every_broken_rule_is_reported_with_key_value_and_bound(house: House, tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    text = re.sub(r"witness_nodes = \d+", "witness_nodes = 33", MINIMAL.read_text())
    file.write_text(re.sub(r"min_clients = \d+", "min_clients = 0", text))
    outcome = house.cli("update-config", "--run-id", "x", "--config-path", file, "--output", "json")
    problems = outcome.json["error"]["context"]["problems"]
    rules = {problem["rule"]: problem["message"] for problem in problems}
    assert "33" in rules["WitnessNodes"]
    assert "config.min_clients = 0" in rules["MinClients"]
    assert all(problem["message"] in outcome.stderr for problem in problems)


def test_a_missing_configuration_file(house: House, tmp_path: Path) -> None:
    words = ("update-config", "--run-id", "x", "--config-path", tmp_path / "none.toml")
    assert "does not exist" in refused(house, ExitCode.CONFIGURATION, *words)


# Money


@pytest.mark.parametrize("amount", ["0.0000001", "-1", "nan", "inf", "1e30", "abc", "0", "", "1,5"])
def test_invalid_amounts(house: House, amount: str) -> None:
    run_id = house.run(treasurer=True, configured=False)
    words = ("treasurer-top-up-rewards", "--run-id", run_id, f"--collateral-amount={amount}")
    refused(house, ExitCode.USAGE, *words)


def test_more_than_the_wallet_holds(house: House) -> None:
    run_id = house.run(treasurer=True, configured=False)
    words = ("treasurer-top-up-rewards", "--run-id", run_id, "--collateral-amount", "1000000.000001")
    assert "1000000" in refused(house, ExitCode.REFUSED, *words)


def test_top_up_by_a_wallet_without_a_token_account(house: House) -> None:
    run_id = house.run(treasurer=True, configured=False)
    words = ("treasurer-top-up-rewards", "--run-id", run_id, "--collateral-amount", "1", "-w", house.stranger)
    refused(house, ExitCode.NOT_FOUND, *words)


def test_top_up_of_a_run_without_treasurer(house: House) -> None:
    words = ("treasurer-top-up-rewards", "--run-id", house.run(), "--collateral-amount", "1")
    assert "no treasurer" in refused(house, ExitCode.REFUSED, *words)


def test_points_are_integers(house: House) -> None:
    words = ("set-future-epoch-rates", "--run-id", house.run(), "--earning-rate", "1.5")
    refused(house, ExitCode.USAGE, *words)


# Public keys


@pytest.mark.parametrize(
    "words",
    [
        ("join-authorization-create", "--authorizer"),
        ("create-run", "--run-id", "x", "--join-authority"),
        ("create-run", "--run-id", "x", "--treasurer-collateral-mint"),
        ("json-dump-user", "--run-id", "x", "--address"),
        ("run-authorizer", "--grantor", "owner.json", "--grantee"),
    ],
    ids=lambda words: " ".join(words),
)
@pytest.mark.parametrize("key", ["", "abc", "0" * 32, "1" * 45, "é" * 40])
def test_malformed_public_keys(house: House, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], key: str) -> None:
    monkeypatch.chdir(house.owner.parent)
    refused(house, ExitCode.USAGE, *words, key)


def test_an_account_that_is_not_a_mint(house: House, owner_address: str) -> None:
    words = ("create-run", "--run-id", "x", "--treasurer-collateral-mint")
    assert "The mint " in refused(house, ExitCode.NOT_FOUND, *words, "9" * 43)
    refused(house, ExitCode.ACCOUNT, *words, owner_address)


def test_treasurer_index_without_mint_or_beyond_u64(house: House) -> None:
    refused(house, ExitCode.USAGE, "create-run", "--run-id", "x", "--treasurer-index", "1")
    refused(house, ExitCode.USAGE, "create-run", "--run-id", "x", "--treasurer-index", str(2**64))


def test_an_inaccessible_default_wallet(house: House, tmp_path: Path) -> None:
    """A name too long for the file system fails like this for any user, including root."""
    home = tmp_path / ("x" * 300)
    outcome = replace(house.cli, home=home, variables={})("set-paused", "--run-id", "test")
    assert outcome.code is ExitCode.WALLET
    assert "id.json" in outcome.stderr


@pytest.mark.parametrize("grantee", ["~nobody-of-this-name", "x" * 5000])
def test_a_grantee_that_is_not_a_valid_path(house: House, grantee: str) -> None:
    assert "is not a public key" in refused(house, ExitCode.USAGE, "run-authorizer", f"grantee={grantee}")


def test_suggestions_can_be_pasted_into_a_shell(house: House) -> None:
    outcome = house.cli("create-run", "--run-id", "my run; ls")
    assert "--run-id 'my run; ls' --config-path run.toml" in outcome.stderr
    outcome = house.cli("set-paused", "--run-id", "my run; ls", "--resume")
    assert outcome.code is ExitCode.REFUSED
    assert "--run-id 'my run; ls' --config-path run.toml" in outcome.stderr


def test_authorizer_and_permissionless_exclude_each_other(house: House) -> None:
    refused(house, ExitCode.USAGE, "join-authorization-create")
    refused(house, ExitCode.USAGE, "join-authorization-create", "--permissionless", "--authorizer", "1" * 32)


# The command line itself


@pytest.mark.parametrize("words", [("nonsense",), ("create-run",), ("create-run", "--nonsense"), ("set-paused", "x")])
def test_usage_errors_point_to_the_help(house: House, words: tuple[str, ...]) -> None:
    refused(house, ExitCode.USAGE, *words)
    assert "--help" in house.cli(*words).stderr


def test_an_account_with_another_owner_or_size_is_reported(house: House) -> None:
    """An instance with the address of an account that is not a coordinator account."""
    from psyche_cli.protocol.accounts.small_accounts import decode_instance
    from psyche_cli.protocol.addresses import instance_address

    run_id = house.run()
    raw = house.chain.rpc.account(instance_address(run_id))
    assert raw is not None
    stored = decode_instance(raw).coordinator_account
    bank = house.chain.dispatcher.context.bank
    account = bank.accounts.get(stored)
    assert account is not None
    from solders.account import Account

    bank.set_account(stored, Account(account.lamports, account.data[:-1], account.owner))
    outcome: Outcome = house.cli("json-dump-run", "--run-id", run_id)
    assert outcome.code is ExitCode.ACCOUNT
    assert outcome.json["error"]["code"] == "wrong_size"
    assert "119159" in outcome.stderr.replace(",", "")
