"""The JSON documents of the published client, key for key."""

from __future__ import annotations

import json
import struct
from decimal import Decimal
from typing import Any

import pytest

from psyche_cli.operations.observe.dump_shapes import run_dump, user_dump
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount, decode_coordinator_account
from psyche_cli.protocol.accounts.small_accounts import CoordinatorInstance, Participant, TreasurerRun
from psyche_cli.protocol.accounts.token_accounts import TokenMint
from psyche_cli.protocol.addresses import instance_address
from tests.protocol.images import ADDRESS, key, put, put_u64, raw, v1_image

INSTANCE = CoordinatorInstance(instance_address("test"), 2_094_960, 255, key(1), key(2), ADDRESS, "test")

PUBLISHED_EXAMPLE = """
{
  "coordinator_account": {
    "accounting": {"max_active": null, "sum_earned": 0, "sum_slashed": 0},
    "address": "ACCOUNT",
    "clients": {},
    "epoch": {
      "clients": {"alive": {}, "exited": {}},
      "rates": {"current": {"earning": 0, "slashing": 0}, "future": {"earning": 1000000, "slashing": 0}}
    },
    "nonce": 2,
    "run_id": "test",
    "setup": {
      "client_version": "test",
      "config": {
        "cooldown_time": 30,
        "epoch_time": 60,
        "global_batch_size_end": 2048,
        "global_batch_size_start": 2048,
        "global_batch_size_warmup_tokens": 0,
        "init_min_clients": 1,
        "max_round_train_time": 15,
        "min_clients": 1,
        "round_witness_time": 1,
        "total_steps": 25000,
        "verification_percent": 0,
        "waiting_for_members_extra_time": 3,
        "warmup_time": 15,
        "witness_nodes": 0
      },
      "metadata": {"description": "", "name": "", "num_parameters": 1100000000, "vocab_size": 32768},
      "model": {
        "LLM": {
          "architecture": "HfLlama",
          "checkpoint": {"Hub": {"repo_id": "emozilla/llama2-1.1b-gqa-init", "revision": null}},
          "cold_start_warmup_steps": 0,
          "data_location": {
            "Http": {
              "location": {
                "Gcp": {
                  "bucket_name": "nous-pretraining-public-us",
                  "filter_directory": "fineweb-edu-tokenized-llama2"
                }
              },
              "shuffle": "DontShuffle",
              "token_size_in_bytes": "TwoBytes"
            }
          },
          "data_type": "Pretraining",
          "lr_schedule": {
            "Cosine": {
              "base_lr": 0.0004,
              "final_lr": 0.00004,
              "total_steps": 25000,
              "warmup_init_lr": 0.0,
              "warmup_steps": 250
            }
          },
          "max_seq_len": 2048,
          "optimizer": {
            "Distro": {
              "clip_grad_norm": 1.0,
              "compression_chunk": 64,
              "compression_decay": 0.9990000128746033,
              "compression_topk": 2,
              "quantize_1bit": false,
              "weight_decay": null
            }
          }
        }
      }
    },
    "status": {"epoch": 0, "next_active": 0, "state": "Uninitialized", "step": 0}
  },
  "coordinator_instance": {
    "address": "9L4yCH7TsMn9JfoXYEupuQwtcNPTTtHcyNL6uqDfjwGB",
    "join_authority": "JOIN",
    "main_authority": "MAIN"
  },
  "treasurer_run": null
}
"""


def account(image: bytearray) -> CoordinatorAccount:
    return decode_coordinator_account(raw(image))


def test_the_published_example() -> None:
    text = PUBLISHED_EXAMPLE.replace("ACCOUNT", str(ADDRESS)).replace("JOIN", str(key(2))).replace("MAIN", str(key(1)))
    dump = run_dump(INSTANCE, account(v1_image()))
    assert dump == json.loads(text)


def test_texts_are_shown_without_the_nuls_at_their_ends() -> None:
    image = v1_image()
    for offset in (16, 376, 505, 119_050):  # name, run id, repository and client version
        put(image, offset, b"\0a\0b\0".ljust(32, b"\0"))
    decoded = account(image)
    shown: Any = run_dump(INSTANCE, decoded)["coordinator_account"]
    setup = shown["setup"]
    checkpoint = setup["model"]["LLM"]["checkpoint"]["Hub"]
    texts = (shown["run_id"], setup["client_version"], setup["metadata"]["name"], checkpoint["repo_id"])
    assert texts == ("a\0b",) * 4
    assert decoded.run_id == decoded.client_version == decoded.metadata["name"] == "\0a\0b"


