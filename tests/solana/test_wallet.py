"""Wallets: sources, all kinds of malformed keys, and protection of the secret key."""

import copy
import io
import json
import os
import pickle
import resource
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from psyche_cli import base58
from psyche_cli.cli.app import environment_of_this_process
from psyche_cli.environment import Environment
from psyche_cli.errors import PsycheError, UsageError, WalletError, WalletMalformed, WalletNotFound
from psyche_cli.redaction import Redactor
from psyche_cli.solana.wallet import Wallet, keypair_file_address, load_keypair_file, load_wallet

SEED = bytes(range(1, 33))
# The Ed25519 public key of that seed, in the base58 of Solana addresses.
ADDRESS = "9C6hybhQ6Aycep9jaUnP6uL9ZYvDjUp1aSkFWPUFJtpj"
KEYPAIR = SEED + bytes(Pubkey.from_string(ADDRESS))


def environment(home: Path, **variables: str) -> Environment:
    return environment_of_this_process().replaced(home=home, variables=variables)


def array(values: Any) -> str:
    return json.dumps(list(values))


def write(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def load(home: Path, path: Path | None = None, **variables: str) -> tuple[Wallet, list[str]]:
    notes: list[str] = []
    return load_wallet(environment(home, **variables), path, notes.append), notes


def test_the_keypair_of_the_solana_cli_configuration_comes_before_the_default(tmp_path: Path) -> None:
    path = write(tmp_path / "other.json", array(KEYPAIR))
    config = write(tmp_path / ".config/solana/cli/config.yml", f"keypair_path: {path}\n")
    wallet, notes = load(tmp_path)
    assert str(wallet.address) == ADDRESS
    assert notes == [f"Using the wallet {path}, from {config}."]


def test_a_keypair_is_read_from_stdin(tmp_path: Path) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(array(KEYPAIR).encode()), encoding="utf-8")
    wallet = load_wallet(environment(tmp_path).replaced(stdin=stdin), Path("-"), print)
    assert str(wallet.address) == ADDRESS


def test_a_keypair_file_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "key.json", array(KEYPAIR) + "\n")
    wallet, notes = load(tmp_path, path)
    assert str(wallet.address) == ADDRESS
    assert wallet.origin == f"the wallet file {path}"
    assert notes == []
    signature = wallet.sign_message(b"message")
    assert signature.verify(wallet.address, b"message")
    assert not signature.verify(wallet.address, b"massage")


def test_the_address_of_a_keypair_file(tmp_path: Path) -> None:
    assert str(keypair_file_address(write(tmp_path / "key.json", array(KEYPAIR), mode=0o644), Redactor())) == ADDRESS
    with pytest.raises(WalletMalformed):
        keypair_file_address(write(tmp_path / "key.json", array(KEYPAIR[:63])), Redactor())


def test_a_keypair_file_is_loaded_whatever_the_environment_holds(tmp_path: Path) -> None:
    notes: list[str] = []
    path = write(tmp_path / "key.json", array(KEYPAIR), mode=0o644)
    wallet = load_keypair_file(path, notes.append, Redactor())
    assert (str(wallet.address), len(notes)) == (ADDRESS, 1)
    with pytest.raises(WalletMalformed, match="is a private key"):
        load_keypair_file(Path(str(Keypair.from_bytes(KEYPAIR))), notes.append, Redactor())


def test_a_keypair_file_may_hold_base58(tmp_path: Path) -> None:
    path = write(tmp_path / "key.txt", str(Keypair.from_bytes(KEYPAIR)))
    assert str(load(tmp_path, path)[0].address) == ADDRESS


@pytest.mark.parametrize("text", [array(KEYPAIR), f"  {array(KEYPAIR)}\n", str(Keypair.from_bytes(KEYPAIR)) + "\n"])
def test_the_variable_holds_the_key_itself(tmp_path: Path, text: str) -> None:
    wallet, notes = load(tmp_path, RAW_WALLET_PRIVATE_KEY=text)
    assert str(wallet.address) == ADDRESS
    assert wallet.origin == "the environment variable RAW_WALLET_PRIVATE_KEY"
    assert notes == []


def test_the_variable_overrides_the_path_with_a_notice(tmp_path: Path) -> None:
    path = tmp_path / "never-looked-at.json"
    wallet, notes = load(tmp_path, path, RAW_WALLET_PRIVATE_KEY=array(KEYPAIR))
    assert str(wallet.address) == ADDRESS
    assert notes == [f"Ignoring {path}, because RAW_WALLET_PRIVATE_KEY is set."]


