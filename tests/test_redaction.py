"""The redactor removes known secrets in all encodings, and leaves text that only looks similar."""

from __future__ import annotations

import base64
import json
import pickle
import re
from collections.abc import Callable
from hashlib import sha256
from urllib.parse import quote, unquote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from psyche_cli.private_keys import holds_key, holds_keypair, is_seed, owner_of_seed_in
from psyche_cli.redaction import HIDDEN, SHORTEST, Redactor
from tests.support.counts import repetitions
from tests.support.secret_forms import FORMS, PHRASE, keypair, leaked, numbers_in_a_row

seeds = st.integers(0, 2**64).map(lambda number: sha256(str(number).encode()).digest())
texts = st.text(max_size=30)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@settings(max_examples=repetitions(40))
@given(seed=seeds, before=texts, after=texts, cut=st.integers(0, 20))
def test_a_loaded_key_is_hidden_in_every_form(
    form: Callable[[bytes], str], seed: bytes, before: str, after: str, cut: int
) -> None:
    key = keypair(seed)
    redactor = Redactor()
    redactor.learn_key(key)
    secret = form(key)
    whole = redactor.redacted(f"{before} {secret} {after}")
    part = redactor.redacted(f"{before} {secret[cut : cut + 40]} {after}")
    for shown in (whole, part):
        assert HIDDEN in shown
        if "," in secret or " " in secret:
            # Single digits are common in text, so this key has no three single-digit bytes in a row.
            rows = numbers_in_a_row(" ".join(map(str, key)))
            assert not rows & numbers_in_a_row(shown) - numbers_in_a_row(f"{before} . {after}")
        else:
            assert not leaked(secret, shown)


@given(seed=seeds, message=st.binary(max_size=50))
def test_public_keys_and_signatures_are_not_redacted(seed: bytes, message: bytes) -> None:
    pair = Keypair.from_seed(seed)
    redactor = Redactor()
    redactor.learn_key(bytes(pair))
    redactor.learn_secret(str(pair))
    text = f"Transaction {pair.sign_message(message)} of {pair.pubkey()} failed."
    assert redactor.redacted(text) == text


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@settings(max_examples=repetitions(40))
@given(seed=seeds)
def test_a_key_in_the_environment_is_hidden_in_every_other_form(form: Callable[[bytes], str], seed: bytes) -> None:
    key = keypair(seed)
    redactor = Redactor()
    redactor.learn_secret(form(key) + "\n")
    assume(str(Keypair.from_bytes(key))[:1] != "1")
    shown = redactor.redacted(form(key))
    if "," in form(key) or " " in form(key):
        assert not numbers_in_a_row(form(key)) & numbers_in_a_row(shown)
    else:
        assert not leaked(form(key), shown)
    if form(key) in (str(Keypair.from_bytes(key)), json.dumps(list(key)), key.hex()):
        assert not leaked(key[:32].hex(), redactor.redacted(key[:32].hex()))
        assert not leaked(str(Pubkey(key[:32])), redactor.redacted(str(Pubkey(key[:32]))))


def test_a_secret_variable_is_hidden_regardless_of_its_value() -> None:
    redactor = Redactor()
    redactor.learn_secret("not a key, but someone thought so")
    assert redactor.redacted("It is: not a key, but someone") == f"It is: {HIDDEN}"


@pytest.mark.parametrize("form", [name for name in FORMS if name not in ("seed in base58", "base64 of more")])
@settings(max_examples=repetitions(40))
@given(seed=seeds, split=st.booleans(), before=st.sampled_from(["-w", "--run-id", "x", "update-config"]))
def test_a_key_that_was_typed_is_hidden(form: str, seed: bytes, split: bool, before: str) -> None:
    secret = FORMS[form](keypair(seed))
    words = [before, *(secret.split() if split else [secret])]
    redactor = Redactor()
    redactor.learn_words(words)
    shown = redactor.redacted(f"Got unexpected extra arguments ({' '.join(words)})")
    if "," in secret or " " in secret:
        assert not numbers_in_a_row(secret) & numbers_in_a_row(shown)
    else:
        assert not leaked(secret, shown)


@pytest.mark.parametrize(
    "name", ["-w={}", "--wallet={}", "keys/{}", "keys/{}.json", "grantor={}", "'{}'", "{}{}", "x{}"]
)
def test_a_key_inside_a_word_is_hidden(name: str) -> None:
    secret = str(Keypair.from_seed(bytes(range(32))))
    word = name.replace("{}", secret)
    redactor = Redactor()
    redactor.learn_words([word])
    assert not leaked(secret, redactor.redacted(word))
    assert not leaked(secret, redactor.redacted(secret[5:60]))


