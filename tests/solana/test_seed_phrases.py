"""Keypairs from seed phrases, compared with those of solders and with test vectors of BIP-39."""

from __future__ import annotations

import hashlib

import pytest
from solders.keypair import Keypair

from psyche_cli.errors import WalletError, WalletMalformed
from psyche_cli.solana import seed_phrases
from psyche_cli.solana.seed_phrases import derivation_path, keypair_from_seed_phrase

PHRASE = "legal winner thank year wave sausage worth useful legal winner thank yellow"
SEED = bytes.fromhex(
    "2e8905819b8723fe2c1d161860e5ee1830318dbf49a83bd451cfb8440c28bd6f"
    "a457fe1296106559a3c80937a1c1069be3a3a5bd381ee6260e8d9739fce1f607"
)
"""The seed of PHRASE with the passphrase TREZOR, a test vector of BIP-39."""


def test_the_word_list_is_that_of_bip39() -> None:
    digest = hashlib.sha256(seed_phrases._WORD_LIST.read_bytes()).hexdigest()
    assert digest == "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"


def test_the_key_is_the_seed_or_is_derived_from_it() -> None:
    assert keypair_from_seed_phrase(PHRASE, "TREZOR", None) == Keypair.from_seed(SEED[:32])
    assert keypair_from_seed_phrase(PHRASE, "", None) == Keypair.from_seed_phrase_and_passphrase(PHRASE, "")
    for path in ("m/44'/501'", "m/44'/501'/0'/0'", "m/44'/2017'/3'"):
        derived = keypair_from_seed_phrase(PHRASE, "TREZOR", path)
        assert derived == Keypair.from_seed_and_derivation_path(SEED, path)


def test_case_and_spacing_do_not_matter() -> None:
    untidy = f"  {PHRASE.upper()}".replace(" ", " \t ")
    assert keypair_from_seed_phrase(untidy, "", None) == keypair_from_seed_phrase(PHRASE, "", None)


def test_composed_passphrases_are_decomposed() -> None:
    one, other = keypair_from_seed_phrase(PHRASE, "é", None), keypair_from_seed_phrase(PHRASE, "e\u0301", None)
    assert one == other


@pytest.mark.parametrize(
    ("phrase", "seed"),
    [
        ("abandon " * 11 + "about", "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e5349553"),
        ("abandon " * 17 + "agent", "035895f2f481b1b0f01fcf8c289c794660b289981a78f8106447707fdd9666ca"),
        ("abandon " * 23 + "art", "bda85446c68413707090a52022edd26a1c9462295029f2e60cd7c4f2bbd30971"),
        ("zoo " * 11 + "wrong", "ac27495480225222079d7be181583751e86f571027b0497b5b5d11218e0a8a13"),
        ("zoo " * 23 + "vote", "dd48c104698c30cfe2b6142103248622fb7bb0ff692eebb00089b32d22484e16"),
    ],
)
def test_phrases_of_the_test_vectors_of_bip39(phrase: str, seed: str) -> None:
    """Each with the first half of its seed, which is the key if there is no derivation path."""
    assert keypair_from_seed_phrase(phrase, "TREZOR", None) == Keypair.from_seed(bytes.fromhex(seed))


@pytest.mark.parametrize(
    ("phrase", "problem"),
    [
        ("", "has 0 words, not 12, 15, 18, 21 or 24"),
        ("abandon " * 13, "has 13 words"),
        (PHRASE.replace("wave", "wafe"), "is invalid: word 5 is not in the English word list of BIP-39"),
        (PHRASE.replace("yellow", "year"), "has an invalid checksum"),
        ("abandon " * 23 + "about", "has an invalid checksum"),
    ],
)
def test_invalid_phrases(phrase: str, problem: str) -> None:
    with pytest.raises(WalletMalformed, match=problem) as caught:
        keypair_from_seed_phrase(phrase, "", None)
    assert "wafe" not in caught.value.message


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("", "m/44'/501'"),
        ("key=0", "m/44'/501'/0'"),
        ("key=0/0", "m/44'/501'/0'/0'"),
        ("key=3'/2147483647'", "m/44'/501'/3'/2147483647'"),
        ("full-path=m/44/2017/0'/1", "m/44'/2017'/0'/1'"),
    ],
)
def test_derivation_paths(query: str, path: str) -> None:
    assert derivation_path(query) == path


@pytest.mark.parametrize(
    "query", ["0/0", "key=", "key=a", "key=0/0/0", "key=-1", "key=0&key=1", "key=2147483648", "full-path=44/501", "x=0"]
)
def test_invalid_derivation_paths(query: str) -> None:
    with pytest.raises(WalletError):
        derivation_path(query)
