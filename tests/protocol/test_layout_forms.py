"""Instructions of the programs of layouts v2-dev and v2-claimer.

``layout_instructions.json`` has samples made with the types of these programs: their accounts in order, and their data.
"""

from __future__ import annotations

import json
import struct
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from solders.pubkey import Pubkey

from psyche_cli.protocol.instructions.descriptions import InstructionDescription, describe_instruction
from psyche_cli.protocol.instructions.idl_decoder import discriminator
from psyche_cli.protocol.instructions.layout_forms import (
    FORMS,
    Form,
    instruction_of_layout,
    name_and_roles,
    other_forms,
)
from psyche_cli.protocol.instructions.plain_values import plain_json
from psyche_cli.protocol.layouts.known import layout_of_size
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.messages import MessageAccount, MessageInstruction

SAMPLES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "layout_instructions.json").read_text("utf-8"))
HUB = {"Hub": {"repo_id": "org/model", "revision": "abc"}}


def key(name: str) -> Pubkey:
    return Pubkey(sha256(name.encode()).digest())


def sample(name: str, layout: str, about: str = "") -> bytes:
    found = [one for one in SAMPLES if (one["layout"], one["name"]) == (layout, name) and about in one["about"]]
    return bytes.fromhex(found[0]["data"])


def described(program: str, data: bytes, count: int, layout: str | None = None) -> InstructionDescription:
    accounts = tuple(MessageAccount(key(f"account-{i}"), is_signer=False, is_writable=False) for i in range(count))
    instruction = MessageInstruction(PUBLISHED.by_name[program], accounts, data)
    return describe_instruction(instruction, PUBLISHED, exact=True, layout=layout)


@pytest.mark.parametrize("one", SAMPLES, ids=lambda one: f"{one['layout']}-{one['name']}-{one['about'][:12]}")
@pytest.mark.parametrize("known", [True, False])
def test_samples_are_decoded_with_and_without_the_layout(one: dict[str, Any], known: bool) -> None:
    data, count = bytes.fromhex(one["data"]), len(one["accounts"])
    found = described(one["program"], data, count, one["layout"] if known else None)
    has_own_form = any((form.layout, form.name) == (one["layout"], one["name"]) for form in FORMS)
    assert found.layout == (one["layout"] if has_own_form else "v1")
    assert (found.name, found.problem, found.unused_bytes) == (one["name"], "", 0)
    assert [account.role for account in found.accounts] == one["accounts"]
    assert name_and_roles(one["program"], data, count) == (one["name"], tuple(one["accounts"]))
    assert found.words.startswith(one["name"].replace("_", " ")) or found.layout == "v1"
    json.dumps(plain_json(found.arguments), allow_nan=False)


def test_every_form_has_a_sample() -> None:
    assert {(one.layout, one.name) for one in FORMS} <= {(one["layout"], one["name"]) for one in SAMPLES}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.layout}-{form.name}")
def test_a_form_names_the_arguments_that_are_decoded(form: Form) -> None:
    data = sample(form.name, form.layout)
    found = instruction_of_layout(form.program, data, len(form.accounts), form.layout).arguments
    assert set(found) - {"checkpoint_error"} == set(form.argument_names)


def test_the_argument_values_of_the_samples() -> None:
    def given(program: str, name: str, layout: str, about: str = "") -> Any:
        return instruction_of_layout(program, sample(name, layout, about), 11, None).arguments

    join, claimer = key("join"), key("claimer")
    created = {"run_id": "run-1", "join_authority": join, "client_version": "latest"}
    assert given("coordinator", "init_coordinator", "v2-claimer") == created
    assert given("treasurer", "run_create", "v2-claimer") == {"index": 11, **created}
    assert given("coordinator", "set_join_authority", "v2-claimer") == {"join_authority": join}
    joined = {"client_id": {"signer": key("signer-1"), "p2p_identity": bytes(key("p2p-1"))}, "claimer": claimer}
    assert plain_json(given("coordinator", "join_run", "v2-claimer")) == plain_json(joined)
    claim = given("treasurer", "participant_claim", "v2-claimer")
    assert claim["claim_earned_points"] == 12
    assert given("treasurer", "participant_create", "v2-claimer") == {"user": claim["user"]}
    changes = {"epoch_earning_rate_total_shared": 5, "epoch_slashing_rate_per_client": None, "paused": True}
    tables = dict.fromkeys(("metadata", "config", "model", "progress"))
    assert given("treasurer", "run_update", "v2-claimer") == {
        **tables,
        **changes,
        "join_authority": join,
        "client_version": "v2",
    }
    del tables["metadata"]
    assert given("treasurer", "run_update", "v2-dev") == {**tables, **changes, "client_version": "v2"}
    assert given("coordinator", "update", "v2-dev", "None") == tables
    model = given("coordinator", "update", "v2-dev", "config")["model"]["LLM"]
    assert [*model] == [
        "max_seq_len",
        "cold_start_warmup_steps",
        "checkpoint_source",
        "checkpoint_data",
        "checkpoint",
    ]
    metadata = given("coordinator", "witness", "v2-dev")["metadata"]
    assert (metadata["step"], metadata["loss"]) == (9, 3.5)
    assert given("coordinator", "cooldown_witness", "v2-dev")["proof"] == {
        "position": 3,
        "index": 7,
        "witness": True,
    }


