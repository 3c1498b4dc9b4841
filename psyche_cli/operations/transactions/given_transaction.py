"""The transaction that a command line names: by its signature, as text, or in a file."""

from __future__ import annotations

import base64
import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli import base58
from psyche_cli.errors import InvalidTransaction, UsageError
from psyche_cli.input_files import LARGEST_TRANSACTION_FILE, STDIN, input_bytes
from psyche_cli.json_values import Json, refuse_constant
from psyche_cli.limits import MAX_TRANSACTION_BYTES, SIGNATURE_BYTES
from psyche_cli.operations.signatures import parse_signature
from psyche_cli.private_keys import KEYPAIR_BYTES, holds_keypair
from psyche_cli.secret_files import kind_of_secret_file
from psyche_cli.solana.messages import DecodedMessage, decode_message
from psyche_cli.texts import decoded

if TYPE_CHECKING:
    from psyche_cli.environment import Environment

_LONGEST_BASE58: Final = MAX_TRANSACTION_BYTES * 14 // 10
_LONGEST_KEY_TEXT: Final = 2 * KEYPAIR_BYTES + 2
"""Length of the longest encoding of a keypair in one word: hexadecimal, with a prefix."""
_SIGNATURE_LENGTHS: Final = range(SIGNATURE_BYTES, 89)
_HINT: Final = (
    "Give a signature, a transaction or message in base64 or base58, or a file that contains one (- is standard input)."
)
_FIELDS: Final = ("transaction_base64", "transaction", "message_base64", "message")
"""Keys of JSON documents of psyche-cli and of other tools."""
_HOLDERS: Final = ("data", "result")
"""Keys of a JSON document under which the object with the transaction may be."""


class GivenTransaction(NamedTuple):
    """What was given: a ``signature``, or a ``message``, which may be signed; then ``signature`` is its first one."""

    signature: Signature | None
    message: DecodedMessage | None


def read_given(environment: Environment, text: str) -> GivenTransaction:
    """The transaction that an argument names. Its content is never repeated in an error, since it may be a key.

    Raises InvalidTransaction, and UsageError for a private key and for a file that cannot be read.
    """
    if text == str(STDIN):
        return _of_content(environment, STDIN, "standard input")
    if _is_signature(text.strip()):
        return GivenTransaction(parse_signature(text, environment.redactor), None)
    if _exists(text):
        return _of_content(environment, Path(text), "the file")
    return _of_text(environment, text, "the argument")


def _is_signature(text: str) -> bool:
    """Whether a text is 64 bytes in base58."""
    if len(text) not in _SIGNATURE_LENGTHS or base58.first_invalid_position(text) is not None:
        return False
    return len(base58.decode(text)) == SIGNATURE_BYTES


def _exists(text: str) -> bool:
    try:
        return os.path.lexists(text)
    except ValueError:  # a NUL character
        return False


def _of_content(environment: Environment, path: Path, what: str) -> GivenTransaction:
    content = input_bytes(environment, path, LARGEST_TRANSACTION_FILE + 1)
    if len(content) > LARGEST_TRANSACTION_FILE:
        raise _refusal(what, f"it is larger than {LARGEST_TRANSACTION_FILE} bytes")
    try:
        return _of_message(decode_message(content))
    except InvalidTransaction as error:
        reason = error.message
    try:
        text = decoded(content)
    except UnicodeDecodeError:
        raise _refusal(what, f"it is not text, and as bytes: {reason}") from None
    return _of_text(environment, text, what)


def _of_text(environment: Environment, text: str, what: str) -> GivenTransaction:
    compact = "".join(text.split())
    if not compact:
        raise _refusal(what, "it is empty")
    if _is_signature(compact):
        return GivenTransaction(parse_signature(compact, environment.redactor), None)
    try:
        return _of_message(_message_in_json(text) if compact.startswith("{") else _message_in(compact))
    except InvalidTransaction as error:
        kind = _kind_of_secret(text)
        if kind:
            raise UsageError(
                f"{what[0].upper()}{what[1:]} is {kind}, not a transaction.",
                hint="Keep keys in files that only you can read, and out of command lines.",
            ) from None
        raise _refusal(what, error.message) from None


def _kind_of_secret(text: str) -> str:
    """The kind of secret that a text looks like; empty if it does not.

    Long base64 looks like a key here and there by chance, so in such a text only a valid keypair counts.
    """
    lines = text.split()
    if lines[0].startswith("{") or min(map(len, lines[:-1] or lines)) > _LONGEST_KEY_TEXT:
        return "a private key" if holds_keypair(text) else ""
    return kind_of_secret_file(text)


def _message_in(text: str) -> DecodedMessage:
    """The message in base64 or base58. Raises InvalidTransaction."""
    refused: InvalidTransaction | None = None
    for data in _readings(text):
        try:
            return decode_message(data)
        except InvalidTransaction as error:
            refused = refused or error
    raise refused or InvalidTransaction("it is neither base64 nor base58.")


def _readings(text: str) -> Iterator[bytes]:
    """The bytes that a text may encode."""
    standard = text.replace("-", "+").replace("_", "/").rstrip("=")
    with contextlib.suppress(ValueError):
        yield base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    if 0 < len(text) <= _LONGEST_BASE58 and base58.first_invalid_position(text) is None:
        yield base58.decode(text)


def _message_in_json(text: str) -> DecodedMessage:
    """The message in a JSON object with a field ``transaction`` or ``message``. Raises InvalidTransaction."""
    try:
        document = json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidTransaction("it begins like a JSON object, but it is not valid JSON.") from error
    for holder in (document, *(document.get(key) for key in _HOLDERS)):
        if not isinstance(holder, dict):
            continue
        for field in _FIELDS:
            value = holder.get(field)
            found = value[0] if isinstance(value, list) and value else value
            if isinstance(found, str):
                return _with_signatures(_message_in("".join(found.split())), holder.get("signers"))
    raise InvalidTransaction("it is a JSON object without a transaction or a message in base64.")


def _with_signatures(message: DecodedMessage, signers: Json) -> DecodedMessage:
    """A bare message with the signatures in ``signers``, a list of PUBKEY=SIGNATURE. Raises InvalidTransaction."""
    if message.signatures or not isinstance(signers, list):
        return message
    given: dict[Pubkey, Signature] = {}
    for entry in signers:
        address, equals, signature = entry.partition("=") if isinstance(entry, str) else ("", "", "")
        if not equals:
            continue
        try:
            given[Pubkey.from_string(address)] = Signature.from_string(signature)
        except ValueError as error:
            raise InvalidTransaction("its list of signers has an entry that is not PUBKEY=SIGNATURE.") from error
    required = [signer.address for signer in message.signers]
    if not given.keys() & set(required):
        return message
    return message._replace(signatures=tuple(given.get(key, Signature.default()) for key in required))


def _of_message(message: DecodedMessage) -> GivenTransaction:
    return GivenTransaction(message.signature, message)


def _refusal(what: str, reason: str) -> InvalidTransaction:
    sentence = reason.rstrip(".")
    return InvalidTransaction(
        f"{what[0].upper()}{what[1:]} is not a transaction: {sentence[0].lower()}{sentence[1:]}.", hint=_HINT
    )
