"""Decoding of instruction data by the IDLs: the inverse of AnchorPy's encoding."""

from __future__ import annotations

import contextlib
import math
import struct
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyheck import snake
from solders.pubkey import Pubkey

from psyche_cli.protocol.instructions.anchor_programs import AnchorPrograms
from psyche_cli.protocol.instructions.idl_decoder import idl_instruction, instructions_by_discriminator, snake_case
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.resources import PSYCHE_PROGRAM_NAMES
from tests.protocol.idl_values import IDLS, INSTRUCTIONS, arguments
from tests.protocol.test_instructions import CASES
from tests.support.counts import repetitions

PROGRAMS = AnchorPrograms(PUBLISHED)
_DISCRIMINATORS = {
    snake_case(entry["name"]): first for first, entry in instructions_by_discriminator("coordinator").items()
}


def encoded(program: str, entry: Any, values: dict[str, Any]) -> bytes:
    accounts = {snake_case(account["name"]): Pubkey.new_unique() for account in entry["accounts"]}
    return bytes(PROGRAMS.instruction(program, snake_case(entry["name"]), accounts, values).data)


@settings(max_examples=repetitions(300))
@given(st.data())
def test_decoding_is_the_inverse_of_encoding(data: st.DataObject) -> None:
    program, entry = data.draw(st.sampled_from(INSTRUCTIONS))
    values = data.draw(arguments(program, entry))
    decoded = idl_instruction(program, encoded(program, entry, values))
    assert decoded.name == snake_case(entry["name"])
    assert decoded.accounts == tuple(snake_case(account["name"]) for account in entry["accounts"])
    assert decoded.arguments == values.get("params", values)
    assert decoded.unused_bytes == 0


@settings(max_examples=repetitions(300))
@given(st.data())
def test_every_prefix_is_rejected_with_the_name_of_a_value(data: st.DataObject) -> None:
    program, entry = data.draw(st.sampled_from([one for one in INSTRUCTIONS if one[1]["args"]]))
    whole = encoded(program, entry, data.draw(arguments(program, entry)))
    cut = data.draw(st.integers(8, len(whole) - 1))
    names = [snake_case(one["name"]) for one in entry["args"]]
    with pytest.raises(ValueError, match=r"unexpected end of data|not valid UTF-8") as error:
        idl_instruction(program, whole[:cut])
    assert str(error.value).startswith(tuple(names))


def test_bytes_after_the_arguments_are_counted() -> None:
    data = bytes.fromhex(CASES["set_paused"][2]) + b"more"
    decoded = idl_instruction("coordinator", data)
    assert (decoded.arguments, decoded.unused_bytes) == ({"paused": True}, 4)


@pytest.mark.parametrize(
    ("case", "change", "reason"),
    [
        ("set_paused", (8, b"\2"), "paused: 2 is not 0 or 1"),
        ("set_future_epoch_rates", (8, b"\2"), "epoch_earning_rate_total_shared: the tag is 2, but the highest tag is"),
        ("health_check", (72, b"\3"), "committee: the tag is 3, but the highest tag is 2"),
        ("update_client_version", (12, b"\xff\xfe"), "new_version is not valid UTF-8"),
        ("witness", (8 + 433 + 4, struct.pack("<f", float("nan"))), "metadata.tokens_per_sec: NaN"),
    ],
)
def test_values_that_the_programs_reject(case: str, change: tuple[int, bytes], reason: str) -> None:
    at, new = change
    data = bytes.fromhex(CASES[case][2])
    with pytest.raises(ValueError, match=reason):
        idl_instruction("coordinator", data[:at] + new + data[at + len(new) :])


def test_nothing_is_lost_if_the_data_is_decoded_exactly() -> None:
    data = bytearray(bytes.fromhex(CASES["witness"][2]))
    at = 8 + 433 + 4
    data[at : at + 4] = struct.pack("<f", float("nan"))
    metadata = idl_instruction("coordinator", bytes(data), exact=True).arguments["metadata"]
    assert isinstance(metadata, dict)
    assert math.isnan(metadata["tokens_per_sec"])
    name = b"a\xffb\0c".ljust(64, b"\0")
    update = _DISCRIMINATORS["update"] + b"\1" + name + bytes(280 + 16) + bytes(3)
    for exact, text in ((True, "a\udcffb\0c"), (False, "a\N{REPLACEMENT CHARACTER}b\0c")):
        found = idl_instruction("coordinator", update, exact=exact).arguments["metadata"]
        assert isinstance(found, dict)
        assert found["name"] == text


def test_an_array_that_ends_too_early() -> None:
    data = bytes.fromhex(CASES["witness"][2])[: 8 + 17 + 12]
    with pytest.raises(ValueError, match=r"participant_bloom.keys\[1\]: unexpected end of data"):
        idl_instruction("coordinator", data)


def test_unknown_instructions() -> None:
    for data in (b"", b"\1\2", bytes(8), bytes(20)):
        with pytest.raises(ValueError, match="does not have this instruction"):
            idl_instruction("treasurer", data)


@given(st.sampled_from(PSYCHE_PROGRAM_NAMES), st.data())
def test_random_arguments_are_decoded_or_rejected(program: str, data: st.DataObject) -> None:
    discriminator = data.draw(st.sampled_from(sorted(instructions_by_discriminator(program))))
    with contextlib.suppress(ValueError):
        decoded = idl_instruction(program, discriminator + data.draw(st.binary(max_size=900)))
        assert decoded.unused_bytes >= 0


def test_names_are_converted_as_anchorpy_does() -> None:
    def names(part: Any) -> list[str]:
        if isinstance(part, list):
            return [name for one in part for name in names(one)]
        if not isinstance(part, dict):
            return []
        own = [part["name"]] if part.get("name", "A")[0].islower() else []
        return own + [name for one in part.values() for name in names(one)]

    found = set(names(list(IDLS.values())))
    assert len(found) > 100
    assert {name: snake_case(name) for name in found} == {name: snake(name) for name in found}


def test_anchorpy_is_not_imported() -> None:
    code = (
        "import sys; from psyche_cli.protocol.instructions import descriptions;"
        "print([name for name in sys.modules if name.startswith(('anchorpy', 'pyheck', 'construct', 'spl'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
