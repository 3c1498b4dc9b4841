"""A real account of layout v0, whose values were read independently of this decoder."""

from __future__ import annotations

from typing import Any

from psyche_cli.protocol.accounts.account_checks import account_discriminator
from psyche_cli.protocol.run_states import RunState
from tests.protocol.images import decode, put, put_u64

HEAD = {
    0: "ef21b1372c9b562b4e6f75732d436f6e73696c69656e63652d343042",
    72: "41203430422064656e736520446565705365656b2d7374796c65204c4c4d",
    353: "0a3c5c0900000000f9010000000000636f6e73696c69656e63652d3430622d31",
    432: "03",
    449: "0800006400000001000000030000000139386366376230316662356131333637393136653264396330363938343039386666"
    "316630636335",
    529: "507379636865466f756e646174696f6e2f636f6e73696c69656e63652d3430622d3759397633387335",
    600: "0400000068747470733a2f2f73746f726167652e676f6f676c65617069732e636f6d2f6e6f75732d707265747261696e696e"
    "672d7075626c"
    "69632d75732f636f6e73696c69656e63652d7374616765312d6d69782e6a736f6e",
    904: "030000006f7261672d431cebe2361a3f",
    928: "f168e388b5f8e43ef168e388b5f8e43ed0070000e8740200f0490200e02e000002000000010000000000803f01000000cdcc"
    "cc3d52b87e3f"
    "0400400001f8e43e100e0000000000006801000000000000ae010000000000000a",
    1028: "80000000c800000088f504001800180000000030008000000000000061000000012c0000e1dfc40c",
}
"""All bytes of the first 1,072 that are not zero, by offset. They include uninitialized memory."""
SIGNER = bytes.fromhex("fc27d422a770b6f47a3ad4150eb16bca9a15b32b2b9143013b8bc73d5d745bc4")


def v0_image() -> bytearray:
    """The head of the account, one of its clients, and what follows the lists of clients."""
    image = bytearray(119_072)
    for offset, text in HEAD.items():
        put(image, offset, bytes.fromhex(text))
    put(image, 94_404, (11_089).to_bytes(4, "little") + bytes([0, 1, 0]))
    put_u64(image, 94_416, 1_750_470_207)
    put(image, 94_432, SIGNER)
    put_u64(image, 94_432 + 72, 8)
    put_u64(image, 94_432 + 88, 144)
    for offset, value in {119_008: 1, 119_016: 145, 119_024: 1, 119_040: 1, 119_064: 563_234}.items():
        put_u64(image, offset, value)
    return image


def test_its_head_has_the_known_values() -> None:
    account = decode(v0_image())
    assert (account.layout, account.version, account.run_id) == ("v0", 0, "consilience-40b-1")
    assert account.run_state == RunState.ROUND_TRAIN
    assert account.metadata == {
        "name": "Nous-Consilience-40B",
        "description": "A 40B dense DeepSeek-style LLM",
        "num_parameters": 40_202_144_256,
        "vocab_size": 129_280,
    }
    assert account.config == {
        "warmup_time": 3600,
        "cooldown_time": 360,
        "max_round_train_time": 430,
        "round_witness_time": 10,
        "global_batch_size_warmup_tokens": 549_755_813_888,
        "rounds_per_epoch": 200,
        "total_steps": 325_000,
        "init_min_clients": 24,
        "min_clients": 24,
        "witness_nodes": 0,
        "global_batch_size_start": 12_288,
        "global_batch_size_end": 32_768,
        "verification_percent": 0,
    }
    assert account.progress == {"epoch": 97, "step": 11_265, "epoch_start_data_index": 214_228_961}


def test_its_model_has_the_known_values() -> None:
    assert decode(v0_image()).model["LLM"] == {
        "max_seq_len": 2048,
        "cold_start_warmup_steps": 100,
        "architecture": "HfDeepseek",
        "checkpoint": {
            "P2P": {
                "repo_id": "PsycheFoundation/consilience-40b-7Y9v38s5",
                "revision": "98cf7b01fb5a1367916e2d9c06984098ff1f0cc5",
            }
        },
        "data_type": "Pretraining",
        "data_location": {
            "WeightedHttp": "https://storage.googleapis.com/nous-pretraining-public-us/consilience-stage1-mix.json"
        },
        "lr_schedule": {
            "WarmupStableDecay": {
                "base_lr": 0.0001,
                "warmup_init_lr": 0.0,
                "cosine_decay_final_lr": 1e-05,
                "linear_decay_final_lr": 1e-05,
                "warmup_steps": 2000,
                "stable_steps": 161_000,
                "cosine_decay_steps": 150_000,
                "linear_decay_steps": 12_000,
            }
        },
        "optimizer": {
            "Distro": {
                "clip_grad_norm": 1.0,
                "weight_decay": 0.10000000149011612,
                "compression_decay": 0.9950000047683716,
                "compression_topk": 4,
                "compression_chunk": 64,
                "quantize_1bit": True,
            }
        },
    }


def test_its_tail_has_the_known_values() -> None:
    account = decode(v0_image())
    values: Any = account.as_dict()
    assert values["state"]["coordinator"]["epoch_state"]["checkpointed"] == 1
    assert (account.nonce, account.next_active, account.epoch_start_step) == (563_234, 145, 11_089)
    assert account.run_state_start_timestamp == 1_750_470_207
    [client] = account.clients
    assert (client.id.signer, client.earned, client.slashed, client.active) == (SIGNER, 8, 0, 144)
    assert account.current_epoch_rates == account.future_epoch_rates == (1, 0)
    assert v0_image()[:8] == account_discriminator("CoordinatorAccount")
