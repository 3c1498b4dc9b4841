"""What ``plan`` and ``apply`` refuse: obstacles, stale and changed plans, limits of payments, and pauses that last."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.errors import ExitCode
from psyche_cli.operations.run_files.lock import applying
from psyche_cli.protocol.addresses import associated_token_address, treasurer_index, treasurer_run_address
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_file.wanted import WantedAuthorization, WantedFunding, WantedJoin, WantedRun, WantedTreasurer
from psyche_cli.solana.programs import SYSTEM_PROGRAM
from psyche_cli.transport import Transport
from tests.cli.conftest import House
from tests.cli.harness import Chain, address_of, methods_of
from tests.cli.killing import killed
from tests.support.declared_runs import (
    KEYS,
    apply_file,
    dumped_run,
    run_as_dumped,
    variations,
    vault_tokens,
    write_declared_run,
)
from tests.support.secret_forms import leaked
from tests.support.state_home import state_home

RUN = ("--run-id", "test")
_TOKEN_STATE = 108
"""The offset of the state in a token account: 1 is initialized, 2 is frozen."""


def obstacles(house: House, run: WantedRun, path: Path, *words: object) -> dict[str, str]:
    """The obstacles of a plan by key; apply must refuse them before it sends anything."""
    file = write_declared_run(run, path)
    planned = house.cli("plan", file, "--output", "json", *words)
    assert planned.code is ExitCode.DIFFERS
    found = {one["key"]: one["message"] for one in planned.json["data"]["obstacles"]}
    sent = house.chain.sent
    refused = apply_file(house, file, *words)
    assert (refused.code, house.chain.sent) == (ExitCode.REFUSED, sent)
    assert all(message in refused.json["error"]["message"] for message in found.values())
    assert refused.json["error"]["context"]["sent"] is False
    return found


def test_an_error_of_plan_does_not_look_like_changes(house: House, base: WantedRun, tmp_path: Path) -> None:
    """An amount that does not fit the token is a usage error, for which all other verbs exit with 2."""
    file = write_declared_run(replace(base, funding=WantedFunding(keep_amount="0.0000001")), tmp_path / "a.toml")
    assert base.treasurer is not None
    house.cli.json("create-run", *RUN, "--treasurer-collateral-mint", base.treasurer.mint)
    for verb in ("plan", "drift"):
        failed = house.cli(verb, file, "--output", "json")
        assert (failed.code, failed.json["exit_code"]) == (1, 1)
        assert failed.json["error"]["code"] == "invalid_amount"
        assert house.cli(verb, file).code == 1
    assert apply_file(house, file).code is ExitCode.USAGE


def test_what_was_chosen_at_the_creation_cannot_change(house: House, base: WantedRun, tmp_path: Path) -> None:
    assert apply_file(house, write_declared_run(base, tmp_path / "a.toml")).code is ExitCode.OK
    join = replace(base.join, authority=address_of(house.stranger))
    other = replace(base, join=join, treasurer=WantedTreasurer(KEYS[0], 7), funding=None)
    found = obstacles(house, other, tmp_path / "b.toml")
    assert found.keys() >= {"join.authority", "treasurer.mint", "treasurer.index"}
    assert "chosen when a run is created" in found["treasurer.mint"]


def test_a_run_without_treasurer_cannot_get_one(house: House, base: WantedRun, tmp_path: Path) -> None:
    house.run()
    join = WantedJoin()
    found = obstacles(house, replace(base, join=join), tmp_path / "b.toml")
    assert [key for key in found if key.startswith("treasurer")] == ["treasurer"]


@pytest.mark.parametrize("whose", ["wallet", "vault"])
def test_a_frozen_token_account(house: House, base: WantedRun, tmp_path: Path, whose: str) -> None:
    """A scheduled transfer that is not due yet warns of it."""
    assert base.treasurer is not None
    house.cli.json("create-run", *RUN, "--treasurer-collateral-mint", base.treasurer.mint)
    house.cli.json("set-future-epoch-rates", *RUN, "--earning-rate", "1")
    house.cli.json("treasurer-top-up-rewards", *RUN, "--collateral-amount", 1)
    owner = address_of(house.owner) if whose == "wallet" else treasurer_run_address(treasurer_index("test"))
    account = associated_token_address(owner, base.treasurer.mint)
    bank = house.chain.dispatcher.context.bank
    found = bank.accounts.get(account)
    assert found is not None
    data = bytearray(found.data)
    assert data[_TOKEN_STATE] == 1
    data[_TOKEN_STATE] = 2
    bank.set_account(account, Account(found.lamports, bytes(data), found.owner))
    message = obstacles(house, base, tmp_path / "a.toml")["funding"]
    assert f"{account} is frozen" in message
    assert "thaw" in message
    words = ("schedule", "top-up", *RUN, "--keep-epochs", 1, "--max", 1, "--per-day", 1)
    assert f"Nothing can be transferred: {message}." in house.cli(*words).stderr.replace("\n", " ")
    without = write_declared_run(replace(base, funding=None), tmp_path / "b.toml")
    assert house.cli("plan", without, "--output", "json").json["data"]["obstacles"] == []


def test_a_wallet_without_a_token_account_and_a_run_without_its_vault(
    house: House, base: WantedRun, tmp_path: Path
) -> None:
    assert base.treasurer is not None
    house.cli.json("create-run", *RUN, "--treasurer-collateral-mint", base.treasurer.mint)
    bank = house.chain.dispatcher.context.bank
    for owner in (address_of(house.owner), treasurer_run_address(treasurer_index("test"))):
        bank.set_account(associated_token_address(owner, base.treasurer.mint), Account(0, b"", SYSTEM_PROGRAM))
    planned = house.cli("plan", write_declared_run(base, tmp_path / "a.toml"), "--output", "json").json["data"]
    messages = [one["message"] for one in planned["obstacles"] if one["key"] == "funding"]
    assert messages[0] == "the vault of the run does not exist, so nothing can be transferred to it"
    assert messages[1].endswith("has no account for the collateral token: send 60 to it first")


def test_a_treasurer_index_that_is_taken(house: House, base: WantedRun, tmp_path: Path) -> None:
    """By another run, or only its vault, which anyone can create."""
    assert base.treasurer is not None
    mint = base.treasurer.mint
    house.cli.json("create-run", "--run-id", "o", "--treasurer-collateral-mint", mint, "--treasurer-index", "7")
    run = treasurer_run_address(8)
    house.send(Instructions().create_associated_token_account(payer=address_of(house.owner), owner=run, mint=mint))
    for index in (7, 8):
        taken = replace(base, treasurer=WantedTreasurer(mint, index), funding=None)
        assert "already exists" in obstacles(house, taken, tmp_path / f"{index}.toml")["treasurer.index"]


def test_a_plan_is_no_run_file(house: House, base: WantedRun, tmp_path: Path) -> None:
    path = plan_file(house, base, tmp_path)
    for verb in ("plan", "drift"):
        refused = house.cli(verb, path, "--output", "json")
        assert (refused.code, refused.json["error"]["code"]) == (ExitCode.INTERNAL, "usage_error")
        assert f"psyche-cli apply {path}" in refused.json["error"]["hint"]


def test_another_wallet(house: House, base: WantedRun, tmp_path: Path) -> None:
    assert apply_file(house, write_declared_run(base, tmp_path / "a.toml")).code is ExitCode.OK
    changed = replace(variations(base)["metadata.name"](base), join=replace(base.join, everyone=False))
    found = obstacles(house, changed, tmp_path / "b.toml", "-w", house.stranger)
    assert found.keys() == {"main_authority", "join"}


def test_only_a_grantee_changes_its_delegates(house: House, base: WantedRun, tmp_path: Path) -> None:
    listed = (WantedAuthorization(KEYS[3], (KEYS[4],)),)
    found = obstacles(house, replace(base, join=WantedJoin(authorizations=listed)), tmp_path / "a.toml")
    assert "join-authorization-delegate" in found[f"join.authorizations.{KEYS[3]}.delegates"]


@pytest.mark.parametrize(
    ("change", "key", "part"),
    [
        (lambda run: replace(run, config=None, model=None, state="running"), "state", "without a configuration"),
        (
            lambda run: replace(run, config={**run.config, "total_steps": 1}, state="running"),
            "config.total_steps",
            "no steps left",
        ),
        (lambda run: replace(run, funding=WantedFunding(keep_amount="5000000")), "funding", "holds 1000000"),
    ],
    ids=["configuration", "steps", "tokens"],
)
def test_what_a_new_run_needs(
    house: House, base: WantedRun, tmp_path: Path, change: Callable[[WantedRun], WantedRun], key: str, part: str
) -> None:
    assert part in obstacles(house, change(base), tmp_path / "a.toml")[key]


def test_a_wallet_without_sol(house: House, base: WantedRun, tmp_path: Path) -> None:
    poor = tmp_path / "poor.json"
    house.cli.json("keygen", "new", "-o", poor)
    plain = replace(base, treasurer=None, funding=None, join=WantedJoin(everyone=True))
    assert "that a wallet must keep" in obstacles(house, plain, tmp_path / "a.toml", "-w", poor)["wallet"]


def test_a_run_that_has_finished(house: House, base: WantedRun, tmp_path: Path) -> None:
    assert apply_file(house, write_declared_run(base, tmp_path / "a.toml")).code is ExitCode.OK
    house.enter(RunState.FINISHED)
    other = replace(variations(base)["config.epoch_time"](base), state="running")
    assert obstacles(house, other, tmp_path / "b.toml").keys() == {"state", "config.epoch_time"}


def test_a_pause_needs_to_know_what_follows(house: House, base: WantedRun, tmp_path: Path) -> None:
    running = replace(base, state="running")
    assert apply_file(house, write_declared_run(running, tmp_path / "a.toml")).code is ExitCode.OK
    other = replace(variations(base)["config.epoch_time"](base), state=None)
    assert "whether the run is running" in obstacles(house, other, tmp_path / "b.toml")["state"]
    named = replace(variations(base)["metadata.name"](base), state=None)
    assert apply_file(house, write_declared_run(named, tmp_path / "c.toml")).code is ExitCode.OK  # needs no pause


def test_a_run_whose_stored_configuration_is_invalid_cannot_start(house: House, tmp_path: Path) -> None:
    house.run()

    def break_it(image: Any) -> None:
        image.state.coordinator.config.epoch_time = 0

    house.edit(break_it)
    run = WantedRun("test", tmp_path, state="running")
    assert "config.epoch_time" in obstacles(house, run, tmp_path / "a.toml")


def test_a_plan_without_a_wallet(house: House, base: WantedRun, tmp_path: Path) -> None:
    """The main authority of an existing run is assumed; a new run has none."""
    file = write_declared_run(base, tmp_path / "a.toml")
    nobody = {"WALLET_PRIVATE_KEY_PATH": ""}
    house.cli.variables.pop("WALLET_PRIVATE_KEY_PATH")
    refused = house.cli("plan", file, "--output", "json", variables=nobody)
    assert refused.code is ExitCode.WALLET
    assert house.cli("apply", file, "--yes", "-w", house.owner).code is ExitCode.OK
    planned = house.cli("plan", file, "--output", "json", variables=nobody)
    assert planned.data["wallet"] == str(address_of(house.owner))


def test_a_mint_that_does_not_exist(house: House, base: WantedRun, tmp_path: Path) -> None:
    file = write_declared_run(replace(base, treasurer=WantedTreasurer(KEYS[0])), tmp_path / "a.toml")
    assert house.cli("plan", file).code is ExitCode.NOT_FOUND


def test_nothing_is_sent_without_confirmation(house: House, base: WantedRun, tmp_path: Path) -> None:
    file, sent = write_declared_run(base, tmp_path / "a.toml"), house.chain.sent
    refused = house.cli("apply", file, "--output", "json")
    assert (refused.code, house.chain.sent) == (ExitCode.USAGE, sent)
    assert refused.json["error"]["code"] == "not_confirmed"
    assert house.cli("apply", file, "--yes").code is ExitCode.OK
    assert house.cli("apply", file).code is ExitCode.OK  # nothing to confirm


# --- plan files ----------------------------------------------------------------------------------------------------


def plan_file(house: House, run: WantedRun, folder: Path) -> Path:
    file, path = write_declared_run(run, folder / "planned.toml"), folder / "plan.json"
    path.unlink(missing_ok=True)
    house.cli("plan", file, "-o", path)
    return path


def test_a_plan_is_applied_without_its_file(house: House, base: WantedRun, tmp_path: Path) -> None:
    path = plan_file(house, base, tmp_path)
    (tmp_path / "planned.toml").unlink()
    applied = apply_file(house, path)
    assert [step["kind"] for step in applied.data["steps"]] == [
        step["kind"] for step in json.loads(path.read_text())["steps"]
    ]
    assert run_as_dumped(dumped_run(house)) == run_as_dumped(base)
    sent = house.chain.sent
    assert apply_file(house, path).data["already_so"] is True
    assert house.chain.sent == sent


MOVES: dict[str, tuple[tuple[object, ...], str]] = {
    "name": (("update-config", *RUN, "--name", "Another"), "metadata.name"),
    "version": (("update-config", *RUN, "--client-version", "v9"), "client_version"),
    "rate": (("set-future-epoch-rates", *RUN, "--slashing-rate", "7"), "rewards.slashing_rate"),
    "authorization": (("join-authorization-delete", "--authorizer", KEYS[1]), f"join.authorizations.{KEYS[1]}"),
    "new authorization": (("join-authorization-create", "--authorizer", KEYS[9]), f"join.authorizations.{KEYS[9]}"),
    "state": (("set-paused", *RUN, "--resume"), "state"),
}


@pytest.mark.parametrize("move", MOVES)
def test_a_plan_whose_ground_has_moved_is_refused(house: House, base: WantedRun, tmp_path: Path, move: str) -> None:
    words, key = MOVES[move]
    assert apply_file(house, write_declared_run(base, tmp_path / "a.toml")).code is ExitCode.OK
    path = plan_file(house, variations(base)["config.epoch_time"](base), tmp_path)
    house.cli.json(*words)
    sent = house.chain.sent
    refused = apply_file(house, path)
    assert (refused.code, house.chain.sent) == (ExitCode.REFUSED, sent)
    error = refused.json["error"]
    assert error["code"] == "stale_plan"
    assert [one["key"] for one in error["context"]["moved"]] == [key]
    assert key in error["message"]


def test_what_a_file_does_not_mention_may_move(house: House, base: WantedRun, tmp_path: Path) -> None:
    assert apply_file(house, write_declared_run(base, tmp_path / "a.toml")).code is ExitCode.OK
    wanted = replace(base, metadata={"name": "B"}, join=WantedJoin(), earning_rate=None, slashing_rate=None)
    path = plan_file(house, wanted, tmp_path)
    house.cli.json("update-config", *RUN, "--description", "Another")
    house.cli.json("set-future-epoch-rates", *RUN, "--slashing-rate", "7")
    assert apply_file(house, path).code is ExitCode.OK
    metadata = dumped_run(house).metadata
    assert (metadata["name"], metadata["description"]) == ("B", "Another")


def test_a_run_that_was_created_again_is_not_the_planned_one(house: House, base: WantedRun, tmp_path: Path) -> None:
    plain = replace(base, treasurer=None, funding=None)
    file = write_declared_run(plain, tmp_path / "a.toml")
    assert apply_file(house, file).code is ExitCode.OK
    path = plan_file(house, variations(plain)["config.epoch_time"](plain), tmp_path)
    house.cli.json("close-run", *RUN, "--yes")
    assert apply_file(house, file).code is ExitCode.OK
    refused = apply_file(house, path)
    assert [one["key"] for one in refused.json["error"]["context"]["moved"]] == ["run"]


@pytest.mark.parametrize("executes", [False, True])
def test_a_killed_plan_continues(house: House, base: WantedRun, tmp_path: Path, executes: bool) -> None:
    """What the plan itself has changed does not make it stale."""
    path = plan_file(house, replace(base, state="running"), tmp_path)
    count = json.loads(path.read_text())["transactions"]
    total = house.chain.dispatcher.context.bank.history.total
    for _ in range(count // 2):
        killed(house, "sendTransaction", "apply", path, "--yes", executes=executes, nth=2)
    assert apply_file(house, path).code is ExitCode.OK
    assert house.chain.dispatcher.context.bank.history.total - total == count
    assert run_as_dumped(dumped_run(house)) == run_as_dumped(replace(base, state="running"))


def test_numbers_of_32_bits_do_not_make_a_plan_stale(house: House, base: WantedRun, tmp_path: Path) -> None:
    """A file may have more digits than the account."""
    assert base.model is not None
    optimizer = {"AdamW": {"betas": [0.123456789012, 1.2072102412681216e16], "weight_decay": 1e-9, "eps": 0.1}}
    model = {"LLM": {**base.model["LLM"], "optimizer": {"AdamW": {**optimizer["AdamW"], "clip_grad_norm": None}}}}
    path = plan_file(house, replace(base, model=model), tmp_path)
    killed(house, "sendTransaction", "apply", path, "--yes", executes=True, nth=8)
    assert apply_file(house, path).code is ExitCode.OK
    assert run_as_dumped(dumped_run(house)) == run_as_dumped(replace(base, model=model))


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: plan.update(run_file=plan["run_file"].replace("A name", "B name")),
        lambda plan: plan.update(collateral=1),
        lambda plan: plan.pop("digest"),
        lambda plan: plan["steps"].pop(),
    ],
)
def test_a_plan_that_was_edited_is_refused(
    house: House, base: WantedRun, tmp_path: Path, change: Callable[[Any], object]
) -> None:
    path = plan_file(house, base, tmp_path)
    plan = json.loads(path.read_text())
    change(plan)
    path.write_text(json.dumps(plan))
    refused = apply_file(house, path)
    assert refused.code is ExitCode.USAGE
    assert "was changed" in refused.json["error"]["message"]


@pytest.mark.parametrize(
    "change", [{"steps": None}, {"run_file": 5}, {"ground": []}, {"received": "x"}, {"wallet": None}, {"format": "1"}]
)
def test_a_plan_with_a_digest_but_another_content(
    house: House, base: WantedRun, tmp_path: Path, change: dict[str, Any]
) -> None:
    path = plan_file(house, base, tmp_path)
    plan = {**json.loads(path.read_text()), **change}
    del plan["digest"]
    canonical = json.dumps(plan, sort_keys=True, separators=(",", ":"))
    path.write_text(json.dumps({**plan, "digest": hashlib.sha256(canonical.encode()).hexdigest()}))
    assert apply_file(house, path).json["error"]["code"] == "usage_error"


@pytest.mark.parametrize("text", ["{", "{}", '{"digest": 1}', '{"digest": ' + "[" * 5000])
def test_what_is_not_a_plan(house: House, tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    assert apply_file(house, tmp_path / "plan.json").code is ExitCode.USAGE


def test_a_plan_for_another_wallet_or_cluster(house: House, base: WantedRun, tmp_path: Path) -> None:
    path = plan_file(house, replace(base, treasurer=None, funding=None), tmp_path)
    other = apply_file(house, path, "-w", house.stranger)
    assert other.code is ExitCode.USAGE
    assert "for the wallet" in other.json["error"]["message"]
    (tmp_path / "elsewhere").mkdir()
    elsewhere, _ = Chain.start(tmp_path / "elsewhere", owner=5)
    house.cli.open_transport = elsewhere.transport
    assert "another cluster" in apply_file(house, path).json["error"]["message"]


def test_an_existing_plan_is_not_overwritten(house: House, base: WantedRun, tmp_path: Path) -> None:
    path = plan_file(house, base, tmp_path)
    before = path.read_text()
    assert house.cli("plan", tmp_path / "planned.toml", "-o", path).code is ExitCode.INTERNAL
    assert path.read_text() == before


# --- payments ------------------------------------------------------------------------------------------------------


def test_the_limits_of_a_top_up(house: House, base: WantedRun, tmp_path: Path) -> None:
    """At most 25 per apply, and 60 in all, of the 120 that ten epochs cost."""
    funding = WantedFunding(keep_epochs=10, max_per_top_up="25", max_in_all="60")
    file = write_declared_run(replace(base, funding=funding), tmp_path / "a.toml")
    for held, paid, warning in (
        (25, 25, "max_per_top_up limits the transfer to 25: after it, the vault lacks 95"),
        (50, 25, "max_per_top_up limits the transfer to 25: after it, the vault lacks 70"),
        (60, 10, "max_in_all limits the transfer to 10: after it, the vault lacks 60"),
        (60, 0, "max_in_all allows no transfer: the vault lacks 60"),
    ):
        outcome = apply_file(house, file)
        assert vault_tokens(house) == held
        assert sum(one["label"] == "top up" for one in outcome.json["transactions"]) == (paid > 0)
        assert warning in outcome.json["warnings"][-1]
        assert "except for its funding" in outcome.json["summary"]
    assert house.cli("plan", file).code is ExitCode.OK


def test_what_others_pay_and_claim_counts_towards_the_limit(house: House, base: WantedRun, tmp_path: Path) -> None:
    """What the vault has received is what it holds and what was claimed."""
    funding = WantedFunding(keep_amount="100", max_in_all="100")
    file = write_declared_run(replace(base, funding=None, state="running"), tmp_path / "a.toml")
    assert apply_file(house, file).code is ExitCode.OK
    house.join(house.owner)
    house.cli.json("treasurer-top-up-rewards", *RUN, "--collateral-amount", "40")

    def earn(image: Any) -> None:
        image.state.clients_state.clients.data[0].earned = 30_000_000

    house.edit(earn)
    house.cli.json("treasurer-claim-rewards", *RUN)
    assert vault_tokens(house) == 10
    file = write_declared_run(replace(base, funding=funding, state="running"), tmp_path / "b.toml")
    assert apply_file(house, file).code is ExitCode.OK
    assert vault_tokens(house) == 70


@pytest.mark.parametrize("executes", [False, True])
@pytest.mark.parametrize("then", [1, 2, 3])
def test_a_killed_top_up_is_not_paid_again(
    house: House, base: WantedRun, tmp_path: Path, executes: bool, then: int
) -> None:
    """Also if the limit per top-up leaves more to pay, and the process is killed again in a later step."""
    funding = WantedFunding(keep_epochs=10, max_per_top_up="25")
    assert (
        apply_file(house, write_declared_run(replace(base, funding=None, slashing_rate="0"), tmp_path / "a.toml")).code
        == 0
    )
    run = replace(variations(base)["config.epoch_time"](base), funding=funding, slashing_rate="3")
    file = write_declared_run(run, tmp_path / "b.toml")
    for nth in (1, *range(1, then)):
        killed(house, "sendTransaction", "apply", file, "--yes", executes=executes, nth=nth)
    applied = apply_file(house, file)
    assert applied.code is ExitCode.OK
    assert vault_tokens(house) == 25
    assert applied.json["warnings"][-1].startswith("The vault lacks 95, which")


def test_a_vault_that_may_not_be_funded(house: House, base: WantedRun, tmp_path: Path) -> None:
    """It is no difference, because apply would do nothing, but neither plan nor drift hides it."""
    run = replace(base, funding=WantedFunding(keep_epochs=10, max_in_all="60"))
    file = write_declared_run(run, tmp_path / "a.toml")
    assert apply_file(house, file).code is ExitCode.OK
    for verb in ("plan", "drift"):
        outcome = house.cli(verb, file, "--output", "json")
        assert outcome.code is ExitCode.OK
        assert "the vault lacks 60" in outcome.json["warnings"][-1]
    assert "except for its funding" in house.cli("plan", file).stdout


def test_a_plan_pays_no_more_than_it_says(house: House, base: WantedRun, tmp_path: Path) -> None:
    """What arrives after it was made counts as paid."""
    assert apply_file(house, write_declared_run(replace(base, funding=None), tmp_path / "a.toml")).code is ExitCode.OK
    path = plan_file(house, replace(base, funding=WantedFunding(keep_amount="50")), tmp_path)
    house.cli.json("treasurer-top-up-rewards", *RUN, "--collateral-amount", "20")
    assert apply_file(house, path).code is ExitCode.OK
    assert vault_tokens(house) == 50
    house.cli.json("treasurer-top-up-rewards", *RUN, "--collateral-amount", "1")
    assert apply_file(house, path).data["already_so"] is True
    assert vault_tokens(house) == 51


def test_two_processes_do_not_apply_at_once(house: House, base: WantedRun, tmp_path: Path) -> None:
    file = write_declared_run(base, tmp_path / "a.toml")
    with applying(state_home(house.cli.home) / "psyche-cli", "test"):
        sent = house.chain.sent
        refused = apply_file(house, file)
        assert (refused.code, house.chain.sent) == (ExitCode.REFUSED, sent)
        assert refused.json["error"]["code"] == "apply_running"
    assert apply_file(house, file).code is ExitCode.OK


def test_an_unusable_state_folder(house: House, base: WantedRun, tmp_path: Path) -> None:
    long = apply_file(house, write_declared_run(base, tmp_path / "a.toml"), "--state-dir", tmp_path / ("x" * 300))
    assert long.code is ExitCode.JOURNAL
    (tmp_path / "file").write_text("")
    refused = apply_file(house, write_declared_run(base, tmp_path / "a.toml"), "--state-dir", tmp_path / "file")
    assert refused.code is ExitCode.JOURNAL


def test_a_limited_top_up_with_all_that_the_wallet_holds(house: House, base: WantedRun, tmp_path: Path) -> None:
    """What remains to be paid later is no obstacle to the steps that follow."""
    funding = WantedFunding(keep_amount="1500000", max_per_top_up="1000000")
    run = replace(base, funding=funding, state="running")
    applied = apply_file(house, write_declared_run(run, tmp_path / "a.toml"))
    assert applied.code is ExitCode.OK
    assert "except for its funding" in applied.json["summary"]
    assert vault_tokens(house) == 1_000_000
    assert run_as_dumped(dumped_run(house)) == run_as_dumped(run)


class Meddling:
    """An endpoint of a command beside which another process acts after each of its transactions."""

    def __init__(self, house: House, act: Callable[[], object]) -> None:
        self._house, self._act = house, act
        self._connect = house.cli.open_transport
        house.cli.open_transport = self._open

    def _open(self, url: str) -> Transport:
        outer, inner = self, self._connect(url)

        class Connection:
            label = inner.label

            def send(self, body: bytes, *, timeout: float) -> bytes:
                answer = inner.send(body, timeout=timeout)
                if "sendTransaction" in methods_of(body):
                    outer._house.cli.open_transport = outer._connect
                    outer._act()
                    outer._house.cli.open_transport = outer._open
                return answer

            def close(self) -> None:
                inner.close()

        return Connection()


@pytest.fixture
def two_steps(house: House, base: WantedRun, tmp_path: Path) -> Path:
    """The file of a paused run, which takes two steps: the rates, and the name."""
    assert apply_file(house, write_declared_run(base, tmp_path / "a.toml")).code is ExitCode.OK
    named = variations(base)["metadata.name"](base)
    return write_declared_run(variations(base)["rewards.slashing_rate"](named), tmp_path / "b.toml")


def test_steps_that_are_reverted_are_not_repeated(house: House, two_steps: Path) -> None:
    Meddling(house, lambda: house.cli.json("set-future-epoch-rates", *RUN, "--slashing-rate", "1"))
    refused = apply_file(house, two_steps)
    assert refused.code is ExitCode.REFUSED
    assert "expected effect" in refused.json["error"]["message"]


def test_a_change_meanwhile_that_nobody_has_reviewed(house: House, two_steps: Path) -> None:
    """Another step would be due, so it stops."""
    Meddling(house, lambda: house.cli.json("join-authorization-create", "--authorizer", KEYS[9]))
    refused = apply_file(house, two_steps)
    assert (refused.code, refused.json["error"]["code"]) == (ExitCode.REFUSED, "stale_plan")
    assert [one["key"] for one in refused.json["error"]["context"]["moved"]] == [f"join.authorizations.{KEYS[9]}"]
    assert len(refused.json["error"]["context"]["landed"]) == 1


def test_a_pause_meanwhile_that_nobody_has_reviewed(house: House, base: WantedRun, two_steps: Path) -> None:
    running = replace(base, state="running")
    assert apply_file(house, write_declared_run(running, two_steps.with_name("c.toml"))).code is ExitCode.OK
    two_steps.write_text(two_steps.read_text().replace('state = "paused"', 'state = "running"'))
    Meddling(house, lambda: house.enter(RunState.ROUND_TRAIN, pending_pause=True))
    refused = apply_file(house, two_steps)
    assert refused.json["error"]["code"] == "stale_plan"
    assert "Wait until the run is Paused" in refused.json["error"]["message"]


def test_an_obstacle_that_appears_meanwhile(house: House, two_steps: Path) -> None:
    Meddling(house, lambda: house.enter(RunState.FINISHED))
    refused = apply_file(house, two_steps)
    assert refused.code is ExitCode.REFUSED
    assert "Finished" in refused.json["error"]["message"]
    assert "To continue: psyche-cli apply" in refused.json["error"]["hint"]


def test_a_transfer_on_another_cluster_does_not_matter(house: House, base: WantedRun, tmp_path: Path) -> None:
    """Its slot says nothing about this one."""
    file = write_declared_run(base, tmp_path / "a.toml")
    house.cli.json("localnet", "warp", "--slots", "1000")
    assert apply_file(house, file).code is ExitCode.OK
    (tmp_path / "elsewhere").mkdir()
    elsewhere, _ = Chain.start(tmp_path / "elsewhere", owner=5)
    house.cli.open_transport = elsewhere.transport
    plain = replace(base, treasurer=None, funding=None)
    assert apply_file(house, write_declared_run(plain, tmp_path / "b.toml")).code is ExitCode.OK


def test_a_file_that_only_has_metadata(house: House, base: WantedRun, tmp_path: Path) -> None:
    assert apply_file(house, write_declared_run(base, tmp_path / "a.toml")).code is ExitCode.OK
    before = dumped_run(house)
    (tmp_path / "b.toml").write_text('version = 1\nrun_id = "test"\n[metadata]\nname = "C"\n')
    assert apply_file(house, tmp_path / "b.toml").code is ExitCode.OK
    assert dumped_run(house) == replace(before, metadata={**before.metadata, "name": "C"})


def test_a_plan_of_another_version(house: House, base: WantedRun, tmp_path: Path) -> None:
    path = plan_file(house, base, tmp_path)
    plan = {**json.loads(path.read_text()), "format": 2}
    del plan["digest"]
    canonical = json.dumps(plan, sort_keys=True, separators=(",", ":"))
    path.write_text(json.dumps({**plan, "digest": hashlib.sha256(canonical.encode()).hexdigest()}))
    assert "format 2" in apply_file(house, path).json["error"]["message"]


@pytest.mark.parametrize("form", ["seed in hexadecimal", "keypair in hexadecimal", "seed in base58", "seed in base64"])
def test_a_private_key_is_not_stored(house: House, base: WantedRun, tmp_path: Path, form: str) -> None:
    secret = bytes(json.loads(house.owner.read_text()))
    text = {
        "seed in hexadecimal": secret[:32].hex(),
        "keypair in hexadecimal": f"key:{secret.hex()}",
        "seed in base58": f"key {Pubkey(secret[:32])}",
        "seed in base64": base64.b64encode(secret[:32]).decode(),
    }[form]
    house.run()
    sent = house.chain.sent
    hidden = write_declared_run(
        replace(base, treasurer=None, funding=None, metadata={"description": text}), tmp_path / "r"
    )
    new = write_declared_run(replace(base, run_id="new", metadata={"description": text}), tmp_path / "n")
    plan = tmp_path / "plan.json"
    for words in (
        ("update-config", *RUN, "--description", text),
        ("create-run", "--run-id", "new", "--description", text),
        *(("plan", file, "-o", plan) for file in (hidden, new)),
        *(("apply", file, "--yes") for file in (hidden, new)),
        ("drift", hidden),
    ):
        refused = house.cli(*words, "--output", "json")
        assert refused.code is ExitCode.CONFIGURATION
        [problem] = refused.json["error"]["context"]["problems"]
        assert (problem["key"], problem["rule"]) == ("metadata.description", "PrivateKey")
        assert not leaked(text[4:], refused.stdout + refused.stderr)
    assert (house.chain.sent, plan.exists()) == (sent, False)
    # What looks like a seed, but is that of no key of the run, may be a digest.
    assert house.cli.json("update-config", *RUN, "--description", secret[32:].hex())["already_so"] is False