def test_a_path_that_was_typed_must_be_the_key_of_the_variable(tmp_path: Path) -> None:
    surroundings = environment(tmp_path, RAW_WALLET_PRIVATE_KEY=array(KEYPAIR))
    surroundings.typed = frozenset({"wallet"})
    notes: list[str] = []
    same = write(tmp_path / "same.json", str(Keypair.from_bytes(KEYPAIR)))
    assert str(load_wallet(surroundings, same, notes.append).address) == ADDRESS
    assert str(load_wallet(surroundings, None, notes.append).address) == ADDRESS
    assert notes == []
    other = Keypair()
    with pytest.raises(UsageError) as caught:
        load_wallet(surroundings, write(tmp_path / "other.json", array(bytes(other))), notes.append)
    assert ADDRESS in caught.value.message
    assert str(other.pubkey()) in caught.value.message
    with pytest.raises(WalletNotFound):
        load_wallet(surroundings, tmp_path / "missing.json", notes.append)


def test_the_default_wallet_is_used_with_a_notice(tmp_path: Path) -> None:
    path = write(tmp_path / ".config" / "solana" / "id.json", array(KEYPAIR))
    wallet, notes = load(tmp_path, RAW_WALLET_PRIVATE_KEY="")
    assert str(wallet.address) == ADDRESS
    assert notes == [f"Using the default wallet {path}."]


def test_a_tilde_means_the_home_of_the_environment(tmp_path: Path) -> None:
    write(tmp_path / "keys" / "a.json", array(KEYPAIR))
    assert str(load(tmp_path, Path("~/keys/a.json"))[0].address) == ADDRESS


def test_without_a_wallet_the_hint_lists_the_sources(tmp_path: Path) -> None:
    with pytest.raises(WalletNotFound) as caught:
        load(tmp_path)
    assert caught.value.message == (
        f"No wallet was specified, and the default wallet {tmp_path}/.config/solana/id.json does not exist."
    )
    assert "WALLET_PRIVATE_KEY_PATH" in caught.value.hint


def test_a_default_wallet_that_may_not_even_be_looked_for_is_an_error_of_reading(tmp_path: Path) -> None:
    # A name that the file system does not take; a folder that may not be entered fails likewise.
    with pytest.raises(WalletError, match=r"Cannot read the wallet file .*: File name too long"):
        load(tmp_path / ("x" * 300))


@pytest.mark.parametrize(
    "key",
    [array(KEYPAIR), array(KEYPAIR)[:40], str(Keypair.from_bytes(KEYPAIR)), base58.encode(SEED), SEED.hex()],
    ids=["array", "part of an array", "base58", "seed", "seed in hex"],
)
def test_a_private_key_given_as_the_path_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    with pytest.raises(WalletMalformed, match="is a private key, not a file path") as caught:
        load(tmp_path, Path(key))
    assert key not in all_texts_of(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [array(KEYPAIR) + "\r\n", str(Keypair.from_bytes(KEYPAIR))], ids=["json", "base58"])
def test_a_file_with_a_byte_order_mark(tmp_path: Path, encoding: str, text: str) -> None:
    """As Windows PowerShell and Notepad write them."""
    mark = "" if encoding in ("utf-8-sig", "utf-16") else "\ufeff"
    path = write(tmp_path / "key.json", (mark + text).encode(encoding))
    assert str(load(tmp_path, path)[0].address) == ADDRESS


def test_a_variable_with_a_byte_order_mark(tmp_path: Path) -> None:
    assert str(load(tmp_path, RAW_WALLET_PRIVATE_KEY="\ufeff" + array(KEYPAIR))[0].address) == ADDRESS


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"\xff\xfe1", b"\xfe\xff\xd8\x00", b"\xef\xbb\xbf", b"\xef\xbb\xbf\xff"]
)
def test_a_mark_without_a_key_behind_it(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(WalletMalformed):
        load(tmp_path, write(tmp_path / "key.json", content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WalletNotFound, match=r"The wallet file .*absent\.json does not exist\."):
        load(tmp_path, tmp_path / "absent.json")


def test_a_folder_is_not_a_wallet(tmp_path: Path) -> None:
    with pytest.raises(WalletMalformed, match="is a directory, not a file"):
        load(tmp_path, tmp_path)


def test_an_unreadable_path_is_an_error_of_the_wallet(tmp_path: Path) -> None:
    with pytest.raises(WalletError, match=r"Cannot read the wallet file .*: File name too long\."):
        load(tmp_path, tmp_path / ("a" * 300))


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o602])
def test_a_file_that_others_may_read_is_used_with_a_warning(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "key.json", array(KEYPAIR), mode=mode)
    wallet, notes = load(tmp_path, path)
    assert str(wallet.address) == ADDRESS
    assert notes == [f"Other users can read the wallet file {path}. Make it private with chmod 600."]


