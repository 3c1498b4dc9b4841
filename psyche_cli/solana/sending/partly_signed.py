"""Transactions whose signatures are made in different places, and collected before they are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from solders.message import Message
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.errors import InvalidSignature, InvalidTransaction, MissingSignatures
from psyche_cli.solana.messages import decode_message
from psyche_cli.solana.sending.transaction import Signer, serialized


class SignedElsewhere:
    """A signer whose private key is not available: the signature was made elsewhere."""

    def __init__(self, address: Pubkey, signature: Signature) -> None:
        self._address = address
        self._signature = signature

    @property
    def address(self) -> Pubkey:
        """The public key."""
        return self._address

    def sign_message(self, message: bytes) -> Signature:
        """The given signature. Raises InvalidSignature if it is not one of this message."""
        if not self._signature.verify(self._address, message):
            raise InvalidSignature(
                f"The signature of {self._address} does not belong to this transaction.",
                hint="It was made for another message. Use the same options, blockhash or nonce as when it was signed.",
                signer=str(self._address),
            )
        return self._signature


class AbsentSigner:
    """A signer whose private key is not available, and whose signature is not known."""

    def __init__(self, address: Pubkey) -> None:
        self._address = address

    @property
    def address(self) -> Pubkey:
        """The public key."""
        return self._address

    def sign_message(self, message: bytes) -> Signature:  # noqa: ARG002 -- it signs nothing
        """Raises MissingSignatures."""
        raise missing_signatures([self._address])


class PartlySigned(NamedTuple):
    """A message, and the signatures of some of its signers, all of which are valid."""

    message: Message
    signatures: Mapping[Pubkey, Signature]

    @property
    def signers(self) -> tuple[Pubkey, ...]:
        """The keys that must sign, the fee payer first."""
        return signers_of(self.message)

    @property
    def missing(self) -> tuple[Pubkey, ...]:
        """The keys that have not signed yet."""
        return tuple(key for key in self.signers if key not in self.signatures)

    @property
    def raw(self) -> bytes:
        """The serialized transaction; missing signatures are zeros."""
        return serialized(self.message, [self.signatures.get(key, Signature.default()) for key in self.signers])

    def signed_by(self, *signers: Signer) -> PartlySigned:
        """With the signatures of those ``signers`` that must sign. Raises InvalidSignature."""
        required, content = self.signers, bytes(self.message)
        new = {one.address: one.sign_message(content) for one in signers if one.address in required}
        return PartlySigned(self.message, {**self.signatures, **new})

    def require_complete(self) -> None:
        """Raise MissingSignatures unless all have signed."""
        if self.missing:
            raise missing_signatures(self.missing)


def signers_of(message: Message) -> tuple[Pubkey, ...]:
    """The keys that must sign a message, the fee payer first."""
    return tuple(message.account_keys[: message.header.num_required_signatures])


def missing_signatures(keys: Sequence[Pubkey]) -> MissingSignatures:
    """The error for a transaction that these keys have not signed."""
    names = ", ".join(map(str, keys))
    return MissingSignatures(
        f"The signature{'' if len(keys) == 1 else 's'} of {names} {'is' if len(keys) == 1 else 'are'} missing.",
        hint="Nothing was sent.",
        missing=tuple(map(str, keys)),
    )


def read_partly_signed(content: bytes) -> PartlySigned:
    """The serialized legacy transaction, in which missing signatures are zeros, or a message without signatures.

    Raises UsageError for anything else, and InvalidSignature.
    """
    decoded = decode_message(content)
    if decoded.version != "legacy":
        raise InvalidTransaction("Versioned transactions are not supported; psyche-cli creates legacy ones.")
    message = Message.from_bytes(decoded.content)
    given = zip(signers_of(message), decoded.signatures, strict=False)  # a bare message has no signatures
    made = [SignedElsewhere(key, signature) for key, signature in given if signature != Signature.default()]
    return PartlySigned(message, {}).signed_by(*made)