def busy_image() -> bytearray:
    """A run in training with two clients, of which one has left the epoch."""
    image = v1_image()
    put(image, 408, b"\x03")
    put(image, 1032, struct.pack("<HHI", 5, 0, 42))
    for number in range(2):
        client = bytes(key(0x40 + number)) + bytes(32)
        put(image, 94_424 + 96 * number, client + bytes(8) + struct.pack("<QQQ", 10**12 + number, number, 7 - number))
    put_u64(image, 119_000, 2)
    put(image, 119_008, struct.pack("<QQQ", 8, 2_500_000, 3))
    put(image, 57_496, bytes(key(0x40)) + bytes(32) + struct.pack("<II", 0, 0))
    put_u64(image, 75_928, 1)
    put(image, 75_936, bytes(key(0x41)) + bytes(32) + struct.pack("<II", 2, 9))
    put_u64(image, 94_368, 1)
    return image


def test_clients_rates_and_status() -> None:
    dump: Any = run_dump(INSTANCE, account(busy_image()))
    shown = dump["coordinator_account"]
    assert shown["accounting"] == {"max_active": 7, "sum_earned": 2 * 10**12 + 1, "sum_slashed": 1}
    assert shown["clients"] == {
        "40404040": {"active": 7, "earned": 10**12, "slashed": 0},
        "41414141": {"active": 6, "earned": 10**12 + 1, "slashed": 1},
    }
    assert shown["epoch"] == {
        "clients": {"alive": {"40404040": "Healthy"}, "exited": {"41414141": "Withdrawn"}},
        "rates": {"current": {"earning": 2_500_000, "slashing": 3}, "future": {"earning": 1_000_000, "slashing": 0}},
    }
    assert shown["status"] == {"epoch": 5, "next_active": 8, "state": "Training", "step": 42}


def test_clients_with_the_same_display_id_overwrite_each_other() -> None:
    image = busy_image()
    put(image, 94_424 + 96, bytes(key(0x40))[:31] + b"\x99")
    dump: Any = run_dump(INSTANCE, account(image))
    assert dump["coordinator_account"]["clients"] == {"40404040": {"active": 6, "earned": 10**12 + 1, "slashed": 1}}


MINT = TokenMint(key(5), 6, 10**18, key(1))


def treasurer_run(claimed_points: int = 0) -> TreasurerRun:
    return TreasurerRun(
        key(6),
        2_282_880,
        255,
        7313085519096743583,
        key(1),
        key(2),
        ADDRESS,
        INSTANCE.address,
        key(5),
        5,
        claimed_points,
    )


@pytest.mark.parametrize(
    ("claimed", "vault", "expected"),
    [
        (
            10**12,
            10**12 + 5_000_001,
            {
                "estimated_funded_epochs_count": 2.0,
                "funded_collateral_amount": Decimal("1000005.000001"),
                "total_claimed_earned_points": 10**12,
                "total_missing_collateral_amount": Decimal("0.0"),
                "total_surplus_collateral_amount": Decimal("5.0"),
                "total_unclaimed_earned_points": 10**12 + 1,
            },
        ),
        (
            0,
            1,
            {
                "estimated_funded_epochs_count": 0.0,
                "funded_collateral_amount": Decimal("0.000001"),
                "total_claimed_earned_points": 0,
                "total_missing_collateral_amount": Decimal("2000000.0"),
                "total_surplus_collateral_amount": Decimal("0.0"),
                "total_unclaimed_earned_points": 2 * 10**12 + 1,
            },
        ),
        (
            2**64 - 1,
            2**64 - 1,
            {
                "estimated_funded_epochs_count": float(2**64 - 1) / 2_500_000.0,
                "funded_collateral_amount": Decimal("18446744073709.551615"),
                "total_claimed_earned_points": 2**64 - 1,
                "total_missing_collateral_amount": Decimal("0.0"),
                "total_surplus_collateral_amount": Decimal("18446744073709.551615"),
                "total_unclaimed_earned_points": 0,
            },
        ),
    ],
)
def test_the_treasurer(claimed: int, vault: int, expected: dict[str, object]) -> None:
    dump: Any = run_dump(INSTANCE, account(busy_image()), treasurer_run(claimed), MINT, vault)
    assert dump["treasurer_run"] == expected | {
        "address": str(key(6)),
        "burn_collateral_amount_per_epoch": Decimal("2.5"),
        "collateral_mint": str(key(5)),
        "index": 7313085519096743583,
        "index_string": "7313085519096743583",
        "join_authority": str(key(2)),
        "main_authority": str(key(1)),
        "total_claimable_earned_points": 2 * 10**12 + 1,
    }