MALFORMED: list[tuple[str | bytes, str]] = [
    ("", "{Origin} is empty."),
    (" \n", "{Origin} is empty."),
    (array(KEYPAIR[:63]), "{Origin} contains 63 numbers; a keypair has 64."),
    (array([*KEYPAIR, 0]), "{Origin} contains 65 numbers; a keypair has 64."),
    ("[]", "{Origin} contains 0 numbers; a keypair has 64."),
    (array(SEED), "{Origin} contains 32 bytes, a seed or a public key only; a keypair has 64."),
    (array([*KEYPAIR[:20], 256, *KEYPAIR[21:]]), "In {origin}, number 21 of the array is not between 0 and 255."),
    (array([-1, *KEYPAIR[1:]]), "In {origin}, number 1 of the array is not between 0 and 255."),
    (array([*KEYPAIR[:63], "7"]), "In {origin}, element 64 of the array is not a whole number."),
    (array([*KEYPAIR[:63], 7.0]), "In {origin}, element 64 of the array is not a whole number."),
    (array([*KEYPAIR[:63], True]), "In {origin}, element 64 of the array is not a whole number."),
    (array([list(KEYPAIR)]), "In {origin}, element 1 of the array is not a whole number."),
    ("[1, 2,\n 3", "{Origin} begins as a JSON array but is not valid JSON (line 2 column 3)."),
    ("[1] x", "{Origin} begins as a JSON array but is not valid JSON (line 1 column 5)."),
    (
        "[" * 20000,
        "{Origin} begins as a JSON array but is not valid JSON (numbers too long or lists nested too deeply).",
    ),
    (
        f"[{'1' * 5000}]",
        "{Origin} begins as a JSON array but is not valid JSON (numbers too long or lists nested too deeply).",
    ),
    (
        array(SEED + bytes(32)),
        "The public key in {origin} does not belong to its secret key.",
    ),
    (
        "0" + str(Keypair.from_bytes(KEYPAIR))[1:],
        "{Origin} is neither a JSON array nor base58 text: character 1 is not in the base58 alphabet.",
    ),
    (
        str(Keypair.from_bytes(KEYPAIR))[:40] + "l" + str(Keypair.from_bytes(KEYPAIR))[41:],
        "{Origin} is neither a JSON array nor base58 text: character 41 is not in the base58 alphabet.",
    ),
    ('{"a": 1}', "{Origin} is neither a JSON array nor base58 text: character 1 is not in the base58 alphabet."),
    (ADDRESS, "{Origin} contains 32 bytes, a seed or a public key only; a keypair has 64."),
    ("1111", "{Origin} contains 4 bytes; a keypair has 64."),
    ("a" * 129, "{Origin} is neither a JSON array nor base58 text of 64 bytes: 129 characters."),
]


@pytest.mark.parametrize(("content", "message"), MALFORMED)
def test_malformed_files_are_reported_exactly(tmp_path: Path, content: str, message: str) -> None:
    path = write(tmp_path / "key.json", content)
    with pytest.raises(WalletMalformed) as caught:
        load(tmp_path, path)
    origin = f"the wallet file {path}"
    assert caught.value.message == message.format(origin=origin, Origin="T" + origin[1:])
    assert "64 numbers" in caught.value.hint


