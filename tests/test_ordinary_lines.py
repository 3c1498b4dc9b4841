"""The fast check that skips the search for secrets never skips a command line that contains one."""

from __future__ import annotations

import base64
import json
import random
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from psyche_cli import base58
from psyche_cli.typed_secrets import _is_ordinary, _search, secrets_in

PLAIN = ("--rpc", "http://127.0.0.1:8899", "json-dump-run", "--run-id", "my-run", "-w", "/home/alice/owner.json")
PIECES = st.one_of(
    st.sampled_from(PLAIN),
    st.sampled_from(["'", '"', "\\", " ", "\n", "\t", "--", "=", ":", ",", ", ", "\\x", "0x", "/", "-", "\u2028"]),
    st.text(string.ascii_letters + string.digits, max_size=50),
    st.text(base58.ALPHABET, min_size=8, max_size=45),
    st.text("0123456789abcdefABCDEF", min_size=1, max_size=40),
    st.integers(0, 255).map(str),
    st.text(string.ascii_lowercase, min_size=3, max_size=8).map(lambda word: f" {word} "),
    st.text(max_size=3),
)


@given(st.lists(PIECES, max_size=20).map("".join))
def test_the_quick_look_changes_nothing(line: str) -> None:
    assume(_is_ordinary(line))
    assert set(secrets_in(line)) == set(_search(line))


def forms_of_a_key(key: bytes) -> list[str]:
    text = base58.encode(key)
    return [
        text,
        f"{text[:44]} {text[44:]}",
        f"{text[:30]}\n{text[30:60]}\n{text[60:]}",
        base58.encode(key)[:80],
        key.hex(),
        key[:32].hex(),
        " ".join(f"{byte:02x}" for byte in key),
        "".join(f"\\x{byte:02x}" for byte in key),
        base64.b64encode(key).decode(),
        base64.b64encode(key[:32]).decode(),
        json.dumps(list(key)),
        " ".join(map(str, key[:12])),
    ]


@pytest.mark.parametrize("form", range(len(forms_of_a_key(bytes(64)))))
@pytest.mark.parametrize("around", ["{}", "--run-id {}", "--rpc http://127.0.0.1:8899 -w '{}' --resume"])
def test_no_line_with_a_key_is_ordinary(form: int, around: str) -> None:
    for seed in range(20):
        line = around.format(forms_of_a_key(random.Random(seed).randbytes(64))[form])
        assert not _is_ordinary(line) or list(secrets_in(line)), line


def test_usual_command_lines_are_ordinary() -> None:
    assert _is_ordinary(" ".join(PLAIN))
