"""Events equal what was sent, and say why a transaction failed."""

from __future__ import annotations

import json
import math
import random
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from psyche_cli.history.events import decode
from psyche_cli.history.records import RawTransaction
from psyche_cli.history.witness_metadata import metadata_of
from psyche_cli.protocol.instructions.anchor_programs import AnchorPrograms
from psyche_cli.protocol.instructions.idl_decoder import snake_case
from psyche_cli.protocol.instructions.plain_values import plain_json
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.rpc.whole_transactions import InnerCall
from tests.history.recorded import RecordedRun
from tests.protocol.idl_values import INSTRUCTIONS, arguments
from tests.support.counts import repetitions

PROGRAMS = AnchorPrograms(PUBLISHED)
PAYER = Keypair()


def transaction_of(*instructions: Instruction, table: AddressLookupTableAccount | None = None) -> RawTransaction:
    """A transaction of version 0 with these instructions, which succeeded."""
    tables = [] if table is None else [table]
    message = MessageV0.try_compile(PAYER.pubkey(), instructions, tables, Hash.default())
    signatures = [PAYER.sign_message(bytes(message))] * message.header.num_required_signatures
    writable: list[str] = []
    readonly: list[str] = []
    for lookup in message.address_table_lookups:
        assert table is not None
        writable += [str(table.addresses[index]) for index in lookup.writable_indexes]
        readonly += [str(table.addresses[index]) for index in lookup.readonly_indexes]
    return RawTransaction(
        signature=str(signatures[0]),
        slot=7,
        position=0,
        commitment="finalized",
        block_time=1_800_000_000,
        fee=5000,
        payer=str(PAYER.pubkey()),
        error=None,
        units=None,
        content=bytes(VersionedTransaction.populate(message, signatures)),
        loaded_writable=tuple(writable),
        loaded_readonly=tuple(readonly),
        inner=(),
        lamports_before=(),
        lamports_after=(),
        tokens_before=(),
        tokens_after=(),
        logs=(),
    )


@settings(max_examples=repetitions(200))
@given(st.data())
def test_every_instruction_is_decoded_as_it_was_sent(data: st.DataObject) -> None:
    """With lookup tables, in which the accounts that do not sign may be."""
    program, entry = data.draw(st.sampled_from(INSTRUCTIONS))
    values = data.draw(arguments(program, entry))
    accounts = {snake_case(one["name"]): Pubkey.new_unique() for one in entry["accounts"]}
    name = snake_case(entry["name"])
    instruction = PROGRAMS.instruction(program, name, accounts, values)
    unsigned = [one.pubkey for one in instruction.accounts if not one.is_signer]
    table = AddressLookupTableAccount(Pubkey.new_unique(), unsigned) if data.draw(st.booleans()) else None
    if len(bytes(instruction.data)) > 800:
        table = AddressLookupTableAccount(Pubkey.new_unique(), unsigned)
    try:
        raw = transaction_of(instruction, table=table)
        raw.message  # noqa: B018
    except ValueError:
        assert len(bytes(instruction.data)) > 800  # too long for a transaction
        return
    [event] = decode(raw)
    assert (event.program, event.kind, event.outer, event.inner) == (program, name, 0, 0)
    assert event.accounts == {role: str(address) for role, address in accounts.items()}
    assert event.arguments == plain_json(values.get("params", values))
    assert set(event.signers) == {str(one.pubkey) for one in instruction.accounts if one.is_signer}
    assert event.effects["outcome"] == "done"
    assert not event.failed
    text = json.dumps([event.arguments, event.effects], allow_nan=False)
    assert json.loads(text) == [plain_json(dict(event.arguments)), event.effects]


def _witness(metadata: bytes) -> Instruction:
    run = RecordedRun()
    run.create()
    user = PAYER.pubkey()
    tick = run.actions.tick(user)
    return Instruction(tick.program_id, bytes.fromhex("d5f495198edf1527") + bytes(433) + metadata, tick.accounts)


def _f32(value: float) -> float:
    rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return rounded


def test_the_metadata_of_witnesses_is_exact() -> None:
    draw = random.Random(4)
    template = _witness(b"")
    for _ in range(repetitions(200)):
        special = (math.nan, math.inf, -math.inf, _f32(1e-45), -0.0)
        floats = [draw.choice((_f32(draw.gauss(0, 10**6)), *special)) for _ in range(12)]
        names = [draw.choice(["mmlu", "", "\N{GREEK SMALL LETTER ALPHA}", "x" * 32]) for _ in range(8)]
        count, tokens = draw.randrange(10), [draw.randrange(-(2**31), 2**31) for _ in range(16)]
        evals = b"".join(
            name.encode().ljust(32, b"\0") + struct.pack("<f", value)
            for name, value in zip(names, floats[3:11], strict=True)
        )
        metadata = struct.pack("<I3f", 2**32 - 1, *floats[:3]) + evals + struct.pack("<Q", count)
        metadata += struct.pack("<16iQBf", *tokens, 5, 255, floats[11])
        assert len(metadata) == 389
        data = bytes(template.data) + metadata
        [event] = decode(transaction_of(Instruction(template.program_id, data, template.accounts)))
        found = metadata_of(event._replace(arguments=json.loads(json.dumps(event.arguments, allow_nan=False))))
        assert found is not None
        values = [found.tokens_per_sec, found.bandwidth_per_sec, found.loss]
        values += [*(value for _, value in found.evals), found.efficiency]
        expected = [*floats[:3], *floats[3 : 3 + min(count, 8)], floats[11]]
        assert [struct.pack("<d", one) for one in values] == [struct.pack("<d", one) for one in expected]
        assert [name for name, _ in found.evals] == names[: min(count, 8)]
        assert found.prompt_results == tuple(tokens[:5])
        assert (found.step, found.prompt_index) == (2**32 - 1, 255)
        assert len(found.not_finite) == sum(not math.isfinite(one) for one in expected)


