"""``--dry-run``: everything up to the signature, and the effects that the transaction would have."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from solders.pubkey import Pubkey

from psyche_cli.errors import ExitCode
from psyche_cli.operations.effects.states import leaves_of, state_of
from psyche_cli.protocol.programs import PUBLISHED
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import address_of
from tests.cli.tampering import tampered
from tests.cli.test_life import largest_config
from tests.cli.test_sent import RESUME, failing
from tests.cli.writing_verbs import KEYS, RUN, WRITING_VERBS, WritingVerb

_BY_CLOCK = re.compile("timestamp|random_seed|^value$")
_FRESH = {
    "coordinator account": "coordinator_account",
    "mint": "mint",
    "token account": "token_account",
    "nonce account": "nonce_account",
}
"""Accounts whose address differs in each command, with the key of the real address in the result."""


def snapshot(house: House) -> tuple[int, int, object]:
    """The transactions sent, those of the owner on the chain, and the owner's balance."""
    rpc, owner = house.chain.rpc, address_of(house.owner)
    return house.chain.sent, rpc.balance(owner), rpc.signatures_for_address(owner)


@pytest.mark.parametrize("verb", WRITING_VERBS.values(), ids=WRITING_VERBS.keys())
def test_nothing_is_sent_and_the_prediction_comes_true(house: House, verb: WritingVerb) -> None:
    verb.prepare(house)
    words = verb.words_in(house)
    before = snapshot(house)
    recorded = house.cli.json("tx", "list", "--all")
    predicted = house.cli.json(*words, "--dry-run")
    assert snapshot(house) == before
    assert house.cli.json("tx", "list", "--all") == recorded
    [transaction] = predicted["transactions"]
    assert (transaction["simulated"], transaction["compared"]) == (True, True)
    assert transaction["logs"]
    assert transaction["compute_units"] > 0
    outcome = house.cli(*words, "--output", "json")
    [receipt] = outcome.json["transactions"]
    assert receipt["fee_lamports"] == transaction["fee_lamports"]
    text = json.dumps(transaction["accounts"])
    if words[0] in ("create-run", "localnet", "nonce"):
        for account in transaction["accounts"]:
            real = outcome.data.get(_FRESH.get(account["account"], ""))
            text = text.replace(account["address"], real or account["address"])
    for account in json.loads(text):
        assert_as_predicted(house, account)


def assert_as_predicted(house: House, account: Any) -> None:
    state = state_of(house.chain.rpc.account(Pubkey.from_string(account["address"])), PUBLISHED)
    assert (state is None) == (account["outcome"] == "closed")
    leaves = leaves_of(state)
    assert account["lamports_after"] == leaves.get("lamports", 0)
    assert account["tokens"] is None or account["tokens"]["after"] == leaves["amount"]
    for change in account["changes"]:
        if not _BY_CLOCK.search(change["path"]):
            assert leaves.get(change["path"]) == change["after"], change["path"]


def test_human_output_shows_the_effects_and_with_verbose_the_logs(house: House) -> None:
    house.run(treasurer=True)
    words = ("treasurer-top-up-rewards", *RUN, "--collateral-amount", "2.5", "--dry-run")
    outcome = house.cli(*words)
    assert outcome.stdout.startswith("Dry run: the simulation of the transaction succeeded. Nothing was sent.\n")
    assert "\ntop up: fee 0.000005 SOL, compute units " in outcome.stdout
    assert " SOL (-0.000005)\n" in outcome.stdout
    assert "    amount: 1000000 -> 999997.5 tokens\n" in outcome.stdout
    assert "    amount: 0 -> 2.5 tokens\n" in outcome.stdout
    assert "invoke [1]" not in outcome.stdout
    assert "invoke [1]" in house.cli(*words, "--verbose").stdout


def test_created_and_closed_accounts_are_named(house: House) -> None:
    created = house.cli("create-run", *RUN, "--dry-run").stdout
    assert re.search(
        r"  coordinator account \w+ \(created\)\n    balance: 0 -> 0.83024448 SOL \(\+0.83024448\)", created
    )
    assert "    run_id: test\n" in created
    house.run()
    closed = house.cli("close-run", *RUN, "--dry-run")
    assert closed.code is ExitCode.OK
    assert closed.stdout.count(" (closed)\n") == 2
    assert "permanently deletes" in closed.stderr  # what would be asked


