"""Administration of a run from creation to resuming, with and without a treasurer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import MINIMAL, House


@pytest.mark.parametrize("treasurer", [False, True], ids=["plain", "treasurer"])
def test_create_configure_resume_and_pause(house: House, owner_address: str, treasurer: bool) -> None:
    cli = house.cli
    authorization = cli.json("join-authorization-create", "--permissionless")
    assert authorization["created"] is True
    assert authorization["grantee"] == "1" * 32

    mint = ("--treasurer-collateral-mint", house.new_mint()) if treasurer else ()
    created = cli.json("create-run", "--run-id", "test", "--name", "A name", "--description", "What it is", *mint)
    assert created["main_authority"] == created["join_authority"] == owner_address
    dump = house.dump()
    assert dump["coordinator_account"]["status"] == {
        "epoch": 0,
        "next_active": 0,
        "state": "Uninitialized",
        "step": 0,
    }
    assert dump["coordinator_account"]["setup"]["metadata"] == {
        "name": "A name",
        "description": "What it is",
        "num_parameters": 0,
        "vocab_size": 0,
    }
    assert dump["coordinator_account"]["setup"]["client_version"] == "latest"
    assert (dump["treasurer_run"] is not None) is treasurer

    changed = cli.json("update-config", "--run-id", "test", "--config-path", MINIMAL, "--vocab-size", 32768)["changed"]
    assert {"key": "metadata.vocab_size", "before": 0, "after": 32768} in changed
    resumed = cli.json("set-paused", "--run-id", "test", "--resume")
    assert (resumed["state_before"], resumed["state"]) == ("Uninitialized", "Waiting for members")
    status = house.dump()["coordinator_account"]["status"]
    assert status == {"epoch": 0, "next_active": 1, "state": "Waiting for members", "step": 1}

    paused = cli.json("set-paused", "--run-id", "test")
    assert (paused["state"], paused["pending_pause"]) == ("Paused", False)
    version = cli.json("update-config", "--run-id", "test", "--client-version", "v2")
    assert version["changed"] == [{"key": "client_version", "before": "latest", "after": "v2"}]
    assert house.dump()["coordinator_account"]["setup"]["client_version"] == "v2"


def test_a_second_authorization_changes_nothing(house: House) -> None:
    first = house.cli.json("join-authorization-create", "--permissionless")
    sent = house.chain.sent
    again = house.cli("join-authorization-create", "--permissionless", "--output", "json")
    assert again.json["transactions"] == []
    assert again.data == {**first, "created": False, "already_so": True}
    assert house.chain.sent == sent


def test_creation_and_activation_share_a_transaction(house: House) -> None:
    house.cli.json("join-authorization-create", "--permissionless")
    assert house.chain.sent == 1


def test_rates_and_top_up_are_exact_token_amounts(house: House) -> None:
    run_id = house.run(treasurer=True)
    topped_up = house.cli.json("treasurer-top-up-rewards", "--run-id", run_id, "--collateral-amount", "1000.250001")
    assert topped_up["transferred"]["base_units"] == 1_000_250_001
    rates = house.cli.json("set-future-epoch-rates", "--run-id", run_id, "--earning-rate", "12.5")
    assert rates["unit"] == "collateral"
    assert rates["earning_rate_total_shared"]["base_units"] == 12_500_000
    house.cli.json("set-future-epoch-rates", "--run-id", run_id, "--slashing-rate-per-client", "0.000001")
    dump = house.dump()
    assert dump["coordinator_account"]["epoch"]["rates"]["future"] == {"earning": 12_500_000, "slashing": 1}
    treasurer = dump["treasurer_run"]
    assert treasurer["funded_collateral_amount"] == 1000.250001
    assert treasurer["total_surplus_collateral_amount"] == 1000.250001


def test_rates_of_a_run_without_treasurer_are_points(house: House) -> None:
    run_id = house.run()
    rates = house.cli.json("set-future-epoch-rates", "--run-id", run_id, "--earning-rate", "7", "--slashing-rate", "3")
    assert rates["unit"] == "points"
    assert house.dump()["coordinator_account"]["epoch"]["rates"]["future"] == {"earning": 7, "slashing": 3}


def test_lamports_at_the_treasurer_address_are_not_a_treasurer(house: House) -> None:
    """Anyone can send lamports to the address that a treasurer run would have."""
    from psyche_cli.protocol.addresses import treasurer_index, treasurer_run_address

    run_id = house.run()
    house.chain.rpc.request_airdrop(treasurer_run_address(treasurer_index(run_id)), 5_000_000)
    assert house.dump()["treasurer_run"] is None
    assert house.cli.json("set-paused", "--run-id", run_id, "--resume")["treasurer"] is False


def test_a_given_treasurer_index(house: House) -> None:
    mint = house.new_mint()
    created = house.cli.json(
        "create-run", "--run-id", "test", "--treasurer-collateral-mint", mint, "--treasurer-index", 2**64 - 1
    )
    assert created["treasurer"]["index"] == 2**64 - 1
    dump = house.cli("json-dump-run", "--run-id", "test", "--treasurer-index", 2**64 - 1).json
    assert dump["treasurer_run"]["index"] == 2**64 - 1
    assert house.cli("set-paused", "--run-id", "test").code == 6  # not its authority without the index
    house.cli.json("update-config", "--run-id", "test", "--config-path", MINIMAL, "--treasurer-index", 2**64 - 1)


def test_an_update_too_large_for_one_transaction_is_split(house: House, tmp_path: Path) -> None:
    run_id = house.run(treasurer=True, configured=False)
    big = tmp_path / "big.toml"
    big.write_text(largest_config())
    outcome = house.cli(
        "update-config", "--run-id", run_id, "--config-path", big, "--output", "json",
        "--name", "n" * 64, "--description", "d" * 280, "--client-version", "v" * 96,
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    assert [t["label"] for t in outcome.json["transactions"]] == ["update metadata", "update configuration"]
    setup = house.dump()["coordinator_account"]["setup"]
    assert setup["metadata"]["description"] == "d" * 280
    assert setup["client_version"] == "v" * 96
    assert setup["model"]["LLM"]["checkpoint"]["Hub"]["revision"] == "r" * 64


def largest_config() -> str:
    """A configuration with the largest possible encoding: 504 bytes for the model."""
    text = MINIMAL.read_text()
    head = text[: text.index("[model")]
    return (
        head
        + f"""