def test_other_events_have_no_metadata_of_a_witness() -> None:
    run = RecordedRun()
    run.create()
    assert all(metadata_of(event) is None for one in run.transactions() for event in decode(one))
    [short] = decode(transaction_of(_witness(bytes(388))))
    assert metadata_of(short) is None
    assert short.effects["problem"] == "metadata.efficency: unexpected end of data"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "the program does not have this instruction"),
        (bytes(8), "the program does not have this instruction"),
        (bytes.fromhex("5b3c7dc0b0e1a6da") + b"\2", "paused: 2 is not 0 or 1"),
    ],
)
def test_what_cannot_be_decoded_is_an_event_too(data: bytes, problem: str) -> None:
    accounts = [AccountMeta(Pubkey.new_unique(), is_signer=False, is_writable=True)]
    [event] = decode(transaction_of(Instruction(PUBLISHED.coordinator, data, accounts)))
    assert (event.program, event.kind) == ("coordinator", "unknown")
    assert event.effects == {
        "outcome": "done",
        "signer": str(PAYER.pubkey()),
        "problem": problem,
        "data": data.hex(),
    }


def test_an_unknown_program() -> None:
    program = Pubkey.new_unique()
    [event] = decode(transaction_of(Instruction(program, b"\1\2", [])))
    assert (event.program, event.kind) == (str(program), "unknown")
    assert event.effects["problem"] == "the program is not known"


def _of_error(error: Any, logs: tuple[str, ...] = ()) -> list[Any]:
    run = RecordedRun()
    run.create()
    tick = run.actions.tick(PAYER.pubkey())
    raw = transaction_of(tick, tick, tick)._replace(error=error, logs=logs)
    return decode(raw)


def test_a_failed_instruction_undoes_those_before_it_and_prevents_those_after_it() -> None:
    logs = (
        f"Program {PUBLISHED.coordinator} invoke [1]",
        f"Program {PUBLISHED.coordinator} success",
        f"Program {PUBLISHED.coordinator} invoke [1]",
        (
            "Program log: AnchorError caused by account: user. Error Code: AccountNotSigner. Error Number: 3010. "
            "Error Message: The given account did not sign."
        ),
        f"Program {PUBLISHED.coordinator} failed: custom program error: 0xbc2",
    )
    first, second, third = _of_error({"InstructionError": [1, {"Custom": 3010}]}, logs)
    assert [one.effects["outcome"] for one in (first, second, third)] == ["undone", "failed", "not_run"]
    assert (first.error, third.error) == (None, None)
    assert second.error == (
        "The coordinator program rejected the transaction: A signature is missing (account user) "
        "[AccountNotSigner 3010]."
    )
    assert second.effects["error"] == {
        "program": "coordinator",
        "code": 3010,
        "name": "AccountNotSigner",
        "message": "A signature is missing",
        "instruction": 1,
        "account": "user",
        "details": [],
    }
    assert all(one.failed for one in (first, second, third))


def test_a_transaction_that_fails_as_a_whole() -> None:
    first, *others = _of_error({"InsufficientFundsForRent": {"account_index": 0}})
    assert first.effects["error"]["name"] == "InsufficientFundsForRent"
    assert first.error
    assert {one.effects["outcome"] for one in (first, *others)} == {"not_run"}
    assert [one.error for one in others] == [None, None]


def test_a_call_is_due_to_the_signer_of_the_instruction_that_led_to_it() -> None:
    run = RecordedRun()
    run.create_with_treasurer()
    run.resume()
    last = run.transactions()[-1]
    _, outer, inner = decode(last)
    assert [(one.program, one.kind, one.outer, one.inner) for one in (outer, inner)] == [
        ("treasurer", "run_update", 1, 0),
        ("coordinator", "set_paused", 1, 1),
    ]
    assert inner.effects["signer"] == outer.effects["signer"] == str(run.owner.address)
    assert inner.accounts["authority"] == str(run.treasury and run.treasury.run)
    assert inner.signers == ()
    assert isinstance(last.inner[0], InnerCall)