@pytest.mark.parametrize(
    ("about", "checkpoint"),
    [
        ("revision abc", HUB),
        ("Hub org/model", HUB),
        ("Gcs", {"Gcs": {"bucket": "b1", "prefix": "p/q"}}),
        ("Dummy", "Dummy"),
    ],
)
def test_checkpoints(about: str, checkpoint: Any) -> None:
    found = instruction_of_layout("coordinator", sample("checkpoint", "v2-dev", about), 3, "v2-dev").arguments
    assert found["checkpoint"] == checkpoint
    assert "checkpoint_error" not in found


@pytest.mark.parametrize(
    ("stored", "length", "used", "reason"),
    [
        (b"\7junk", 5, b"\7junk", "its kind is 7"),
        (b"\1\2\0\0\0\xff\xfe", 7, b"\1\2\0\0\0\xff\xfe", "repo_id is not valid UTF-8"),
        (b"", 300, bytes(256), "its length is 300, but the maximum is 256"),
    ],
)
def test_whatever_a_client_stores_as_a_checkpoint(stored: bytes, length: int, used: bytes, reason: str) -> None:
    data = discriminator("checkpoint") + stored.ljust(256, b"\0") + struct.pack("<Q", length)
    found = described("coordinator", data, 3, "v2-dev")
    assert found.problem == ""
    assert (found.arguments["checkpoint"], found.arguments["checkpoint_data"]) == (None, used)
    assert found.arguments["checkpoint_error"].startswith(reason)


@pytest.mark.parametrize("metadata", [b"", b"abc", bytes(600), bytes(390)])
def test_metadata_that_is_not_that_of_a_witness_remains_bytes(metadata: bytes) -> None:
    data = discriminator("witness") + bytes(433) + struct.pack("<I", len(metadata)) + metadata
    for layout in ("v2-dev", None):
        found = described("coordinator", data, 3, layout)
        assert (found.layout, found.arguments["metadata"], found.problem) == ("v2-dev", metadata, "")


def test_data_with_two_meanings_has_that_of_the_layout() -> None:
    """Metadata of 385 bytes in v2-dev has the size of a whole witness of v1 at step 385."""
    data = discriminator("witness") + bytes(433) + struct.pack("<I", 385) + bytes(385)
    assert described("coordinator", data, 3, "v2-dev").arguments["metadata"] == bytes(385)
    for layout in ("v1", "v1-reprc", None):
        found = described("coordinator", data, 3, layout)
        assert (found.layout, found.arguments["metadata"]["step"]) == ("v1", 385)


def test_bytes_after_an_instruction_of_a_known_run_do_not_change_its_meaning() -> None:
    """A claim of layout v2-claimer is a valid one of v1 with unused bytes, which may say something else."""
    data = sample("participant_claim", "v2-claimer")
    assert described("treasurer", data, 7).layout == "v2-claimer"
    known = described("treasurer", data, 7, "v1")
    assert (known.layout, known.unused_bytes) == ("v1", 32)
    assert known.arguments == {"claim_earned_points": int.from_bytes(data[8:16], "little")}


def test_a_form_needs_its_accounts() -> None:
    data = sample("participant_create", "v2-claimer")
    assert described("treasurer", data, 4).layout == "v2-claimer"
    short = described("treasurer", data, 3)
    assert (short.layout, short.problem) == ("v1", "the account participant is missing")


def test_what_cannot_be_decoded_keeps_its_bytes() -> None:
    data = discriminator("set_join_authority") + bytes(31)
    for layout in ("v2-claimer", None):
        found = described("coordinator", data, 3, layout)
        assert (found.name, found.data, found.problem) == (None, data, "join_authority: unexpected end of data")
    assert described("coordinator", data, 3, "v1").problem == "the program does not have this instruction"
    broken = discriminator("init_coordinator") + b"\xff" * 20
    assert described("coordinator", broken, 5).problem == "main_authority: unexpected end of data"
    assert name_and_roles("coordinator", broken, 5) == (
        "init_coordinator",
        ("payer", "coordinator_instance", "coordinator_account", "system_program"),
    )
    assert name_and_roles("coordinator", bytes(8), 5) is None


def test_layouts_by_their_sizes() -> None:
    sizes = (119_072, 119_160, 118_536, 125_304, 124_680)
    assert [layout_of_size(one) for one in sizes] == ["v0", "v1", "v2-dev", "v2-claimer", None]


def test_forms_are_found_by_discriminator() -> None:
    assert bytes.fromhex("76e037dc63fa3713") == discriminator("cooldown_witness")
    assert bytes.fromhex("05d9a3f08dfe92d4") == discriminator("set_join_authority")
    assert [one.layout for one in other_forms("treasurer", discriminator("run_update"))] == ["v2-dev", "v2-claimer"]
    assert other_forms("coordinator", discriminator("tick")) == ()