[model.LLM]
architecture = "HfLlama"
data_type = "Pretraining"
max_seq_len = 2048
cold_start_warmup_steps = 0
[model.LLM.checkpoint.Hub]
repo_id = "{"o" * 64}"
revision = "{"r" * 64}"
[model.LLM.data_location.Http]
token_size_in_bytes = "TwoBytes"
shuffle = {{ Seeded = {list(range(32))} }}
[model.LLM.data_location.Http.location.Gcp]
bucket_name = "{"b" * 64}"
filter_directory = "{"f" * 192}"
[model.LLM.lr_schedule.WarmupStableDecay]
base_lr = 4.0e-4
warmup_init_lr = 0.0
warmup_steps = 250
stable_steps = 1
cosine_decay_steps = 1
cosine_decay_final_lr = 1.0e-4
linear_decay_steps = 1
linear_decay_final_lr = 0.0
[model.LLM.optimizer.AdamW]
betas = [0.9, 0.95]
weight_decay = 0.1
eps = 1e-8
clip_grad_norm = 1.0
"""
    )


def test_values_that_are_already_set_are_not_sent(house: House) -> None:
    run_id = house.run()
    sent = house.chain.sent
    again = house.cli("update-config", "--run-id", run_id, "--config-path", MINIMAL, "--output", "json")
    assert again.data["changed"] == []
    assert again.json["transactions"] == []
    assert house.chain.sent == sent


def test_a_restart_sets_the_step_and_its_data_index(house: House) -> None:
    run_id = house.run()
    house.cli.json("set-paused", "--run-id", run_id, "--resume")
    house.cli.json("set-paused", "--run-id", run_id)
    changed = house.cli.json("update-config", "--run-id", run_id, "--restart-from-step", 3)["changed"]
    keys = {change["key"]: change["after"] for change in changed}
    assert keys["progress.step"] == 3
    # Steps 1 and 2 take 4 sequences each.
    assert keys["progress.epoch_start_data_index"] == 8
    assert house.dump()["coordinator_account"]["status"]["step"] == 3


def test_switch_to_hub_of_a_hub_run_changes_nothing(house: House) -> None:
    run_id = house.run()
    assert house.cli.json("update-config", "--run-id", run_id, "--switch-to-hub")["changed"] == []


def test_dump_of_a_user_who_never_joined(house: House, owner_address: str) -> None:
    for treasurer, run_id in ((False, "plain"), (True, "rewarded")):
        house.run(run_id, treasurer=treasurer)
        for option in ("--address", "--wallet", "--user"):
            dump = house.cli("json-dump-user", "--run-id", run_id, option, owner_address).json
            assert dump["address"] == owner_address
            assert dump["coordinator_account"] == {"client": None, "epoch_alive": None, "epoch_exited": None}
            assert dump["lamports"] > 0
            assert (dump["treasurer_participant"] is not None) is treasurer


def test_the_dump_takes_two_round_trips(house: House) -> None:
    for treasurer, run_id in ((False, "plain"), (True, "rewarded")):
        house.run(run_id, treasurer=treasurer)
        house.chain.requests.clear()
        house.dump(run_id)
        assert house.chain.requests == ["getMultipleAccounts", "getMultipleAccounts"]


def test_rent_is_shown_before_anything_is_signed(house: House) -> None:
    outcome = house.cli("create-run", "--run-id", "test")
    assert outcome.code == 0
    rent, sending = (outcome.stderr.index(text) for text in ("This will lock 0.83", "Sending"))
    assert rent < sending


def test_lamports_sent_in_advance_do_not_block_a_run(house: House) -> None:
    """Anyone can fund the addresses of a run before it is created."""
    from psyche_cli.protocol.addresses import instance_address, treasurer_index, treasurer_run_address

    for address in (instance_address("test"), treasurer_run_address(treasurer_index("test"))):
        house.chain.rpc.request_airdrop(address, 1_000_000)
    house.run(treasurer=True)
    assert house.dump()["treasurer_run"]["total_claimed_earned_points"] == 0


def test_an_existing_vault_requires_another_index(house: House, owner_address: str) -> None:
    from solders.pubkey import Pubkey

    from psyche_cli.operations.signing import signing_session
    from psyche_cli.protocol.addresses import treasurer_index, treasurer_run_address
    from psyche_cli.protocol.instructions.builder import Instructions
    from tests.cli.harness import environment_of

    mint = house.new_mint()
    with signing_session(environment_of(house.cli), rpc="http://127.0.0.1:1", wallet_path=house.owner) as session:
        run = treasurer_run_address(treasurer_index("test"))
        instruction = Instructions().create_associated_token_account(
            payer=Pubkey.from_string(owner_address), owner=run, mint=Pubkey.from_string(mint)
        )
        session.sender.send([instruction], session.wallet)
    words = ("create-run", "--run-id", "test", "--treasurer-collateral-mint", mint)
    refused = house.cli(*words)
    assert refused.code == 6
    assert "--treasurer-index" in refused.stderr
    house.cli.json(*words, "--treasurer-index", 1)
