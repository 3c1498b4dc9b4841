"""Sources of a wallet other than a path, in this process; the answers are typed at a pseudo-terminal."""

from __future__ import annotations

import io
import os
import pty
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from solders.keypair import Keypair

from psyche_cli.cli.app import environment_of_this_process
from psyche_cli.environment import Environment
from psyche_cli.errors import WalletError, WalletMalformed
from psyche_cli.limits import U64_MAX
from psyche_cli.solana.wallet import LARGEST_KEYPAIR_FILE
from psyche_cli.solana.wallet_sources import load_from_source
from tests.support.secret_forms import FORMS, keypair

KEY = keypair(bytes(range(32)))
PHRASE = "legal winner thank year wave sausage worth useful legal winner thank yellow"
FIRST, PASSPHRASE, AGAIN = "Seed phrase: ", "Passphrase (press Enter if there is none): ", "Passphrase again: "


def piped(content: bytes) -> Environment:
    stdin = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8")
    return environment_of_this_process().replaced(stdin=stdin, stderr=io.StringIO())


@contextmanager
def typing(*answers: tuple[str, str]) -> Iterator[Environment]:
    """An environment whose terminal answers each question, in this order, once it has been asked."""
    terminal, end = pty.openpty()

    def answer() -> None:
        for question, line in answers:
            shown = b""
            while not shown.endswith(question.encode()):
                shown += os.read(terminal, 1)
            os.write(terminal, line.encode() + b"\n")

    typist = threading.Thread(target=answer, daemon=True)
    with os.fdopen(end, "r+b", buffering=0) as file:
        stream = io.TextIOWrapper(file, encoding="utf-8", write_through=True)
        typist.start()
        yield environment_of_this_process().replaced(stdin=stream, stderr=stream)
        typist.join(10)
    os.close(terminal)
    assert not typist.is_alive()


@pytest.mark.parametrize("source", ["-", "stdin:"])
@pytest.mark.parametrize("form", ["JSON", "base58"])
def test_a_keypair_from_a_pipe(source: str, form: str) -> None:
    environment = piped(FORMS[form](KEY).encode() + b"\n")
    assert load_from_source(environment, source, print).address == Keypair.from_bytes(KEY).pubkey()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xff\xfe\x00", "is not text"),
        (b"5" * (LARGEST_KEYPAIR_FILE + 1), f"is longer than {LARGEST_KEYPAIR_FILE} characters"),
        (b"", "is empty"),
    ],
)
def test_a_pipe_without_a_keypair(content: bytes, problem: str) -> None:
    with pytest.raises(WalletMalformed, match=problem):
        load_from_source(piped(content), "stdin:", print)


def test_a_closed_stdin() -> None:
    environment = piped(b"").replaced(stdin=Closed())
    with pytest.raises(WalletError, match="Cannot read the keypair from stdin"):
        load_from_source(environment, "-", print)


class Closed(io.StringIO):
    def read(self, size: int | None = -1, /) -> str:
        raise ValueError("I/O operation on closed file")


def test_a_keypair_typed_at_a_terminal() -> None:
    with typing(("Keypair (JSON array or base58): ", FORMS["base58"](KEY))) as environment:
        wallet = load_from_source(environment, "-", print)
    assert wallet.address == Keypair.from_bytes(KEY).pubkey()


def test_a_keypair_file_and_a_hardware_wallet(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(FORMS["JSON"](KEY))
    path.chmod(0o600)
    environment = piped(b"")
    assert load_from_source(environment, f"file:{path}", print).address == Keypair.from_bytes(KEY).pubkey()
    with pytest.raises(WalletError, match="Hardware wallets") as caught:
        load_from_source(environment, "usb://ledger", print)
    assert "--unsigned" in caught.value.hint


@pytest.mark.parametrize("passphrase", ["", "correct horse"])
def test_a_seed_phrase(passphrase: str) -> None:
    notes: list[str] = []
    answers = [(FIRST, PHRASE), (PASSPHRASE, passphrase), *([(AGAIN, passphrase)] if passphrase else [])]
    with typing(*answers) as environment:
        wallet = load_from_source(environment, "ASK", notes.append)
    expected = Keypair.from_seed_phrase_and_passphrase(PHRASE, passphrase).pubkey()
    assert wallet.address == expected
    assert notes == [f"Using the wallet {expected}, from the seed phrase."]
    assert PHRASE not in environment.redactor.redacted(PHRASE)


def test_a_derivation_path() -> None:
    with typing((FIRST, PHRASE), (PASSPHRASE, "")) as environment:
        derived = load_from_source(environment, "prompt:?key=0/0", print)
    assert derived.address != Keypair.from_seed_phrase_and_passphrase(PHRASE, "").pubkey()
    with pytest.raises(WalletError):
        load_from_source(environment, f"prompt:?key={U64_MAX}", print)


def test_passphrases_that_differ() -> None:
    with (
        typing((FIRST, PHRASE), (PASSPHRASE, "one"), (AGAIN, "two")) as environment,
        pytest.raises(WalletError, match="The passphrases differ"),
    ):
        load_from_source(environment, "ASK", print)