# Typical damage to keys from clipboards, terminals and incomplete copying.
MANGLED: dict[str, Callable[[str], str]] = {
    "half": lambda text: text[:60],
    "end": lambda text: text[-70:],
    "line break": lambda text: f"{text[:64]}\n{text[64:]}",
    "continued line": lambda text: f"{text[:40]}\\\n{text[40:]}",
    "blank": lambda text: f"{text[:50]} {text[50:]}",
    "quote": lambda text: f"{text[:44]}'{text[44:]}",
    "wrong letter": lambda text: f"{text[:40]}O{text[41:]}",
    "one missing": lambda text: text[:-1],
}


@pytest.mark.parametrize("mangled", MANGLED.values(), ids=MANGLED)
@pytest.mark.parametrize("form", ["base58", "hexadecimal", "base64"])
@pytest.mark.parametrize("place", ["{}", "--description={}", "keys/{}.json"])
def test_a_damaged_key_is_hidden(form: str, mangled: Callable[[str], str], place: str) -> None:
    """In almost all cases: the remains of a few keys look like a public key or a word."""
    shown = 0
    for number in range(30):
        secret = mangled(FORMS[form](keypair(sha256(bytes([number])).digest())).rstrip("="))
        word = place.replace("{}", secret)
        for words in (["update-config", word, "--output"], ["update-config", *word.split(), "--output", "json"]):
            redactor = Redactor()
            redactor.learn_words(words)
            shown += bool(leaked(secret, redactor.redacted(" ".join(words))))
    assert shown <= 4


def hex_pairs(text: str, separator: str, prefix: str = "") -> str:
    return separator.join(prefix + text[i : i + 2] for i in range(0, len(text), 2))


@pytest.mark.parametrize(
    "form",
    [
        lambda key: ":".join(map(str, key)),
        lambda key: "[" + "/".join(map(str, key)) + "]",
        lambda key: ".".join(map(str, key)),
        lambda key: hex_pairs(key.hex(), ":"),
        lambda key: hex_pairs(key[:32].hex(), " "),
        lambda key: hex_pairs(key.hex(), ", ", "0x"),
        lambda key: hex_pairs(key.hex(), "", "\\x"),
    ],
)
@given(seed=seeds)
def test_a_key_with_separated_bytes_is_hidden(form: Callable[[bytes], str], seed: bytes) -> None:
    secret = form(keypair(seed))
    redactor = Redactor()
    redactor.learn_words(["--name", secret])
    assert not leaked(secret.strip("[]"), redactor.redacted(f"name: {secret}."))


@pytest.mark.parametrize("words", [["-w", PHRASE], ["-w", *PHRASE.split()], [f"--wallet={PHRASE}"]])
def test_a_recovery_phrase_is_hidden(words: list[str]) -> None:
    redactor = Redactor()
    redactor.learn_words(words)
    shown = redactor.redacted(f"The wallet file {PHRASE} does not exist.")
    assert "sausage" not in shown
    assert shown.startswith("The wallet file ")


def test_ordinary_arguments_add_no_secrets() -> None:
    redactor = Redactor()
    image = "sha256:" + "ab12" * 16
    words = ["create-run", "--run-id", "my-run", "--client-version", image, "--rpc", "http://127.0.0.1:8899/"]
    words += [
        "--airdrop",
        "So11111111111111111111111111111111111111112=1",
        "-w",
        "/home/me/keys/id.json",
        "--rpc=devnet",
    ]
    redactor.learn_words(words)
    text = " ".join(words) + " 1, 2, 3, 4"
    assert redactor.redacted(text) == text


PUBLIC = ["9WKHGPiEg78GafWJbe1wU1DZESNscYUrrcfMfSaTjd6j", "GE5X3JF5oGGJAgkAaqm2WVnxKzXV49aoG7xfVRCHaMRm"]