def test_a_replaced_choice_is_one_line(house: House) -> None:
    house.run(configured=False)
    words = ("update-config", *RUN, "--config-path", MINIMAL)
    first = house.cli(*words, "--name", "A name", "--dry-run").stdout
    assert "    metadata.name: '' -> A name\n" in first
    assert "    model.LLM.checkpoint: Ephemeral -> Hub(repo_id=example-org/tiny-llama-init)\n" in first
    assert "    model.LLM.data_location: Dummy -> Local(/srv/tokens)\n" in first
    assert "    model.LLM.lr_schedule.Constant.warmup_steps: 0 -> 20\n" in first
    house.cli.json(*words)
    file = house.owner.parent / "other.toml"
    text = MINIMAL.read_text().replace('repo_id = "example-org/', 'revision = "main"\nrepo_id = "other/')
    file.write_text(text)
    second = house.cli("update-config", *RUN, "--config-path", file, "--dry-run").stdout
    assert "    model.LLM.checkpoint.Hub.repo_id: example-org/tiny-llama-init -> other/tiny-llama-init\n" in second
    assert "    model.LLM.checkpoint.Hub.revision: none -> main\n" in second
    assert "Ephemeral" not in second


def test_what_is_already_so_is_reported_as_usual(house: House) -> None:
    house.run()
    house.cli.json("set-paused", *RUN, "--resume")
    assert house.cli.json("set-paused", *RUN, "--resume", "--dry-run")["already_so"] is True
    words = ("treasurer-claim-rewards", "--run-id", house.run("other", treasurer=True))
    assert house.cli.json(*words, "--dry-run")["already_so"] is True


def test_independent_transactions_are_all_simulated(house: House, tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    file.write_text("\n".join(KEYS[:20]))
    data = house.cli.json("join-authorization-create", "--from", file, "--dry-run")
    assert len(data["transactions"]) > 1
    assert all(transaction["compared"] for transaction in data["transactions"])
    run_id = house.run(treasurer=True, configured=False)
    big = tmp_path / "big.toml"
    big.write_text(largest_config())
    words = ("--config-path", big, "--name", "n" * 64, "--description", "d" * 280, "--client-version", "v" * 96)
    halves = house.cli.json("update-config", "--run-id", run_id, *words, "--dry-run")["transactions"]
    assert [half["label"] for half in halves] == ["update metadata", "update configuration"]
    assert all(half["compared"] for half in halves)


def test_a_transaction_that_depends_on_another_is_listed_but_not_simulated(house: House) -> None:
    owner = address_of(house.owner)
    house.cli.json("join-authorization-create", "--authorizer", owner)
    words = ("join-authorization-delegate", "--join-authority", owner, "--delegates-added", *KEYS[:40], "--dry-run")
    first, second = house.cli.json(*words)["transactions"]
    assert (first["simulated"], first["compared"]) == (True, True)
    assert (second["simulated"], second["fee_lamports"], second["accounts"]) == (False, None, [])
    human = house.cli(*words).stdout
    assert "the simulation of 1 of 2 transactions succeeded" in human
    assert "delegates, 2 of 2: not simulated" in human


def test_an_earlier_attempt_is_reported_but_not_settled(house: House) -> None:
    house.run()
    interrupted = failing(house, KeyboardInterrupt(), lambda asked, _: asked == "sendTransaction")(*RESUME)
    assert interrupted.code is ExitCode.INTERRUPTED
    [record] = house.cli.json("tx", "list")["transactions"]
    outcome = house.cli(*RESUME[:-2], "--dry-run")
    assert outcome.code is ExitCode.OK
    assert record["signature"] in outcome.stderr
    assert house.cli.json("tx", "list")["transactions"] == [record]


def test_without_the_accounts_of_the_simulation_the_effects_are_unknown(house: House) -> None:
    house.run()
    outcome = tampered(house, lambda _: None)("set-paused", *RUN, "--resume", "--dry-run")
    assert outcome.code is ExitCode.OK
    assert "The effects are unknown" in outcome.stdout
    assert "does not return the accounts of a simulation" in outcome.stderr


def test_a_dry_run_refuses_unplanned_effects(house: House) -> None:
    house.run()

    def change(accounts: list[Any]) -> list[Any]:
        accounts[0]["lamports"] -= 1
        return accounts

    outcome = tampered(house, change)("set-paused", *RUN, "--resume", "--dry-run", "--output", "json")
    assert outcome.code is ExitCode.REFUSED
    assert outcome.json["error"]["code"] == "unplanned_effects"


def test_a_dry_run_needs_only_the_public_key(house: House) -> None:
    house.run()
    owner = address_of(house.owner)
    house.owner.unlink()
    words = ("set-paused", *RUN, "--resume", "--authority", owner, "--dry-run")
    outcome = house.cli(*words, "--output", "json", variables={"WALLET_PRIVATE_KEY_PATH": ""})
    assert outcome.data["transactions"][0]["compared"] is True


@pytest.mark.parametrize("other", ["--unsigned", "--sign-only"])
def test_a_dry_run_exports_nothing(house: House, other: str) -> None:
    outcome = house.cli("set-paused", *RUN, "--dry-run", other)
    assert outcome.code is ExitCode.USAGE
    assert f"only one of --dry-run and {other}" in outcome.stderr
