"""Signatures that the user gives."""

from __future__ import annotations

from solders.signature import Signature

from psyche_cli.errors import UsageError
from psyche_cli.private_keys import holds_keypair
from psyche_cli.redaction import Redactor


def parse_signature(text: str, redactor: Redactor) -> Signature:
    """A base58 signature given by the user, which may be shown from now on.

    In base58 it looks like a keypair, so everything that does is hidden at first. Raises UsageError, for a
    keypair as well.
    """
    try:
        signature = Signature.from_string(text.strip())
    except ValueError as error:
        raise UsageError("The signature is not valid: expected 64 bytes in base58.") from error
    if holds_keypair(text):
        raise UsageError(
            "A private key was given instead of a signature.",
            hint="Command lines are visible to other users and are saved in the shell history.",
        )
    redactor.unlearn(text)
    return signature
