"""The history of runs whose layout is not v1: their creation is recognized, and every instruction has its words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from solders.instruction import AccountMeta, Instruction
from solders.system_program import CreateAccountParams, create_account

from psyche_cli.history.decoding import decode_new
from psyche_cli.history.discovery import discover
from psyche_cli.history.events import decode
from psyche_cli.history.execution import RunAddresses
from psyche_cli.history.layouts import known_layouts, layout_of
from psyche_cli.history.replay import Replay
from psyche_cli.history.witness_metadata import metadata_of
from psyche_cli.history.words import words
from psyche_cli.protocol.instructions.layout_forms import FORMS
from psyche_cli.protocol.programs import PUBLISHED
from tests.history.conftest import Reading
from tests.history.story import StillStory
from tests.history.test_events import PAYER, transaction_of
from tests.protocol.test_layout_forms import key

SAMPLES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "protocol" / "layout_instructions.json").read_text("utf-8")
)
SIZES = {"v1": 119_160, "v2-dev": 118_536, "v2-claimer": 125_304}


def sample(name: str, layout: str) -> Instruction:
    one = next(one for one in SAMPLES if (one["layout"], one["name"]) == (layout, name))
    accounts = [AccountMeta(key(role), is_signer=False, is_writable=True) for role in one["accounts"]]
    return Instruction(PUBLISHED.by_name[one["program"]], bytes.fromhex(one["data"]), accounts)


def allocation(layout: str) -> Instruction:
    """The creation of the coordinator account."""
    return create_account(
        CreateAccountParams(
            from_pubkey=PAYER.pubkey(),
            to_pubkey=key("coordinator_account"),
            lamports=1,
            space=SIZES[layout],
            owner=PUBLISHED.coordinator,
        )
    )


def test_the_creation_of_a_run_with_claimers_is_recognized() -> None:
    instance, account = str(key("coordinator_instance")), str(key("coordinator_account"))
    for name, treasurer in (("init_coordinator", False), ("run_create", True)):
        creation = [sample(name, "v2-claimer")] + ([sample("init_coordinator", "v2-claimer")] if treasurer else [])
        found = discover(transaction_of(allocation("v2-claimer"), *creation), instance, PUBLISHED)
        [milestone] = found.milestones
        assert milestone.begins
        assert milestone.coordinator_account == account
        assert (milestone.main_authority, milestone.join_authority) == (str(key("authority")), str(key("join")))
        assert milestone.treasurer_run == (str(key("run")) if treasurer else None)
        assert milestone.vault == (str(key("run_collateral")) if treasurer else None)
        assert account in found.addresses
    assert discover(transaction_of(sample("init_coordinator", "v2-claimer")), str(key("x")), PUBLISHED).milestones == ()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.layout}-{form.name}")
def test_every_form_has_words(form: Any) -> None:
    [event] = decode(transaction_of(sample(form.name, form.layout)))
    assert (event.kind, event.effects["layout"]) == (form.name, form.layout)
    sentence = words(event)
    assert sentence.isprintable()
    assert "call " not in sentence
    for name in ("user", "claimer", "join", "authority", "collateral_mint", "claimer_collateral"):
        sentence = sentence.replace(str(key(name)), name.upper())
    assert sentence == f"{PAYER.pubkey()} {WORDS[form.layout, form.name]}."


WORDS = {
    ("v2-dev", "update"): "updated nothing of the run",
    ("v2-dev", "witness"): "witnessed step 9 (loss 3.5)",
    ("v2-dev", "cooldown_witness"): "reported that it has stored the checkpoint",
    ("v2-dev", "checkpoint"): "recorded the checkpoint Hub 'org/model' at 'abc'",
    ("v2-dev", "run_update"): "updated the run through its treasurer (rates, client version, pause)",
    ("v2-claimer", "init_coordinator"): "created the run 'run-1' (main authority AUTHORITY, join authority JOIN)",
    ("v2-claimer", "set_join_authority"): "set the join authority to JOIN",
    ("v2-claimer", "join_run"): "joined the run (its claimer is CLAIMER)",
    ("v2-claimer", "run_create"): (
        "created a treasurer of the run 'run-1' that pays in mint COLLATERAL_MINT (main authority AUTHORITY)"
    ),
    ("v2-claimer", "run_update"): (
        "updated the run through its treasurer (rates, client version, join authority, pause)"
    ),
    ("v2-claimer", "participant_create"): "registered USER with the treasurer",
    ("v2-claimer", "participant_claim"): ("claimed 12 points of USER into CLAIMER_COLLATERAL"),
}


def test_words_of_what_cannot_be_decoded() -> None:
    whole = sample("checkpoint", "v2-dev")
    junk = Instruction(whole.program_id, bytes(whole.data)[:8] + b"\7" + bytes(whole.data)[9:], whole.accounts)
    [event] = decode(transaction_of(allocation("v2-dev"), junk))[1:]
    assert words(event).endswith(
        "recorded a checkpoint that cannot be decoded (its kind is 7, but the highest kind is 2)."
    )
    whole = sample("witness", "v2-dev")
    junk = Instruction(whole.program_id, bytes(whole.data)[:441] + b"\3\0\0\0abc", whole.accounts)
    [event] = decode(transaction_of(junk))
    assert words(event).endswith(" witnessed a step (with 3 bytes that are not the usual metadata).")
    assert metadata_of(event) is None


def test_the_layout_is_known_from_the_size_of_the_account() -> None:
    """The creation in the same transaction tells it, or the layouts that are given do."""
    claim = sample("participant_claim", "v2-claimer")
    for layout in ("v1", "v2-claimer"):
        *_, event = decode(transaction_of(allocation(layout), claim))
        assert event.effects.get("layout", "v1") == layout
        [event] = decode(transaction_of(claim), layouts={str(key("run")): layout})
        assert event.effects.get("layout", "v1") == layout


@pytest.mark.parametrize("layout", ["v2-dev", "v2-claimer"])
def test_a_run_of_another_layout_is_not_replayed(layout: str) -> None:
    created = sample("init_coordinator", "v2-claimer")
    addresses = RunAddresses(str(key("coordinator_account")), str(key("run")), layout=layout)
    replay = Replay(addresses)
    replay.add(transaction_of(allocation(layout), sample("run_create", "v2-claimer"), created))
    assert (replay.now.state, replay.now.treasury) == (None, None)
    assert layout in replay.problems[0].text


def test_the_layout_of_a_history(told: StillStory, reading: Reading) -> None:
    reader = reading(told)
    reader.sync(told.transport())
    incarnations = reader.history.incarnations()
    assert {layout_of(reader.history, one, PUBLISHED) for one in incarnations} == {"v1"}
    assert layout_of(reader.history, incarnations[0]._replace(created_by=None), PUBLISHED) is None
    last = incarnations[-1]
    assert last.treasurer_run is not None
    known = known_layouts(reader.history, incarnations, PUBLISHED)
    assert known == dict.fromkeys([*(one.coordinator_account for one in incarnations), last.treasurer_run], "v1")
    unknown = last._replace(created_by=None, coordinator_account="other")
    assert last.treasurer_run not in known_layouts(reader.history, [last, unknown], PUBLISHED)
    assert decode_new(reader.history, PUBLISHED) == len([*reader.history.transactions()])
