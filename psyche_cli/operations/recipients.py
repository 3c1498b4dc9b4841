"""Parsing of an address that may be given as a public key or as a keypair file."""

from __future__ import annotations

from pathlib import Path

from solders.pubkey import Pubkey

from psyche_cli.errors import InvalidPublicKey, WalletNotFound
from psyche_cli.protocol.addresses import parse_pubkey
from psyche_cli.redaction import Redactor
from psyche_cli.solana.wallet import keypair_file_address


def read_recipient(text: str, what: str, redactor: Redactor) -> Pubkey:
    """Parse ``text`` as a public key, or as the path of a keypair file whose public key is returned.

    ``what`` names the value in messages. The private key in the file is registered with ``redactor``. Raises
    InvalidPublicKey, WalletError.
    """
    try:
        path = Path(text).expanduser()
        is_file = path.is_file()
    except (OSError, RuntimeError, ValueError):  # path too long, ~ with an unknown user, or a NUL character
        is_file = False
    if is_file:
        return keypair_file_address(path, redactor)
    if text.endswith(".json") or "/" in text:
        raise WalletNotFound(f"{what} is a keypair file that does not exist: {text}.", path=text)
    try:
        return parse_pubkey(text, what)
    except InvalidPublicKey as error:
        error.hint += " The path of an existing keypair file is also accepted."
        raise
