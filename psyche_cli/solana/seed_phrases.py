"""Keypairs from seed phrases (BIP-39) and derivation paths (SLIP-10), derived as by the Solana CLI.

The word list ``bip39_english.txt`` is the English one of BIP-39.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

from solders.keypair import Keypair

from psyche_cli.errors import WalletError, WalletMalformed

DEFAULT_PATH: Final = "m/44'/501'"
"""Derivation path of ``prompt:`` without a query: purpose 44, coin type 501 (Solana)."""

_WORD_LIST: Final = Path(__file__).with_name("bip39_english.txt")
_WORD_COUNTS: Final = (12, 15, 18, 21, 24)
_BITS_PER_WORD: Final = 11
_ROUNDS: Final = 2048
_LARGEST_INDEX: Final = 2**31 - 1
_INDEXES: Final = re.compile(r"[0-9]{1,10}'?(?:/[0-9]{1,10}'?)*")


def derivation_path(query: str) -> str:
    """The derivation path that the query of a ``prompt:`` source selects, with all indexes hardened.

    The query is empty, ``key=ACCOUNT``, ``key=ACCOUNT/CHANGE`` (both below DEFAULT_PATH), or
    ``full-path=m/44/501/...``. Raises WalletError.
    """
    if not query:
        return DEFAULT_PATH
    pairs = parse_qsl(query, keep_blank_values=True)
    name, value = pairs[0] if len(pairs) == 1 else ("", "")
    if name == "key" and _INDEXES.fullmatch(value) and value.count("/") < 2:
        return f"{DEFAULT_PATH}/{_hardened(value)}"
    if name == "full-path" and value.startswith("m/") and _INDEXES.fullmatch(value[2:]):
        return f"m/{_hardened(value[2:])}"
    raise WalletError(
        "Invalid derivation path in the wallet option.",
        hint="Use prompt: alone, prompt:?key=0/0 (account and change), or prompt:?full-path=m/44/501/0/0.",
    )


def _hardened(indexes: str) -> str:
    numbers = [int(index.rstrip("'")) for index in indexes.split("/")]
    if max(numbers) > _LARGEST_INDEX:
        raise WalletError(f"An index of the derivation path is larger than {_LARGEST_INDEX}.")
    return "/".join(f"{number}'" for number in numbers)


def keypair_from_seed_phrase(phrase: str, passphrase: str, path: str | None) -> Keypair:
    """The keypair at a derivation path below the seed; without a path, the first 32 bytes of the seed are the key.

    The latter is what ``solana-keygen new`` and the source ``ASK`` do. Raises WalletMalformed if the phrase is not 12
    to 24 English words with a valid checksum; the message contains no word of it.
    """
    phrase = " ".join(unicodedata.normalize("NFKD", phrase).lower().split())
    _check(phrase)
    salt = "mnemonic" + unicodedata.normalize("NFKD", passphrase)
    seed = hashlib.pbkdf2_hmac("sha512", phrase.encode(), salt.encode(), _ROUNDS)
    return Keypair.from_seed(seed[:32]) if path is None else Keypair.from_seed_and_derivation_path(seed, path)


def _check(phrase: str) -> None:
    words = phrase.split()
    if len(words) not in _WORD_COUNTS:
        raise _malformed(f"has {len(words)} words, not {', '.join(map(str, _WORD_COUNTS[:-1]))} or {_WORD_COUNTS[-1]}")
    indexes = {word: index for index, word in enumerate(_WORD_LIST.read_text(encoding="ascii").split())}
    bits = 0
    for position, word in enumerate(words, 1):
        if word not in indexes:
            raise _malformed(f"is invalid: word {position} is not in the English word list of BIP-39")
        bits = bits << _BITS_PER_WORD | indexes[word]
    checksum_bits = len(words) * _BITS_PER_WORD // 33
    entropy = (bits >> checksum_bits).to_bytes(checksum_bits * 4, "big")
    expected = hashlib.sha256(entropy).digest()[0] >> (8 - checksum_bits)
    if bits & ((1 << checksum_bits) - 1) != expected:
        raise _malformed("has an invalid checksum: a word is wrong, or the order is")


def _malformed(problem: str) -> WalletMalformed:
    return WalletMalformed(f"The seed phrase {problem}.", hint="Check the words, and try again.")