@pytest.mark.parametrize(("content", "message"), [row for row in MALFORMED if str(row[0]).strip()])
def test_malformed_variables_are_reported_exactly(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(WalletMalformed) as caught:
        load(tmp_path, RAW_WALLET_PRIVATE_KEY=content)
    origin = "the environment variable RAW_WALLET_PRIVATE_KEY"
    assert caught.value.message == message.format(origin=origin, Origin="T" + origin[1:])


def test_binary_or_too_large_files_are_reported(tmp_path: Path) -> None:
    with pytest.raises(WalletMalformed, match="is not a text file"):
        load(tmp_path, write(tmp_path / "a", KEYPAIR + b"\xff"))
    with pytest.raises(WalletMalformed, match="is larger than 65536 bytes"):
        load(tmp_path, write(tmp_path / "b", b" " * 65537))


def secrets_of(keypair: bytes) -> list[str]:
    """Texts that would reveal the secret key."""
    return [str(Keypair.from_bytes(keypair)), keypair[:32].hex(), array(keypair[:32])[1:-1], str(keypair[:8])[2:-1]]


def all_texts_of(error: BaseException) -> str:
    texts = []
    chain: BaseException | None = error
    while chain is not None:
        texts += [str(chain), repr(chain), repr(chain.__dict__), repr(chain.args)]
        chain = chain.__cause__ or chain.__context__
    return "\n".join(texts)


@pytest.mark.parametrize("content", [row[0] for row in MALFORMED])
def test_no_error_shows_any_of_the_content(tmp_path: Path, content: str) -> None:
    with pytest.raises(PsycheError) as caught:
        load(tmp_path, write(tmp_path / "key.json", content))
    shown = all_texts_of(caught.value)
    for secret in [*secrets_of(KEYPAIR), *([content] if len(content) > 8 else [])]:
        assert secret not in shown
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_wallet_shows_its_address_and_nothing_else() -> None:
    wallet = Wallet(Keypair.from_bytes(KEYPAIR), "a test")
    assert repr(wallet) == str(wallet) == f"Wallet({ADDRESS})"
    attributes = [getattr(wallet, name) for name in Wallet.__slots__]
    shown = repr(attributes) + f"{wallet}{wallet!r}" + str(dir(wallet))
    assert not any(secret in shown for secret in secrets_of(KEYPAIR))


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_wallet_cannot_be_copied_or_pickled(duplicate: Any) -> None:
    with pytest.raises(TypeError, match="cannot be copied or pickled"):
        duplicate(Wallet.generate())


def test_wallets_are_equal_by_address() -> None:
    wallet = Wallet(Keypair.from_bytes(KEYPAIR), "one place")
    same = Wallet(Keypair.from_bytes(KEYPAIR), "another")
    assert wallet == same
    assert hash(wallet) == hash(same)
    assert wallet != Wallet.generate()
    assert wallet != ADDRESS


def test_a_generated_wallet_is_written_for_its_owner_alone_and_read_again(tmp_path: Path) -> None:
    wallet = Wallet.generate("a test")
    path = tmp_path / "new.json"
    previous = os.umask(0)
    try:
        wallet.write_keypair_file(path)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(json.loads(path.read_text())) == 64
    again, notes = load(tmp_path, path)
    assert again == wallet
    assert notes == []
    assert wallet.origin == "a test"


def test_a_keypair_file_is_never_overwritten(tmp_path: Path) -> None:
    path = write(tmp_path / "there.json", "precious")
    with pytest.raises(WalletError, match="already exists and will not be overwritten"):
        Wallet.generate().write_keypair_file(path)
    assert path.read_text() == "precious"


def test_a_keypair_file_that_does_not_fit_on_the_disk_is_removed(tmp_path: Path) -> None:
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, usual[1]))
    try:
        with pytest.raises(WalletError, match=r"Cannot write .*owner.json: File too large"):
            Wallet.generate().write_keypair_file(tmp_path / "owner.json")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert list(tmp_path.iterdir()) == []


def test_a_keypair_file_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WalletError, match=r"Cannot write .*: Not a directory\."):
        Wallet.generate().write_keypair_file(tmp_path / "file" / "below" / "new.json")
    with pytest.raises(WalletError, match="is not a directory"):
        Wallet.generate().write_keypair_file(tmp_path / "file" / "new.json")


def test_missing_folders_of_a_keypair_file_are_made(tmp_path: Path) -> None:
    wallet = Wallet.generate()
    wallet.write_keypair_file(tmp_path / "a" / "b" / "new.json")
    assert keypair_file_address(tmp_path / "a" / "b" / "new.json", Redactor()) == wallet.address


@given(st.binary(min_size=32, max_size=32))
def test_every_keypair_is_read_in_both_forms(seed: bytes) -> None:
    keypair = Keypair.from_seed(seed)
    for text in (array(bytes(keypair)), str(keypair)):
        wallet, _ = load(Path("/nowhere"), RAW_WALLET_PRIVATE_KEY=text)
        assert wallet.address == keypair.pubkey()


@given(st.text(min_size=1, max_size=100))
def test_any_text_is_a_clear_error(text: str) -> None:
    with pytest.raises((WalletMalformed, WalletNotFound)) as caught:
        load(Path("/nowhere"), RAW_WALLET_PRIVATE_KEY=text)
    assert isinstance(caught.value, WalletNotFound) is not bool(text.strip())


@given(st.lists(st.integers(-5, 300), max_size=70))
def test_any_array_is_a_clear_error(values: list[int]) -> None:
    with pytest.raises(WalletMalformed):
        load(Path("/nowhere"), RAW_WALLET_PRIVATE_KEY=array(values))
