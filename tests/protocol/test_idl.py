"""The IDLs: AnchorPy loads them, and they match the programs."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest
from anchorpy.program.core import Program
from anchorpy.provider import Provider, Wallet
from anchorpy_core.idl import Idl
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import Transaction

from psyche_cli.protocol.accounts.small_accounts import (
    decode_authorization,
    decode_instance,
    decode_participant,
    decode_treasurer_run,
)
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.resources import idl_path
from tests.protocol.images import raw
from tests.protocol.test_accounts import AUTHORIZATION, INSTANCE, PARTICIPANT, RUN
from tests.support.config_keys import CONFIG_KEYS

PROGRAMS = ("coordinator", "authorizer", "treasurer")

DISCRIMINATORS = {
    "coordinator": {
        "init_coordinator": "14399449e8857a19",
        "free_coordinator": "59d8d7e5dff24a20",
        "update": "dbc858b09e3ffd7f",
        "update_client_version": "c1152e3c33020dfb",
        "set_future_epoch_rates": "ef15a057c7c8b681",
        "join_run": "48a07d666a86f64b",
        "set_paused": "5b3c7dc0b0e1a6da",
        "tick": "5c4f2c0865503f0f",
        "witness": "d5f495198edf1527",
        "warmup_witness": "d3e87ae83f16375e",
        "health_check": "735a63a88a129d83",
        "checkpoint": "d5c813ccf08fb8fc",
    },
    "authorizer": {
        "authorization_create": "149dc4b3e7df6d66",
        "authorization_grantor_update": "1d7441a161bd3af9",
        "authorization_grantee_update": "ba6f7fc75990c143",
        "authorization_close": "81d0f820c8855717",
    },
    "treasurer": {
        "run_create": "c638a3f70e3aa7fd",
        "run_update": "33562e740d42149d",
        "participant_create": "32b18e2875b046b5",
        "participant_claim": "a096e8563b6bad26",
    },
}


def load(program: str) -> Any:
    with warnings.catch_warnings():
        # As in psyche_cli.protocol.instructions.builder.
        warnings.simplefilter("ignore", DeprecationWarning)
        idl = Idl.from_json(idl_path(program).read_text())
        return Program(idl, getattr(PUBLISHED, program), Provider(None, Wallet.dummy()))  # type: ignore[arg-type]  # no connection


@pytest.mark.parametrize("program", PROGRAMS)
def test_instructions_and_their_discriminators(program: str) -> None:
    coder = load(program).coder.instruction
    assert {name: bytes(sighash).hex() for name, sighash in coder.sighashes.items()} == DISCRIMINATORS[program]


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_declared_address_is_the_published_one(program: str) -> None:
    idl = json.loads(idl_path(program).read_text())
    assert idl["metadata"]["address"] == str(getattr(PUBLISHED, program))


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_type_that_is_used_is_declared_and_no_other(program: str) -> None:
    idl = json.loads(idl_path(program).read_text())
    used: set[str] = set()

    def collect(part: Any) -> None:
        if isinstance(part, dict):
            if isinstance(part.get("defined"), str):
                used.add(part["defined"])
            for inner in part.values():
                collect(inner)
        elif isinstance(part, list):
            for inner in part:
                collect(inner)

    collect(idl)
    assert used == {entry["name"] for entry in idl["types"]}


def test_the_types_that_two_programs_share_are_the_same() -> None:
    coordinator = {entry["name"]: entry for entry in json.loads(idl_path("coordinator").read_text())["types"]}
    treasurer = {entry["name"]: entry for entry in json.loads(idl_path("treasurer").read_text())["types"]}
    shared = set(coordinator) & set(treasurer)
    assert "Model" in shared
    assert set(treasurer) - shared == {"RunUpdateParams"}
    assert all(coordinator[name] == treasurer[name] for name in shared)


def test_the_memory_image_is_not_declared_as_borsh() -> None:
    idl = json.loads(idl_path("coordinator").read_text())
    assert [entry["name"] for entry in idl["accounts"]] == ["CoordinatorInstance"]


@pytest.mark.parametrize(
    ("program", "name", "data", "ours"),
    [
        ("coordinator", "CoordinatorInstance", INSTANCE, decode_instance),
        ("authorizer", "Authorization", AUTHORIZATION, decode_authorization),
        ("treasurer", "Run", RUN, decode_treasurer_run),
        ("treasurer", "Participant", PARTICIPANT, decode_participant),
    ],
)
def test_anchorpy_reads_the_borsh_accounts_as_we_do(program: str, name: str, data: bytes, ours: Any) -> None:
    theirs = vars(load(program).coder.accounts.parse(data).data)
    decoded = ours(raw(data, owner=getattr(PUBLISHED, program)))
    theirs["scope"] = bytes(theirs.get("scope", b""))
    theirs["delegates"] = tuple(theirs.get("delegates", ()))
    theirs["grantor_update_timestamp"] = theirs.pop("grantor_update_unix_timestamp", None)
    fields = set(decoded._fields) - {"address", "lamports"}
    assert {field: theirs[field] for field in fields} == {field: getattr(decoded, field) for field in fields}


WALLET = Keypair.from_seed(bytes([1] * 32))
KEYS: dict[str, Any] = {
    "authority": WALLET.pubkey(),
    "instance": Pubkey.from_bytes(bytes([2] * 32)),
    "account": Pubkey.from_bytes(bytes([3] * 32)),
}
LARGEST_MODEL = {
    "LLM": {
        "max_seq_len": 2048,
        "cold_start_warmup_steps": 0,
        "architecture": "HfLlama",
        "checkpoint": {"Hub": {"repo_id": "x" * 64, "revision": "x" * 64}},
        "data_type": "Pretraining",
        "data_location": {
            "Http": {
                "location": {"Gcp": {"bucket_name": "x" * 64, "filter_directory": "x" * 192}},
                "token_size_in_bytes": "TwoBytes",
                "shuffle": {"Seeded": [1] * 32},
            }
        },
        "lr_schedule": {
            "WarmupStableDecay": {
                "base_lr": 1.0,
                "warmup_init_lr": 0.0,
                "cosine_decay_final_lr": 0.5,
                "linear_decay_final_lr": 0.25,
                "warmup_steps": 1,
                "stable_steps": 2,
                "cosine_decay_steps": 3,
                "linear_decay_steps": 4,
            }
        },
        "optimizer": {"AdamW": {"betas": [0.9, 0.95], "weight_decay": 0.1, "eps": 1e-8, "clip_grad_norm": 1.0}},
    }
}
CONFIG = dict.fromkeys(CONFIG_KEYS, 1)
METADATA: dict[str, Any] = {"name": "x", "description": "", "num_parameters": 1, "vocab_size": 1}
PROGRESS = {"epoch": 1, "step": 1, "epoch_start_data_index": 1}


def transaction_size(instruction: Instruction) -> int:
    """Bytes of a signed transaction whose fee payer is the authority."""
    message = Message.new_with_blockhash([instruction], WALLET.pubkey(), Hash.default())
    return len(bytes(Transaction([WALLET], message, Hash.default())))


def test_transaction_sizes() -> None:
    instructions = Instructions()
    three: dict[str, Any] = {"config": CONFIG, "model": LARGEST_MODEL, "progress": PROGRESS}
    run = Pubkey.from_bytes(bytes([4] * 32))
    direct = instructions.update(**KEYS, **three, metadata=METADATA)
    assert len(direct.data) == 8 + 946
    assert transaction_size(direct) == 1191
    assert transaction_size(instructions.update(**KEYS, **three)) == 831
    assert transaction_size(instructions.run_update(**KEYS, run=run, **three)) == 901
    all_of_it = instructions.run_update(**KEYS, run=run, **three, metadata=METADATA, client_version="x" * 71)
    assert transaction_size(all_of_it) == 1336
