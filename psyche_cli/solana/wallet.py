"""The signing keypair: its sources, and protection of its secret.

A wallet's secret key never appears in a message, a repr, a pickle or a traceback with local variables.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli import base58
from psyche_cli.environment import RAW_KEY_VARIABLE
from psyche_cli.errors import UsageError, WalletError, WalletMalformed, WalletNotFound
from psyche_cli.private_keys import holds_key, is_seed
from psyche_cli.redaction import Redactor
from psyche_cli.solana.cli_config import read_solana_cli_config
from psyche_cli.texts import BYTE_ORDER_MARK, decoded

if TYPE_CHECKING:
    from psyche_cli.environment import Environment

_SEED_BYTES = 32
_KEYPAIR_BYTES = 64
LARGEST_KEYPAIR_FILE = 64 * 1024
_LONGEST_BASE58 = 128
_ARRAY_AS_PATH = re.compile(r"\[[\d,\s]*\]?")
OTHER_SOURCES = ("-", "ASK", "stdin:", "prompt:", "usb:", "file:")
"""Keypair sources of the Solana CLI other than a path: two words, and four prefixes."""
_FORMAT_HINT = "A keypair is a JSON array of 64 numbers, as written by solana-keygen, or the same 64 bytes in base58."


class Wallet:
    """An ed25519 keypair and its ``origin``, for messages. Wallets are equal if their addresses are.

    Also used for keypairs that sign only one transaction, such as that of a new coordinator account.
    """

    __slots__ = ("_secret_bytes", "_sign", "address", "origin")

    address: Pubkey
    origin: str

    def __init__(self, keypair: Keypair, origin: str) -> None:
        # The repr of a solders Keypair is its secret key, but that of a bound method is not. Only methods are kept.
        self._sign: Callable[[bytes], Signature] = keypair.sign_message
        self._secret_bytes: Callable[[], bytes] = keypair.__bytes__
        self.address = keypair.pubkey()
        self.origin = origin

    @classmethod
    def generate(cls, origin: str = "a new keypair") -> Wallet:
        """A new keypair from the operating system's random number generator."""
        return cls(Keypair(), origin)

    def sign_message(self, message: bytes) -> Signature:
        """The 64-byte ed25519 signature of ``message``."""
        return self._sign(message)

    def hide_in(self, redactor: Redactor) -> None:
        """Register every text form of the key with ``redactor``, which stores hashes of parts, not the key itself."""
        redactor.learn_key(self._secret_bytes())

    def write_keypair_file(self, path: Path) -> None:
        """Write the 64 bytes as a JSON array to a new file that only its owner may read (mode 0600).

        Missing parent folders are created, as by ``solana-keygen``. A partially written file is removed. Raises
        WalletError if the file already exists or cannot be written.
        """
        if path.parent.exists() and not path.parent.is_dir():
            raise WalletError(f"Cannot write {path}: {path.parent} is not a directory.", path=str(path))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise WalletError(
                f"The file {path} already exists and will not be overwritten.",
                hint="Choose another path.",
                path=str(path),
            ) from error
        except OSError as error:
            raise WalletError(f"Cannot write {path}: {error.strerror}.", path=str(path)) from error
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(json.dumps(list(self._secret_bytes())) + "\n")
        except OSError as error:
            path.unlink(missing_ok=True)
            raise WalletError(f"Cannot write {path}: {error.strerror}.", path=str(path)) from error

    def __eq__(self, other: object) -> bool:
        return self.address == other.address if isinstance(other, Wallet) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.address)

    def __repr__(self) -> str:
        return f"Wallet({self.address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Wallet cannot be copied or pickled")


