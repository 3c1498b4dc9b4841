"""Sources of a wallet that the Solana CLI accepts in place of a file: stdin and a seed phrase typed at the terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from psyche_cli.errors import WalletError
from psyche_cli.hidden_input import ask_hidden
from psyche_cli.solana.seed_phrases import derivation_path, keypair_from_seed_phrase
from psyche_cli.solana.wallet import LARGEST_KEYPAIR_FILE, Wallet, load_keypair_file, malformed, parse_keypair
from psyche_cli.texts import BYTE_ORDER_MARK

if TYPE_CHECKING:
    from psyche_cli.environment import Environment


def load_from_source(environment: Environment, source: str, notify: Callable[[str], None]) -> Wallet:
    """The wallet from a source other than a path.

    ``-`` and ``stdin:`` read a keypair from stdin. ``prompt:`` and ``ASK`` ask for a seed phrase at the terminal;
    ``prompt:`` derives the key, by default at m/44'/501', and ``ASK`` uses the seed itself, as ``solana-keygen new``
    does. ``file:PATH`` is a keypair file. Raises WalletError; also for ``usb:``, which is not supported.
    """
    kind, _, rest = source.partition(":")
    if kind == "file":
        return load_keypair_file(Path(rest), notify, environment.redactor)
    if kind == "usb":
        raise WalletError(
            "Hardware wallets (usb:) are not supported.",
            hint="Use --authority PUBKEY --unsigned instead, sign the printed message with the hardware wallet's own "
            "software, and send it: psyche-cli tx send FILE --signer PUBKEY=SIGNATURE",
        )
    if kind in ("-", "stdin"):
        return _from_stdin(environment)
    path = derivation_path(rest.lstrip("/").removeprefix("?")) if kind == "prompt" else None
    return _from_seed_phrase(environment, path, notify)


def _from_stdin(environment: Environment) -> Wallet:
    origin = "the keypair from stdin"
    text: str | None = None
    if environment.stdin.isatty():
        text = ask_hidden(environment, "Keypair (JSON array or base58): ")
    else:
        try:
            text = environment.stdin.read(LARGEST_KEYPAIR_FILE + 1)
        except UnicodeDecodeError:
            pass  # no cause, since that exception contains the key
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            raise WalletError("Cannot read the keypair from stdin.") from error
    if text is None:
        raise malformed(f"{origin} is not text")
    if len(text) > LARGEST_KEYPAIR_FILE:
        raise malformed(f"{origin} is longer than {LARGEST_KEYPAIR_FILE} characters")
    return parse_keypair(text.lstrip(BYTE_ORDER_MARK).strip(), origin, environment.redactor)


def _from_seed_phrase(environment: Environment, path: str | None, notify: Callable[[str], None]) -> Wallet:
    phrase = ask_hidden(environment, "Seed phrase: ")
    environment.redactor.learn_secret(phrase)
    passphrase = ask_hidden(environment, "Passphrase (press Enter if there is none): ")
    environment.redactor.learn_secret(passphrase)
    if passphrase and ask_hidden(environment, "Passphrase again: ") != passphrase:
        raise WalletError("The passphrases differ.", hint="Try again.")
    wallet = Wallet(keypair_from_seed_phrase(phrase, passphrase, path), "the seed phrase")
    wallet.hide_in(environment.redactor)
    notify(f"Using the wallet {wallet.address}, from the seed phrase.")
    return wallet
