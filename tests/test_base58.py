"""Base58: known values, random bytes compared with solders, and invalid characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli import base58


@given(st.binary(max_size=200))
def test_base58_round_trip(data: bytes) -> None:
    assert base58.decode(base58.encode(data)) == data


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64))
def test_base58_matches_keys_and_signatures_of_solders(key: bytes, signature: bytes) -> None:
    assert base58.encode(key) == str(Pubkey(key))
    assert base58.encode(signature) == str(Signature(signature))


@pytest.mark.parametrize(
    ("data", "text"), [(b"", ""), (b"\0", "1"), (b"\0\0a", "112g"), (b"hello world", "StV1DL6CwTryKyV")]
)
def test_base58_of_known_bytes(data: bytes, text: str) -> None:
    assert base58.encode(data) == text
    assert base58.decode(text) == data


@pytest.mark.parametrize("length", [99, 100, 101, 500, 4321])
def test_base58_of_long_text(length: int) -> None:
    data = bytes(2) + bytes(number % 251 for number in range(length))
    text = base58.encode(data)
    assert text.startswith("11")
    assert base58.decode(text) == data


@pytest.mark.parametrize("text", ["0", "O", "I", "l", " ", "é", "1+1"])
def test_base58_rejects_other_characters(text: str) -> None:
    with pytest.raises(ValueError, match="not a base58 character"):
        base58.decode(text)
