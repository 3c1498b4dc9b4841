"""Strings for large numbers: present exactly where a double would lose digits, with the same digits."""

from __future__ import annotations

import json
import shutil
import subprocess
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche_cli.exact_numbers import with_strings
from psyche_cli.json_text import json_text


def read_by_doubles(document: Any) -> Any:
    """The document as read by a JSON parser without big integers."""
    return json.loads(json_text(document), parse_int=float, parse_float=float)


@given(st.integers(0, 2**64 - 1) | st.sampled_from([2**53 - 1, 2**53, 2**53 + 1, 2**53 + 2, 2**64 - 1]))
def test_an_integer_is_a_double_or_has_a_string(number: int) -> None:
    document = read_by_doubles(with_strings({"n": number}))
    assert (int(document["n"]) if "n_string" not in document else int(document["n_string"])) == number
    assert ("n_string" in document) is (number > 2**53)


@given(st.integers(0, 2**64 - 1), st.integers(0, 18))
def test_an_amount_is_a_double_or_has_a_string(base_units: int, decimals: int) -> None:
    amount = Decimal((0, tuple(map(int, str(base_units))), -decimals))
    document = read_by_doubles(with_strings({"n": amount}))
    told = document.get("n_string", repr(document["n"]))
    assert Decimal(told) == amount


def test_lists_tables_and_other_values_keep_their_shape() -> None:
    plain: dict[str, Any] = {"a": [1, {"b": None, "c": True, "d": "2", "e": 0.1, "f": Decimal("0.1")}], "g": {}}
    assert with_strings(plain) == plain
    deep = with_strings({"a": [{"b": 2**60}], "c": {"d": {"e": Decimal("18446744073709.551615")}}})
    assert deep == {
        "a": [{"b": 2**60, "b_string": str(2**60)}],
        "c": {"d": {"e": Decimal("18446744073709.551615"), "e_string": "18446744073709.551615"}},
    }


@pytest.mark.parametrize("number", [2**53 + 1, 2**60, 2**64 - 1, 7313085519096743583])
def test_jq_prints_the_string(number: int) -> None:
    """With any installed version of jq: older ones round, newer ones preserve numbers unless they compute with them."""
    program = shutil.which("jq")
    command = [program, "-r", ".n_string // .n"] if program else ["cat"]
    done = subprocess.run(
        command, input=json_text(with_strings({"n": number})), capture_output=True, text=True, check=True
    )
    assert str(number) in done.stdout
