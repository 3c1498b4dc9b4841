"""Exported transactions: the files that carry them between machines, written and read."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli import base58
from psyche_cli.errors import InvalidTransaction, UsageError
from psyche_cli.input_files import LARGEST_TRANSACTION_FILE, STDIN, input_bytes
from psyche_cli.limits import LAMPORTS_PER_SIGNATURE
from psyche_cli.new_files import write_new_file
from psyche_cli.operations.transactions.payloads import ExportedTransaction, MadeSignature, NewAccount
from psyche_cli.private_keys import refuse_key_as_path
from psyche_cli.results import OperationResult
from psyche_cli.secret_files import kind_of_secret_file
from psyche_cli.solana.nonces import nonce_used_by
from psyche_cli.solana.sending.partly_signed import PartlySigned, SignedElsewhere, read_partly_signed
from psyche_cli.texts import decoded, flaw_of_prose

if TYPE_CHECKING:
    from psyche_cli.environment import Environment

_FORMAT: Final = "psyche-cli transaction"
_VERSION: Final = 1
_LONGEST_TEXT: Final = 4096


class TransactionDocument(NamedTuple):
    """A transaction, and what the command that made it said about it.

    Only the transaction itself is what is signed. The rest is for the journal and for messages: ``authority`` is None
    and ``intent`` empty if they are unknown. ``last_valid_block_height`` is None for a durable nonce or if unknown.
    """

    transaction: PartlySigned
    label: str = "transaction"
    command: str = ""
    run_id: str | None = None
    intent: str = ""
    authority: str | None = None
    genesis_hash: str | None = None
    last_valid_block_height: int | None = None
    created_accounts: Mapping[str, str] = {}
    pays_again: bool = False

    def exported(self) -> ExportedTransaction:
        """The payload of the document, which is also the content of a file."""
        transaction = self.transaction
        content, raw = bytes(transaction.message), transaction.raw
        nonce = nonce_used_by(transaction.message) if self.last_valid_block_height is None else None
        signers = transaction.signers
        return ExportedTransaction(
            format="psyche-cli transaction",
            version=1,
            label=self.label,
            command=self.command,
            run_id=self.run_id,
            intent=self.intent,
            authority=self.authority or str(signers[0]),
            fee_payer=str(signers[0]),
            signers=[str(key) for key in signers],
            signatures=[
                MadeSignature(str(key), str(transaction.signatures[key]))
                for key in signers
                if key in transaction.signatures
            ],
            missing=[str(key) for key in transaction.missing],
            blockhash=str(transaction.message.recent_blockhash),
            last_valid_block_height=self.last_valid_block_height,
            nonce_account=None if nonce is None else str(nonce.account),
            nonce_authority=None if nonce is None else str(nonce.authority),
            genesis_hash=self.genesis_hash or "",
            fee_lamports=len(signers) * LAMPORTS_PER_SIGNATURE,
            message_base64=base64.b64encode(content).decode("ascii"),
            message_base58=base58.encode(content),
            transaction_base64=base64.b64encode(raw).decode("ascii"),
            transaction_base58=base58.encode(raw),
            created_accounts=[NewAccount(address, role) for address, role in self.created_accounts.items()],
            pays_again=self.pays_again,
        )

    def signed_with(self, signatures: Mapping[Pubkey, Signature]) -> TransactionDocument:
        """With signatures made elsewhere. Raises UsageError for a key that does not sign, and InvalidSignature."""
        for key in signatures:
            if key not in self.transaction.signers:
                raise UsageError(f"{key} is not a signer of this transaction.", hint=who_signs(self.transaction))
        made = (SignedElsewhere(key, signature) for key, signature in signatures.items())
        return self._replace(transaction=self.transaction.signed_by(*made))


def who_signs(transaction: PartlySigned) -> str:
    """The signers as a sentence, for a hint."""
    return f"Its signers are {', '.join(map(str, transaction.signers))}."


def export_result(
    document: TransactionDocument,
    output_file: Path | None,
    *,
    reveal: Callable[[str], None],
    verb: str = "Exported",
    warnings: Sequence[str] = (),
    steps: Sequence[str] = (),
) -> OperationResult[ExportedTransaction]:
    """The result of a command that prints a transaction, or writes it to a new file. Raises UsageError.

    ``reveal`` receives texts that contain the public keys of wallets, which look like parts of their keypairs.
    """
    data = document.exported()
    for text in (data.message_base64, data.transaction_base64):
        reveal(text)
    if output_file is not None:
        text = json.dumps(dataclasses.asdict(data), indent=2, ensure_ascii=False)
        write_new_file(output_file, text, what="--output-file")
    missing = f"; {len(data.missing)} of {len(data.signers)} signatures missing" if data.missing else "; fully signed"
    limit = (
        ("valid until block height", str(data.last_valid_block_height))
        if data.nonce_account is None
        else ("valid until the nonce is used", data.nonce_account)
    )
    where = "" if output_file is None else f" to {output_file}"
    lines = ("Signatures (PUBKEY=SIGNATURE):", *(f"  {one.signer}={one.signature}" for one in data.signatures))
    absent = ("Missing:", *(f"  {key}" for key in data.missing))
    message = ("Message (base64):", data.message_base64)
    body = (*(lines if data.signatures else ()), *(absent if data.missing else ()), *message)
    return OperationResult(
        summary=f"{verb} the transaction {data.label!r}{where}: nothing was sent{missing}.",
        data=data,
        details=(
            ("fee payer", data.fee_payer),
            ("blockhash" if data.nonce_account is None else "nonce", data.blockhash),
            limit,
        ),
        warnings=tuple(warnings),
        next_steps=tuple(steps),
        body=lambda _columns, _utf8: body,
    )


def read_documents(environment: Environment, paths: Sequence[Path]) -> TransactionDocument:
    """Read files that contain the same transaction, and collect their signatures; ``-`` is standard input.

    A file is an exported JSON document, or the transaction or its message in base64. Raises UsageError,
    InvalidTransaction, InvalidSignature.
    """
    documents = [_read(environment, path) for path in paths]
    first = documents[0]
    for path, other in zip(paths, documents, strict=True):
        if bytes(other.transaction.message) != bytes(first.transaction.message):
            raise InvalidTransaction(
                f"{paths[0]} and {path} contain different transactions.",
                hint="Several files must contain the same transaction. Send different transactions one at a time.",
                path=str(path),
            )
    described = next((one for one in documents if one.genesis_hash is not None), first)
    signatures = {key: made for one in documents for key, made in one.transaction.signatures.items()}
    return described._replace(transaction=PartlySigned(first.transaction.message, signatures))


def _read(environment: Environment, path: Path) -> TransactionDocument:
    refuse_key_as_path("a transaction file", path)
    name = "standard input" if path == STDIN else str(path)
    content = input_bytes(environment, path, LARGEST_TRANSACTION_FILE + 1)
    if len(content) > LARGEST_TRANSACTION_FILE:
        raise InvalidTransaction(f"{name} is larger than {LARGEST_TRANSACTION_FILE} bytes.", path=str(path))
    try:
        text = decoded(content).strip()
    except UnicodeDecodeError:
        text = ""
    try:
        return _parsed(environment, text)
    except (InvalidTransaction, UsageError) as error:
        error.message = f"{name}: {error.message[0].lower()}{error.message[1:]}"
        error.path = str(path)
        raise


def _parsed(environment: Environment, text: str) -> TransactionDocument:
    if not text.startswith("{"):
        try:
            return TransactionDocument(read_partly_signed(_from_base64(text)))
        except InvalidTransaction:
            # Only now, because long base64 looks like a key here and there by chance.
            kind = kind_of_secret_file(text)
            if not kind:
                raise
        environment.redactor.learn_secret(text)
        raise UsageError(f"This is {kind}, not a transaction.", hint="Keep it secret. Nothing was read from it.")
    value = _json(text)
    inner = value.get("data")
    fields: dict[str, Any] = inner if isinstance(inner, dict) else value
    if fields.get("format") != _FORMAT:
        raise InvalidTransaction("This JSON is not a transaction that psyche-cli exported.")
    if fields.get("version") != _VERSION:
        raise InvalidTransaction(
            "This transaction was exported by a newer psyche-cli.", hint="Update psyche-cli, or send its base64 text."
        )
    transaction = read_partly_signed(_from_base64(_text(fields, "transaction_base64")))
    if bytes(transaction.message) != _from_base64(_text(fields, "message_base64")):
        raise InvalidTransaction("Its transaction and its message differ.")
    height = fields.get("last_valid_block_height")
    created = fields.get("created_accounts")
    return TransactionDocument(
        transaction,
        label=_line(fields, "label") or "transaction",
        command=_line(fields, "command"),
        run_id=_line(fields, "run_id") or None,
        intent=environment.redactor.redacted(_text(fields, "intent", optional=True)),
        authority=_authority(transaction, fields.get("authority")),
        genesis_hash=_line(fields, "genesis_hash") or None,
        last_valid_block_height=height if type(height) is int and height >= 0 else None,
        created_accounts={
            str(one["address"]): str(one["role"])
            for one in (created if isinstance(created, list) else [])
            if isinstance(one, dict) and str(one.get("address")) in map(str, transaction.signers) and "role" in one
        },
        pays_again=fields.get("pays_again") is True,
    )


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidTransaction("It is not valid JSON.") from None  # the cause contains the text
    if not isinstance(value, dict):
        raise InvalidTransaction("It is not a JSON object.")
    return value


def _text(fields: Mapping[str, Any], name: str, *, optional: bool = False) -> str:
    value = fields.get(name)
    if optional and value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidTransaction(f"Its {name} is missing or not a string.")
    return value


def _line(fields: Mapping[str, Any], name: str) -> str:
    """A text that can be shown on one line; empty if it is missing."""
    text = _text(fields, name, optional=True)
    if len(text) > _LONGEST_TEXT or (text and flaw_of_prose(text) is not None):
        raise InvalidTransaction(f"Its {name} cannot be shown on one line.")
    return text


def _authority(transaction: PartlySigned, value: Any) -> str | None:
    return value if value in map(str, transaction.signers) else None


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        raise InvalidTransaction("It is neither an exported transaction nor base64.") from None