def load_wallet(environment: Environment, path: Path | None, notify: Callable[[str], None]) -> Wallet:
    """The signing wallet, from the first available source.

    The sources are the environment variable RAW_WALLET_PRIVATE_KEY (JSON array or base58), the keypair file or other
    source named by ``path`` (from the flag or WALLET_PRIVATE_KEY_PATH, resolved by the caller), the one named by
    ``keypair_path`` in the configuration of the Solana CLI, and the default keypair file of the Solana tools.
    ``notify`` receives a sentence if the choice or the file may be unexpected.

    Raises WalletNotFound, WalletMalformed with the exact reason, which contains no part of a key, and UsageError for a
    configuration that cannot be read, or if the flag was given and names another key than RAW_WALLET_PRIVATE_KEY.
    """
    redactor = environment.redactor
    if path is not None:
        _refuse_key_as_path(path)
    raw = environment.variables.get(RAW_KEY_VARIABLE, "").lstrip(BYTE_ORDER_MARK).strip()
    if raw:
        wallet = parse_keypair(raw, f"the environment variable {RAW_KEY_VARIABLE}", redactor)
        if path is not None and "wallet" in environment.typed:
            _require_same(wallet, load_keypair(environment, path, notify))
        elif path is not None:
            notify(f"Ignoring {path}, because {RAW_KEY_VARIABLE} is set.")
        return wallet
    if path is not None:
        return load_keypair(environment, path, notify)
    config = read_solana_cli_config(environment.solana_cli_config_path)
    if config.keypair_path is not None:
        named = Path(config.keypair_path)
        _refuse_key_as_path(named)
        notify(f"Using the wallet {named}, from {config.path}.")
        return load_keypair(environment, named, notify)
    default = environment.default_wallet_path
    if not _exists(default):
        raise WalletNotFound(
            f"No wallet was specified, and the default wallet {default} does not exist.",
            hint=f"Use -w FILE, or set WALLET_PRIVATE_KEY_PATH or {RAW_KEY_VARIABLE}. To create the default wallet: "
            "psyche-cli keygen new",
            path=str(default),
        )
    notify(f"Using the default wallet {default}.")
    return _load_file(default, notify, redactor)


def _require_same(wallet: Wallet, typed: Wallet) -> None:
    """Raise UsageError if the keys of RAW_WALLET_PRIVATE_KEY and of the flag differ.

    The published client ignores the flag. That could sign with a wallet that the user did not choose.
    """
    if wallet != typed:
        raise UsageError(
            f"Two wallets were specified: {wallet.address} by the variable {RAW_KEY_VARIABLE}, and {typed.address} by "
            "--wallet-private-key-path.",
            hint=f"Unset {RAW_KEY_VARIABLE}, or omit the option.",
        )


def load_keypair(environment: Environment, path: Path, notify: Callable[[str], None]) -> Wallet:
    """The wallet in a keypair file, or from another source such as ``stdin:`` or ``prompt:``. Raises WalletError."""
    _refuse_key_as_path(path)
    text = str(path)
    if text in OTHER_SOURCES or text.startswith(OTHER_SOURCES[2:]):
        from psyche_cli.solana.wallet_sources import load_from_source

        return load_from_source(environment, text, notify)
    if path.parts[:1] == ("~",):
        path = environment.home.joinpath(*path.parts[1:])
    return _load_file(path, notify, environment.redactor)


def _exists(path: Path) -> bool:
    """Whether the file exists; also True if access is denied, which opening the file then reports."""
    try:
        return path.exists()
    except OSError:
        return True


def _refuse_key_as_path(path: Path) -> None:
    """Raise an error for a key given as a path, since messages about a file contain its path."""
    text = str(path)
    if _ARRAY_AS_PATH.fullmatch(text) or holds_key(text) or (is_seed(text) and not _exists(path)):
        raise WalletMalformed(
            "The value of the wallet option is a private key, not a file path.",
            hint=f"Put the key into a file that only you can read, or into the variable {RAW_KEY_VARIABLE}. Command "
            "lines are visible to other users and are kept in the shell history.",
        )


def load_keypair_file(path: Path, notify: Callable[[str], None], redactor: Redactor) -> Wallet:
    """The wallet in a keypair file, regardless of the environment; its key is registered with ``redactor``.

    ``notify`` receives a sentence if other users can read the file. Raises WalletNotFound, WalletMalformed, or
    WalletError for a file that cannot be read.
    """
    _refuse_key_as_path(path)
    return _load_file(path, notify, redactor)


