"""Plain values in serde shape, encoded as instruction arguments."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from solders.pubkey import Pubkey

from psyche_cli.errors import ConfigurationError, UsageError
from psyche_cli.protocol.instructions.builder import Instructions

GROUP = {"instance": Pubkey.default(), "account": Pubkey.default()}
OWNER: dict[str, Any] = {"authority": Pubkey.default(), **GROUP}
USER: dict[str, Any] = {"user": Pubkey.default(), **GROUP}


HUB = {"repo_id": "org/repo", "revision": None}


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("Ephemeral", "00"),
        ({"Dummy": HUB}, "016f72672f7265706f" + "00" * 57),
        ({"Hub": {"repo_id": "org/repo"}}, "026f72672f7265706f" + "00" * 57),
        ({"P2P": HUB}, "036f72672f7265706f" + "00" * 57),
        (
            {"Hub": {"repo_id": "org/repo", "revision": "main"}},
            "026f72672f7265706f" + "00" * 56 + "016d61696e" + "00" * 60,
        ),
        (
            {"Gcs": {"bucket": "buck", "prefix": "pre/fix"}},
            "046275636b" + "00" * 60 + "017072652f666978" + "00" * 57,
        ),
        ({"P2PGcs": {"bucket": "buck", "prefix": None}}, "056275636b" + "00" * 60 + "00"),
    ],
)
def test_checkpoint(value: object, encoded: str, instructions: Instructions) -> None:
    assert instructions.checkpoint(**USER, repo=value).data[8:].hex() == encoded


CONFIG = {
    "warmup_time": 1,
    "cooldown_time": 2,
    "max_round_train_time": 3,
    "round_witness_time": 4,
    "global_batch_size_warmup_tokens": 5,
    "epoch_time": 6,
    "total_steps": 7,
    "init_min_clients": 8,
    "min_clients": 9,
    "witness_nodes": 10,
    "global_batch_size_start": 11,
    "global_batch_size_end": 12,
    "verification_percent": 13,
    "waiting_for_members_extra_time": 14,
}
ENCODED_CONFIG = (
    "010000000000000002000000000000000300000000000000040000000000000005000000000000000600000000000000"
    "07000000080009000a000b000c000d0e"
)


def test_config(instructions: Instructions) -> None:
    assert instructions.update(**OWNER, config=CONFIG).data[8:].hex() == "0001" + ENCODED_CONFIG + "0000"


def test_progress(instructions: Instructions) -> None:
    made = instructions.update(**OWNER, progress={"epoch": 1, "step": 2, "epoch_start_data_index": 3})
    assert made.data[8:].hex() == "00000001" + "0100020000000300000000000000"


def test_metadata(instructions: Instructions) -> None:
    made = instructions.update(
        **OWNER, metadata={"name": "nm", "description": "ds", "num_parameters": 1, "vocab_size": 2}
    )
    encoded = "6e6d" + "00" * 62 + "6473" + "00" * 278 + "01" + "00" * 7 + "02" + "00" * 7
    assert made.data[8:].hex() == "01" + encoded + "000000"


HTTP = {"token_size_in_bytes": "FourBytes", "shuffle": {"Seeded": [9] * 32}}
NUMBERED = {"url_template": "http://x/{}", "start_index": 1, "n_left_pad_zeros": 2, "num_files": 3}
DATA_LOCATIONS: list[tuple[object, str]] = [
    ("Dummy", "00"),
    ({"Server": "h:1"}, "01683a31" + "00" * 61),
    ({"Local": "/d"}, "022f64" + "00" * 190),
    (
        {"Http": {"location": {"NumberedFiles": NUMBERED}, **HTTP}},
        "0301" + "687474703a2f2f782f7b7d" + "00" * 53 + "01000000" + "02" + "03000000" + "01" + "01" + "09" * 32,
    ),
    (
        {
            "Http": {
                "location": {"Gcp": {"bucket_name": "b", "filter_directory": "f"}},
                "token_size_in_bytes": "TwoBytes",
                "shuffle": "DontShuffle",
            }
        },
        "0302" + "62" + "00" * 63 + "66" + "00" * 191 + "00" + "00",
    ),
    ({"Http": {"location": {"SingleUrl": "u"}, **HTTP}}, "0300" + "75" + "00" * 191 + "01" + "01" + "09" * 32),
    ({"WeightedHttp": "w"}, "0477" + "00" * 191),
    ({"Preprocessed": "org/ds"}, "056f72672f6473" + "00" * 186),
]
LINEAR = {"base_lr": 1.0, "warmup_init_lr": 3.0, "final_lr": 5.0, "warmup_steps": 2, "total_steps": 4}
WSD = {
    "base_lr": 1.0,
    "warmup_init_lr": 3.0,
    "cosine_decay_final_lr": 6.0,
    "linear_decay_final_lr": 8.0,
    "warmup_steps": 2,
    "stable_steps": 4,
    "cosine_decay_steps": 5,
    "linear_decay_steps": 7,
}
SCHEDULES: list[tuple[object, str]] = [
    (
        {"Constant": {"base_lr": 1.0, "warmup_init_lr": 3.0, "warmup_steps": 2}},
        "00000000000000f03f000000000000084002000000",
    ),
    ({"Linear": LINEAR}, "01000000000000f03f000000000000084000000000000014400200000004000000"),
    ({"Cosine": LINEAR}, "02000000000000f03f000000000000084000000000000014400200000004000000"),
    (
        {"WarmupStableDecay": WSD},
        "03000000000000f03f00000000000008400000000000001840000000000000204002000000040000000500000007000000",
    ),
]
OPTIMIZERS: list[tuple[object, str]] = [
    ("Dummy", "00"),
    (
        {"AdamW": {"betas": [0.9, 0.95], "weight_decay": 0.1, "eps": 1e-8, "clip_grad_norm": 1.0}},
        "016666663f3333733fcdcccc3d77cc2b32010000803f",
    ),
    (
        {
            "Distro": {
                "clip_grad_norm": 1.0,
                "weight_decay": None,
                "compression_decay": 0.999,
                "compression_topk": 2,
                "compression_chunk": 64,
                "quantize_1bit": True,
            }
        },
        "02010000803f00" + "77be7f3f" + "0200" + "4000" + "01",
    ),
]


def model(data_location: object = "Dummy", schedule: object = None, optimizer: object = "Dummy") -> dict[str, Any]:
    return {
        "LLM": {
            "max_seq_len": 2048,
            "cold_start_warmup_steps": 3,
            "architecture": "Torchtitan",
            "checkpoint": "Ephemeral",
            "data_type": "Finetuning",
            "data_location": data_location,
            "lr_schedule": schedule or SCHEDULES[0][0],
            "optimizer": optimizer,
        }
    }


@pytest.mark.parametrize(("data_location", "encoded_location"), DATA_LOCATIONS)
@pytest.mark.parametrize(("schedule", "encoded_schedule"), SCHEDULES)
@pytest.mark.parametrize(("optimizer", "encoded_optimizer"), OPTIMIZERS)
def test_model(
    data_location: object,
    encoded_location: str,
    schedule: object,
    encoded_schedule: str,
    optimizer: object,
    encoded_optimizer: str,
    instructions: Instructions,
) -> None:
    made = instructions.update(**OWNER, model=model(data_location, schedule, optimizer))
    head = "00" + "00080000" + "03000000" + "03" + "00" + "01"
    assert made.data[8:].hex() == "000001" + head + encoded_location + encoded_schedule + encoded_optimizer + "00"


def test_the_treasurer_encodes_the_same_bytes(instructions: Instructions) -> None:
    tables: dict[str, Any] = {
        "config": CONFIG,
        "model": model(DATA_LOCATIONS[3][0], SCHEDULES[3][0], OPTIMIZERS[2][0]),
        "metadata": {"name": "é" * 32, "description": "", "num_parameters": 2**64 - 1, "vocab_size": 0},
        "progress": {"epoch": 2**16 - 1, "step": 2**32 - 1, "epoch_start_data_index": 2**64 - 1},
    }
    direct = instructions.update(**OWNER, **tables).data[8:]
    through_treasurer = instructions.run_update(**OWNER, run=Pubkey.default(), **tables).data[8:]
    assert through_treasurer == direct + bytes(4)


EMPTY_BLOOM = {"keys": [0] * 8, "bits": [0] * 16}
BLOOM = {
    "keys": [1, 2, 3, 4, 5, 6, 7, 8],
    "bits": [0, 0, 2**35, 2**16, 0, 0, 0, 0, 2**4, 2**57, 0, 2**14, 2**15, 0, 2**21, 2**2],
}
ENCODED_BLOOM = (
    "010000000000000002000000000000000300000000000000040000000000000005000000000000000600000000000000"
    "070000000000000008000000000000000000000000000000000000000000000000000000080000000000010000000000"
    "000000000000000000000000000000000000000000000000000000000000000010000000000000000000000000000002"
    "000000000000000000400000000000000080000000000000000000000000000000002000000000000400000000000000"
)


def test_witness_proof_blooms_and_merkle_root(instructions: Instructions) -> None:
    made = instructions.warmup_witness(
        **USER,
        proof={"position": 1, "index": 2, "witness": 1},
        participant_bloom=BLOOM,
        broadcast_bloom=EMPTY_BLOOM,
        broadcast_merkle=bytes([5] * 32),
    )
    expected = "0100000000000000020000000000000001" + ENCODED_BLOOM + "00" * 192 + "05" * 32
    assert made.data[8:].hex() == expected


def test_witness_metadata_fills_its_vectors_up(instructions: Instructions) -> None:
    metadata = {
        "step": 7,
        "tokens_per_sec": 1.0,
        "bandwidth_per_sec": 2.0,
        "loss": 0.5,
        "evals": [{"name": "arc", "value": 0.25}],
        "prompt_results": [-1, 2**31 - 1],
        "prompt_index": 3,
        "efficency": 1.0,
    }
    made = instructions.witness(
        **USER,
        proof={"position": 1, "index": 2, "witness": 1},
        participant_bloom=BLOOM,
        broadcast_bloom=BLOOM,
        broadcast_merkle=[0] * 32,  # type: ignore[arg-type]  # a list does as well as bytes
        metadata=metadata,
    )
    assert made.data[8 + 433 :].hex() == (
        "07000000"
        "0000803f"
        "00000040"
        "0000003f"
        "617263"
        + "00" * 29
        + "0000803e"
        + "00" * 36 * 7
        + "0100000000000000"
        + "ffffffff"
        + "ffffff7f"
        + "00" * 4 * 14
        + "0200000000000000"
        + "03"
        + "0000803f"
    )


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (CONFIG | {"epoch_time": -1}, "config.epoch_time is -1, but must be from 0 to 18446744073709551615."),
        (CONFIG | {"min_clients": 65536}, "config.min_clients is 65536, but must be from 0 to 65535."),
        (CONFIG | {"epoch_time": 1.5}, "config.epoch_time must be a whole number, not 1.5."),
        (CONFIG | {"epoch_time": True}, "config.epoch_time must be a whole number, not True."),
        (CONFIG | {"epoch_time": "1"}, "config.epoch_time must be a whole number, not '1'."),
        ({k: v for k, v in CONFIG.items() if k != "total_steps"}, "config.total_steps is missing."),
        ([], "config must be a table of values, not []."),
    ],
)
def test_a_config_that_cannot_be_encoded_is_refused(config: Any, message: str, instructions: Instructions) -> None:
    with pytest.raises(ConfigurationError) as caught:
        instructions.update(**OWNER, config=config)
    assert caught.value.message == message
    key = message.split()[0]
    assert caught.value.context == {"problems": [{"key": key, "rule": "Type", "message": message}], "path": None}
    with pytest.raises(ConfigurationError) as caught:
        instructions.run_update(**OWNER, run=Pubkey.default(), config=config)
    assert caught.value.message == message


def test_a_misspelt_key_is_refused(instructions: Instructions) -> None:
    with pytest.raises(ConfigurationError, match=r"^config\.warmup_tme does not exist; config has warmup_time, "):
        instructions.update(**OWNER, config=CONFIG | {"warmup_tme": 1})


def changed(**values: object) -> dict[str, Any]:
    return {"LLM": model()["LLM"] | values}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            changed(checkpoint="Cloud"),
            "model.LLM.checkpoint must be one of Ephemeral, Dummy, Hub, P2P, Gcs, P2PGcs, not ",
        ),
        (changed(checkpoint={"Cloud": 1}), "model.LLM.checkpoint must be one of "),
        (changed(checkpoint={"Hub": HUB, "P2P": HUB}), "model.LLM.checkpoint must be one of "),
        (changed(checkpoint="Hub"), "model.LLM.checkpoint.Hub needs a value."),
        (changed(checkpoint={"Ephemeral": {}}), "model.LLM.checkpoint.Ephemeral takes no value."),
        (changed(checkpoint=7), "model.LLM.checkpoint must be one of "),
        (
            changed(checkpoint={"Hub": {"repo_id": "é" * 33}}),
            "model.LLM.checkpoint.Hub.repo_id is 66 bytes long; the maximum is 64.",
        ),
        (changed(checkpoint={"Hub": {"repo_id": 7}}), "model.LLM.checkpoint.Hub.repo_id must be text, not 7."),
        (changed(checkpoint={"Hub": {"repo_id": "\udcff"}}), "model.LLM.checkpoint.Hub.repo_id is not valid UTF-8."),
        (
            changed(data_location={"Server": "x" * 65}),
            "model.LLM.data_location.Server is 65 bytes long; the maximum is 64",
        ),
        (
            changed(data_location={"Http": {"location": {"SingleUrl": "u"}, **HTTP, "shuffle": {"Seeded": [1, 2]}}}),
            "model.LLM.data_location.Http.shuffle.Seeded has 2 elements, but must have 32.",
        ),
        (
            changed(data_location={"Http": {"location": {"SingleUrl": "u"}, **HTTP, "shuffle": {"Seeded": "x" * 32}}}),
            "model.LLM.data_location.Http.shuffle.Seeded must be a list, not 'xxx",
        ),
        (
            changed(optimizer={"AdamW": {"betas": [0.9, 1e39], "weight_decay": 0.1, "eps": 1e-8}}),
            "model.LLM.optimizer.AdamW.betas[1] is 1e+39, too large for a 32-bit float.",
        ),
        (
            changed(optimizer={"AdamW": {"betas": [0.9, float("nan")], "weight_decay": 0.1, "eps": 1e-8}}),
            "model.LLM.optimizer.AdamW.betas[1] is NaN, which the programs reject.",
        ),
        (
            changed(optimizer={"AdamW": {"betas": [0.9, "x"], "weight_decay": 0.1, "eps": 1e-8}}),
            "model.LLM.optimizer.AdamW.betas[1] must be a number, not 'x'.",
        ),
        (
            changed(lr_schedule={"Linear": LINEAR | {"base_lr": 10**400}}),
            "model.LLM.lr_schedule.Linear.base_lr is 1000000",
        ),
    ],
)
def test_a_model_that_cannot_be_encoded_is_refused(value: Any, message: str, instructions: Instructions) -> None:
    with pytest.raises(ConfigurationError) as caught:
        instructions.update(**OWNER, model=value)
    assert caught.value.message.startswith(message)


def test_other_values_that_cannot_be_encoded_are_usage_errors(instructions: Instructions) -> None:
    with pytest.raises(UsageError, match=r"^metadata\.name is 65 bytes long; the maximum is 64\.$"):
        instructions.update(
            **OWNER, metadata={"name": "x" * 65, "description": "", "num_parameters": 0, "vocab_size": 0}
        )
    with pytest.raises(UsageError, match=r"^paused must be true or false, not 1\.$"):
        instructions.set_paused(**OWNER, paused=1)  # type: ignore[arg-type]  # what a type checker would have caught
    with pytest.raises(UsageError, match=r"^epoch_earning_rate_total_shared is 18446744073709551616"):
        instructions.set_future_epoch_rates(**OWNER, earning_rate=2**64)
    with pytest.raises(UsageError, match=r"^progress\.step is missing\.$"):
        instructions.run_update(**OWNER, run=Pubkey.default(), progress={"epoch": 1, "epoch_start_data_index": 1})
    with pytest.raises(UsageError, match="has 17 elements; the maximum is 16"):
        instructions.witness(
            **USER,
            proof={"position": 1, "index": 2, "witness": 1},
            participant_bloom=BLOOM,
            broadcast_bloom=BLOOM,
            broadcast_merkle=bytes(32),
            metadata={
                "step": 7,
                "tokens_per_sec": 1.0,
                "bandwidth_per_sec": 2.0,
                "loss": 0.5,
                "evals": [],
                "prompt_results": [0] * 17,
                "prompt_index": 3,
                "efficency": 1.0,
            },
        )


def test_whole_numbers_and_infinity_do_for_floats(instructions: Instructions) -> None:
    schedule = {"Constant": {"base_lr": 1, "warmup_init_lr": float("inf"), "warmup_steps": 2}}
    made = instructions.update(**OWNER, model=model(schedule=schedule))
    assert made.data[8:].hex().endswith("00" + "000000000000f03f" + "000000000000f07f" + "02000000" + "00" + "00")


def test_discriminators_are_those_of_the_published_programs(instructions: Instructions) -> None:
    made = instructions.tick(**USER)
    assert made.data == hashlib.sha256(b"global:tick").digest()[:8]