def test_without_a_rate_the_funding_lasts_for_no_number_of_epochs() -> None:
    image = busy_image()
    put_u64(image, 119_016, 0)
    dump: Any = run_dump(INSTANCE, account(image), treasurer_run(), MINT, 0)
    assert dump["treasurer_run"]["estimated_funded_epochs_count"] is None
    assert dump["treasurer_run"]["burn_collateral_amount_per_epoch"] == 0


def test_numbers_that_json_does_not_have() -> None:
    image = v1_image()
    put(image, 888, struct.pack("<dd", float("nan"), float("inf")))
    put(image, 944, struct.pack("<f", float("-inf")))
    dump: Any = run_dump(INSTANCE, account(image))
    model = dump["coordinator_account"]["setup"]["model"]["LLM"]
    assert model["lr_schedule"]["Cosine"]["base_lr"] is None
    assert model["lr_schedule"]["Cosine"]["warmup_init_lr"] is None
    assert model["optimizer"]["Distro"]["clip_grad_norm"] is None
    json.dumps(dump, allow_nan=False)
    put(image, 936, struct.pack("<Iff", 1, 0.5, float("nan")))
    put(image, 956, struct.pack("<I", 0))
    dump = run_dump(INSTANCE, account(image))
    assert dump["coordinator_account"]["setup"]["model"]["LLM"]["optimizer"]["AdamW"]["betas"] == [0.5, None]


def test_printed_amounts_are_plain_numbers() -> None:
    from psyche_cli.json_text import json_text

    text = json_text(run_dump(INSTANCE, account(busy_image()), treasurer_run(), MINT, 0))
    assert '"funded_collateral_amount": 0.0,' in text
    assert '"burn_collateral_amount_per_epoch": 2.5,' in text
    assert list(json.loads(text)) == ["coordinator_account", "coordinator_instance", "treasurer_run"]


def test_a_user_without_a_treasurer() -> None:
    dump = user_dump(key(0x40), 123, account(busy_image()))
    assert dump == {
        "address": str(key(0x40)),
        "coordinator_account": {
            "client": {"active": 7, "earned": 10**12, "slashed": 0},
            "epoch_alive": {"exited_height": 0, "state": "Healthy"},
            "epoch_exited": None,
        },
        "lamports": 123,
        "treasurer_participant": None,
    }


def test_a_user_with_a_treasurer() -> None:
    participant = Participant(key(9), 1, 255, 1_500_000, 1_500_000)
    dump = user_dump(key(0x41), 0, account(busy_image()), mint=MINT, participant=participant, collateral_amount=10)
    assert dump["coordinator_account"] == {
        "client": {"active": 6, "earned": 10**12 + 1, "slashed": 1},
        "epoch_alive": None,
        "epoch_exited": {"exited_height": 9, "state": "Withdrawn"},
    }
    assert dump["treasurer_participant"] == {
        "claimed_collateral_amount": Decimal("1.5"),
        "claimed_earned_points": 1_500_000,
        "collateral_amount": Decimal("0.00001"),
        "collateral_mint": str(key(5)),
    }


def test_a_stranger() -> None:
    dump = user_dump(key(0x50), 0, account(busy_image()), mint=MINT)
    assert dump["coordinator_account"] == {"client": None, "epoch_alive": None, "epoch_exited": None}
    assert dump["treasurer_participant"] == {
        "claimed_collateral_amount": None,
        "claimed_earned_points": None,
        "collateral_amount": Decimal("0.0"),
        "collateral_mint": str(key(5)),
    }