@pytest.mark.parametrize(
    "words",
    [
        ["--description", "open training run for small language models with data from public domain books"],
        ["--description", "We try the new 405B Llama3 config on H100s: 8x8 nodes, lr 3e-4, 2T tokens, 16 epochs of 1h"],
        ["--description", f"Questions to {PUBLIC[0]} or {PUBLIC[1]}, thanks"],
        ["--config-path", "/home/JaneDoe/Projects/psyche/2024-Run1/Configs/Llama3-70B/v2/run.toml"],
        ["--config-path", "/nix/store/4l1wkgf8r0z1zp9v2p3xgmjs9x9y1q7w-psyche-Centralized-client-1.0/run.toml"],
        ["-w", f"/home/me/keys/{PUBLIC[0]}.json", "--treasurer-collateral-mint", PUBLIC[1]],
        ["localnet", "snapshot", *PUBLIC],
        [f"grantor={PUBLIC[0]}", f"grantee={PUBLIC[1]}"],
        ["localnet", "--airdrop", f"{PUBLIC[0]}=100", "--clone", PUBLIC[1]],
        ["--client-version", "ghcr.io/Foundation/psyche-client@sha256:" + "ab12" * 16],
        ["--name", "TinyLlama-1.1B-Chat-v1.0-GGUF-Q4_K_M-2024-06-01-Checkpoint-50k"],
        ["--collateral-amount", "18446744073709.551615", "--treasurer-index", "18446744073709551615"],
    ],
)
def test_prose_paths_and_public_keys_add_no_secrets(words: list[str]) -> None:
    redactor = Redactor()
    redactor.learn_words(words)
    text = " ".join(words) + " The run is paused; training continues with data from books."
    assert redactor.redacted(text) == text


def test_a_misplaced_secret_is_hidden_without_other_evidence() -> None:
    half = FORMS["base58"](keypair(bytes(32)))[:44]
    for word in (half, f"rpc.example.org/v2/{'0a1b' * 10}"):
        redactor = Redactor()
        redactor.learn_misplaced(["create-run", word])
        assert not leaked(word.rpartition("/")[2], redactor.redacted(f"No such command '{word}'."))


# --- URLs -----------------------------------------------------------------------------------------------------------

# Characters that need no encoding in a path segment or query value.
long_parts = st.text(
    st.characters(codec="utf-8", exclude_characters="/?&#;=@:%+\\\"'", categories=("L", "N", "P", "S")),
    min_size=SHORTEST,
    max_size=40,
)
ECHOES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "decoded": unquote,
    "encoded": lambda text: quote(unquote(text), safe=""),
    "encoded twice": lambda text: quote(quote(unquote(text), safe="")),
    "in JSON": lambda text: json.dumps(unquote(text))[1:-1],
    "in capitals": lambda text: unquote(text).upper(),
    "in small letters": lambda text: unquote(text).lower(),
    "without what is not ASCII": lambda text: unquote(text).encode("ascii", "ignore").decode(),
    "as bytes that are no text": lambda text: unquote(text).encode().decode("latin-1"),
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
@settings(max_examples=repetitions(40))
@given(segment=long_parts, value=long_parts, user=long_parts, encoded=st.booleans(), cut=st.integers(0, 5))
def test_every_long_part_of_a_url_is_hidden(
    echo: Callable[[str], str], segment: str, value: str, user: str, encoded: bool, cut: int
) -> None:
    if encoded:
        segment, value, user = (quote(part, safe="") for part in (segment, value, user))
    redactor = Redactor()
    redactor.learn_url(f"https://{user}:{user}@rpc.example.org:8899/v2/{segment}/?k={value}&{value}")
    for secret in map(echo, (segment, value, user)):
        shown = redactor.redacted(f"<b>404</b> GET /v2/{secret}/x cut {secret[cut:]} and {secret[: SHORTEST + cut]}")
        assert not leaked(secret, shown)
        assert shown.startswith("<b>404</b> GET /")


@pytest.mark.parametrize(
    ("url", "text", "shown"),
    [
        ("https://rpc.example.org/abc", "https://rpc.example.org/abc", f"https://rpc.example.org/{HIDDEN}"),
        ("https://u:pw@rpc.example.org", "https://u:pw@rpc.example.org", "https://rpc.example.org"),
        ("https://u:pw@rpc.example.org/", "at u:pw@rpc.example.org!", "at rpc.example.org!"),
        ("https://rpc.example.org/?key=ab", "'https://rpc.example.org/?key=ab'", f"'https://rpc.example.org/{HIDDEN}'"),
        ("https://rpc.example.org/v1/abc", "POST /v1/abc HTTP/1.1", "POST /v1/abc HTTP/1.1"),
        ("https://rpc.example.org/v1/abcd", "POST /v1/abcd HTTP/1.1", "POST /v1/abcd HTTP/1.1"),
        ("https://rpc.example.org/v1/a/b/c/d", "POST /v1/a/b/c/d HTTP/1.1", f"POST /{HIDDEN} HTTP/1.1"),
        ("rpc.example.org/SECRETSECRET", "No host SECRETSECRET", f"No host {HIDDEN}"),
        ("http://127.0.0.1:8899/", "http://127.0.0.1:8899/", "http://127.0.0.1:8899/"),
        ("", "", ""),
    ],
)
def test_short_parts_are_hidden_within_the_complete_url(url: str, text: str, shown: str) -> None:
    redactor = Redactor()
    redactor.learn_url(url)
    assert redactor.redacted(text) == shown


