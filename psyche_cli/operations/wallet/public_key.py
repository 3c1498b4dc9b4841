"""The public key of the wallet at hand, or of another keypair."""

from __future__ import annotations

from pathlib import Path

from solders.pubkey import Pubkey

from psyche_cli.environment import Environment
from psyche_cli.operations.recipients import read_recipient
from psyche_cli.operations.wallet.payloads import PublicKeyData
from psyche_cli.results import PlainText
from psyche_cli.solana.wallet import load_keypair, load_wallet


def public_key(environment: Environment, keypair: Path | None, wallet_path: Path | None) -> PlainText[PublicKeyData]:
    """The public key of ``keypair``, a file or another source, or if it is None, of the wallet. Raises WalletError."""
    notify = environment.diagnostics.line
    if keypair is None:
        address = load_wallet(environment, wallet_path, notify).address
    else:
        address = load_keypair(environment, keypair, notify).address
    return PlainText(str(address), PublicKeyData(str(address)))


def address_or_wallet(environment: Environment, recipient: str | None, wallet_path: Path | None) -> Pubkey:
    """The address given as a public key or a keypair file, or if it is None, that of the wallet.

    Raises InvalidPublicKey, WalletError.
    """
    if recipient is not None:
        return read_recipient(recipient, "The address", environment.redactor)
    return load_wallet(environment, wallet_path, environment.diagnostics.line).address
