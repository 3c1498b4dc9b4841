"""Account images for tests, made of pinned bytes."""

from __future__ import annotations

import struct
from typing import Any

from solders.pubkey import Pubkey

from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount, decode_coordinator_account
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.raw_account import RawAccount

ADDRESS = Pubkey.from_bytes(bytes([7] * 32))
SIZE = 119_160
EMPTY_ROUND = {
    "witnesses": [],
    "data_index": 0,
    "random_seed": 0,
    "height": 0,
    "clients_len": 0,
    "tie_breaker_tasks": 0,
}

V1_LEAVES = """\
0 ef21b1372c9b562b
8 0100000000000000
360 00ab904100000000
368 0080000000000000
408 00
416 00000000
424 00080000
428 00000000
432 00000000
436 02000000
440 00
440 00
572 00000000
576 03000000
580 02000000
648 66696e65
652 77
656 6564752d
840 00000000
844 00000000
880 02000000
888 2d431cebe2363a3f
896 0000000000000000
904 f168e388
888 2d431cebe2363a3f
896 0000000000000000
904 f168e388b5f8043f
912 fa000000
916 a8610000
888 2d431cebe2363a3f
896 0000000000000000
904 f168e388b5f8043f
912 fa000000
916 a8610000
888 2d431cebe2363a3f
896 0000000000000000
904 f168e388b5f8043f
912 fa000000a8610000
920 fa000000
924 38240000
928 00000000
932 00000000
936 02000000
948 00000000
952 00000000
956 77be7f3f
960 02004000
940 01000000
944 0000803f
948 00000000
952 00000000
956 77be7f3f
960 0200
962 4000
964 00
968 0f00000000000000
976 1e00000000000000
984 0f00000000000000
992 0100000000000000
1000 0000000000000000
1008 3c00000000000000
1016 a8610000
1020 0100
1022 0100
1024 0000
1026 0008
1028 0008
1030 00
1031 03
1032 0000
1036 00000000
1040 0000000000000000
75928 0000000000000000
94368 0000000000000000
94376 00000000
94380 00000000
94384 00000000
94392 0000000000000000
94400 00
94401 00
94408 0000000000000000
94416 00
119000 0000000000000000
119008 0000000000000000
119016 0000000000000000
119024 0000000000000000
119032 40420f0000000000
119040 0000000000000000
119048 00
119049 00
119152 0200000000000000
"""
"""Offset and bytes of 91 leaves of a real account of run ``test``, unused union members included."""

V1_TEXTS = {
    376: "test",
    505: "emozilla/llama2-1.1b-gqa-init",
    584: "nous-pretraining-public-us",
    648: "fineweb-edu-tokenized-llama2",
    119_050: "test",
}
"""Offset and text of its non-empty strings: run id, repository, bucket, folder, client version."""

V1_VALUES: dict[str, Any] = {
    "version": 1,
    "state": {
        "metadata": {"name": "", "description": "", "num_parameters": 1100000000, "vocab_size": 32768},
        "coordinator": {
            "run_id": "test",
            "run_state": "Uninitialized",
            "model": {
                "LLM": {
                    "max_seq_len": 2048,
                    "cold_start_warmup_steps": 0,
                    "architecture": "HfLlama",
                    "checkpoint": {"Hub": {"repo_id": "emozilla/llama2-1.1b-gqa-init", "revision": None}},
                    "data_type": "Pretraining",
                    "data_location": {
                        "Http": {
                            "location": {
                                "Gcp": {
                                    "bucket_name": "nous-pretraining-public-us",
                                    "filter_directory": "fineweb-edu-tokenized-llama2",
                                }
                            },
                            "token_size_in_bytes": "TwoBytes",
                            "shuffle": "DontShuffle",
                        }
                    },
                    "lr_schedule": {
                        "Cosine": {
                            "base_lr": 0.0004,
                            "warmup_init_lr": 0.0,
                            "final_lr": 4e-05,
                            "warmup_steps": 250,
                            "total_steps": 25000,
                        }
                    },
                    "optimizer": {
                        "Distro": {
                            "clip_grad_norm": 1.0,
                            "weight_decay": None,
                            "compression_decay": 0.9990000128746033,
                            "compression_topk": 2,
                            "compression_chunk": 64,
                            "quantize_1bit": False,
                        }
                    },
                }
            },
            "config": {
                "warmup_time": 15,
                "cooldown_time": 30,
                "max_round_train_time": 15,
                "round_witness_time": 1,
                "global_batch_size_warmup_tokens": 0,
                "epoch_time": 60,
                "total_steps": 25000,
                "init_min_clients": 1,
                "min_clients": 1,
                "witness_nodes": 0,
                "global_batch_size_start": 2048,
                "global_batch_size_end": 2048,
                "verification_percent": 0,
                "waiting_for_members_extra_time": 3,
            },
            "progress": {"epoch": 0, "step": 0, "epoch_start_data_index": 0},
            "epoch_state": {
                "rounds": [EMPTY_ROUND] * 4,
                "clients": [],
                "exited_clients": [],
                "rounds_head": 0,
                "start_step": 0,
                "last_step": 0,
                "start_timestamp": 0,
                "first_round": 0,
                "cold_start_epoch": 0,
            },
            "run_state_start_unix_timestamp": 0,
            "pending_pause": 0,
        },
        "clients_state": {
            "clients": [],
            "next_active": 0,
            "current_epoch_rates": {"earning_rate_total_shared": 0, "slashing_rate_per_client": 0},
            "future_epoch_rates": {"earning_rate_total_shared": 1000000, "slashing_rate_per_client": 0},
        },
        "is_warmup_first_tick": 0,
        "is_training_first_tick": 0,
        "client_version": "test",
    },
    "nonce": 2,
}
"""Its decoded values."""


def v1_image() -> bytearray:
    """The account, rebuilt with zeros in place of uninitialized memory."""
    image = bytearray(SIZE)
    for line in V1_LEAVES.splitlines():
        offset, pinned = line.split()
        put(image, int(offset), bytes.fromhex(pinned))
    for start, text in V1_TEXTS.items():
        put(image, start, text.encode())
    return image


def put(image: bytearray, offset: int, content: bytes) -> None:
    """Overwrite a part of an image."""
    image[offset : offset + len(content)] = content


def put_u64(image: bytearray, offset: int, value: int) -> None:
    """Overwrite a u64 of an image."""
    put(image, offset, struct.pack("<Q", value))


def raw(data: bytes | bytearray, owner: Pubkey = PUBLISHED.coordinator, address: Pubkey = ADDRESS) -> RawAccount:
    """An account that holds ``data``."""
    return RawAccount(address=address, owner=owner, lamports=830_244_480, data=bytes(data))


def key(number: int) -> Pubkey:
    """The public key with all bytes equal to ``number``."""
    return Pubkey.from_bytes(bytes([number]) * 32)


def decode(image: bytes | bytearray) -> CoordinatorAccount:
    return decode_coordinator_account(raw(image))


def u32(value: int) -> bytes:
    return struct.pack("<I", value)
