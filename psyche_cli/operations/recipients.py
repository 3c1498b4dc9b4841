"""An address that may be given as a keypair file."""

from __future__ import annotations

from pathlib import Path

from solders.pubkey import Pubkey

from psyche_cli.errors import InvalidPublicKey, WalletNotFound
from psyche_cli.protocol.addresses import parse_pubkey
from psyche_cli.redaction import Redactor
from psyche_cli.solana.wallet import keypair_file_address


def read_recipient(text: str, what: str, redactor: Redactor) -> Pubkey:
    """The public key that ``text`` is, or that of the keypair file at the path ``text``.

    ``what`` names the text in messages; ``redactor`` learns the key in the file. Raises InvalidPublicKey, WalletError.
    """
    try:
        path = Path(text).expanduser()
        is_file = path.is_file()
    except (OSError, RuntimeError, ValueError):  # too long for a path, ~ with a user that does not exist, a NUL
        is_file = False
    if is_file:
        return keypair_file_address(path, redactor)
    if text.endswith(".json") or "/" in text:
        raise WalletNotFound(f"{what} is a keypair file that does not exist: {text}.", path=text)
    try:
        return parse_pubkey(text, what)
    except InvalidPublicKey as error:
        error.hint += " Or use the path of an existing keypair file."
        raise