@pytest.mark.parametrize("option", ["--rpc", "--ws-rpc", "--url", "-u"])
def test_a_url_without_scheme_is_recognized_by_its_option(option: str) -> None:
    for words in ([option, "rpc.example.org/SECRETSECRET"], [f"{option}=rpc.example.org/SECRETSECRET"]):
        redactor = Redactor()
        redactor.learn_words(words)
        assert "SECRETSECRET" not in redactor.redacted("'rpc.example.org/SECRETSECRET' has no scheme")


def test_a_url_at_the_end_of_a_long_word_is_recognized() -> None:
    redactor = Redactor()
    redactor.learn_words(["x" * 100_000 + "://rpc.example.org/SECRETSECRET"])
    assert "SECRETSECRET" not in redactor.redacted("Cannot open rpc.example.org/SECRETSECRET")


@given(st.lists(st.text(max_size=60), max_size=5), st.text(max_size=60))
def test_arbitrary_arguments_are_accepted(words: list[str], text: str) -> None:
    redactor = Redactor()
    redactor.learn_words(words)
    for word in words:
        redactor.learn_url(word)
        redactor.learn_secret(word)
    assert not [run for word in words for run in leaked(word.strip().strip("\"'"), redactor.redacted(text))]


# --- its memory --------------------------------------------------------------------------------------------------


WRITTEN_FORMS = {name: form for name, form in FORMS.items() if "base" in name or "hex" in name}
_HASH = re.compile(r"(?<![\w'.+/=-])-?\d{1,20}(?![\w'.+/=-])")
"""A hash as ``repr`` writes it. Its decimal digits may be those of a key by chance."""


def stored_parts(redactor: Redactor, key: bytes) -> list[str]:
    """Parts of a key that an object dump of a redactor reveals, apart from their hashes."""
    held = [getattr(redactor, name) for name in Redactor.__slots__]
    dumped, shown = pickle.dumps(held), _HASH.sub("#", repr(held))
    raw = [key[at : at + SHORTEST].hex() for at in range(len(key) - SHORTEST + 1) if key[at : at + SHORTEST] in dumped]
    return raw + [part for form in WRITTEN_FORMS.values() for part in leaked(form(key), shown)]


@given(seeds)
def test_the_redactor_stores_no_key(seed: bytes) -> None:
    key = keypair(seed)
    redactor = Redactor()
    redactor.learn_key(key)
    redactor.learn_secret(str(Keypair.from_bytes(key)))
    assert not stored_parts(redactor, key)


@pytest.mark.parametrize("form", [*WRITTEN_FORMS.values(), bytes], ids=[*WRITTEN_FORMS, "bytes"])
def test_a_stored_key_would_be_noticed(form: Callable[[bytes], str | bytes]) -> None:
    key = keypair(bytes(range(32)))
    for secret in (form(key), form(key)[20:40]):
        redactor = Redactor()
        redactor._parts.add(secret)  # type: ignore[arg-type]
        assert stored_parts(redactor, key)


@given(seeds)
def test_keys_are_recognized(seed: bytes) -> None:
    key = keypair(seed)
    for form in (str(Keypair.from_bytes(key)), json.dumps(list(key)), key.hex(), base64.b64encode(key).decode()):
        assert holds_key(form)
        assert holds_key(f"keys/{form}") or form.endswith("==")
        assert holds_keypair(f"my key: {form}")
    assert is_seed(str(Pubkey(key[:32])))
    signature = str(Keypair.from_seed(seed).sign_message(b"x"))
    assert not holds_keypair(signature)
    for text in ("owner.json", "/home/me/id.json", "devnet", "", "1, 2, 3", "sha256:" + "a" * 64):
        assert not holds_key(text)
        assert not is_seed(text)


@given(seeds)
def test_the_seed_of_a_known_keypair_is_recognized(seed: bytes) -> None:
    key = keypair(seed)
    owner, other = Pubkey(key[32:]), Pubkey(bytes(32))
    for form in (
        seed.hex(),
        seed.hex().upper(),
        f"0x{seed.hex()}",
        f"sha256:{seed.hex()}",
        str(Pubkey(seed)),
        base64.b64encode(seed).decode(),
        base64.urlsafe_b64encode(seed).decode().rstrip("="),
        json.dumps(list(seed)),
    ):
        assert owner_of_seed_in(f"my key: {form}", [other, owner]) == owner
        assert owner_of_seed_in(form, [other]) is None
    assert holds_keypair(f"key:{key.hex()}")
    assert not holds_keypair(f"sha512:{seed.hex()}{seed.hex()}")
    assert owner_of_seed_in(f"{owner} {key[32:].hex()} words", [owner]) is None