def keypair_file_address(path: Path, redactor: Redactor) -> Pubkey:
    """The public key of a keypair file; the secret key is registered with ``redactor``.

    Raises WalletNotFound, WalletMalformed.
    """
    return _load_file(path, lambda _: None, redactor).address


def _load_file(path: Path, notify: Callable[[str], None], redactor: Redactor) -> Wallet:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(LARGEST_KEYPAIR_FILE + 1)
    except FileNotFoundError as error:
        raise WalletNotFound(f"The wallet file {path} does not exist.", path=str(path)) from error
    except IsADirectoryError as error:
        raise WalletMalformed(
            f"The wallet {path} is a directory, not a file.",
            hint="Use the path of the keypair file itself.",
            path=str(path),
        ) from error
    except OSError as error:
        raise WalletError(f"Cannot read the wallet file {path}: {error.strerror}.", path=str(path)) from error
    origin = f"the wallet file {path}"
    if len(content) > LARGEST_KEYPAIR_FILE:
        raise malformed(f"{origin} is larger than {LARGEST_KEYPAIR_FILE} bytes")
    try:
        text = decoded(content).strip()
    except UnicodeDecodeError:
        # Without a cause, since that exception contains the file's content.
        text = None
    if text is None:
        raise malformed(f"{origin} is not a text file")
    wallet = parse_keypair(text, origin, redactor)
    if stat.S_IMODE(mode) & 0o077:
        notify(f"Other users can read {origin}. Make it private with chmod 600.")
    return wallet


def parse_keypair(text: str, origin: str, redactor: Redactor) -> Wallet:
    """A keypair from the text of a file or variable. Errors are raised without a cause, which would contain the
    text."""
    if not text:
        raise malformed(f"{origin} is empty")
    secret = _bytes_from_json(text, origin) if text.startswith("[") else _bytes_from_base58(text, origin)
    if len(secret) == _SEED_BYTES:
        raise malformed(f"{origin} contains 32 bytes, a seed or a public key only; a keypair has 64")
    if len(secret) != _KEYPAIR_BYTES:
        unit = "numbers" if text.startswith("[") else "bytes"
        raise malformed(f"{origin} contains {len(secret)} {unit}; a keypair has 64")
    keypair = Keypair.from_seed(secret[:_SEED_BYTES])
    if bytes(keypair.pubkey()) != secret[_SEED_BYTES:]:
        raise malformed(f"the public key in {origin} does not belong to its secret key")
    wallet = Wallet(keypair, origin)
    wallet.hide_in(redactor)
    return wallet


def _bytes_from_json(text: str, origin: str) -> bytes:
    problem = ""
    values: object = None
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        problem = f"line {error.lineno} column {error.colno}"
    except (ValueError, RecursionError):
        problem = "numbers too long or lists nested too deeply"
    if problem:
        raise malformed(f"{origin} begins as a JSON array but is not valid JSON ({problem})")
    assert isinstance(values, list)  # valid JSON that begins with "["
    for position, value in enumerate(values, start=1):
        if type(value) is not int:
            raise malformed(f"in {origin}, element {position} of the array is not a whole number")
        if not 0 <= value <= 255:
            raise malformed(f"in {origin}, number {position} of the array is not between 0 and 255")
    return bytes(values)


def _bytes_from_base58(text: str, origin: str) -> bytes:
    if len(text) > _LONGEST_BASE58:
        raise malformed(f"{origin} is neither a JSON array nor base58 text of 64 bytes: {len(text)} characters")
    position = base58.first_invalid_position(text)
    if position is not None:
        raise malformed(
            f"{origin} is neither a JSON array nor base58 text: character {position + 1} is not in the base58 alphabet"
        )
    return base58.decode(text)


def malformed(message: str) -> WalletMalformed:
    """The error for a keypair with a wrong format; ``message`` is a clause without a period."""
    return WalletMalformed(f"{message[0].upper()}{message[1:]}.", hint=_FORMAT_HINT)
