"""Decoded arguments as JSON values."""

from __future__ import annotations

import json

from solders.pubkey import Pubkey

from psyche_cli.protocol.instructions.plain_values import not_finite, plain_json
from psyche_cli.solana.known_instructions import TokenQuantity

ARGUMENTS = {
    "key": Pubkey.default(),
    "data": b"\x01\xff",
    "amount": TokenQuantity(2**63, 6),
    "text": "a\udcffb",
    "valid": "a\u00fc\0",
    "flag": True,
    "nothing": None,
    "metadata": {"loss": float("nan"), "step": 3, "evals": [{"value": float("-inf")}, {"value": 0.1}]},
    "rates": [float("inf"), 1.5],
}


def test_every_kind_of_value() -> None:
    plain = {
        "key": "1" * 32,
        "data": "01ff",
        "amount": {"base_units": 2**63, "decimals": 6},
        "text": "a\N{REPLACEMENT CHARACTER}b",
        "valid": "a\u00fc\0",
        "flag": True,
        "nothing": None,
        "metadata": {"loss": None, "step": 3, "evals": [{"value": None}, {"value": 0.1}]},
        "rates": [None, 1.5],
    }
    assert plain_json(ARGUMENTS) == plain
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_numbers_that_are_not_finite_are_named() -> None:
    assert dict(not_finite(ARGUMENTS)) == {
        "metadata.loss": "NaN",
        "metadata.evals[0].value": "-Infinity",
        "rates[0]": "Infinity",
    }
