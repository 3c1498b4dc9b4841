"""Accounts in a file: raw bytes, hexadecimal, base64, base58, or the JSON of an RPC response or of the Solana CLI."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli import base58
from psyche_cli.environment import Environment
from psyche_cli.errors import UsageError
from psyche_cli.input_files import STDIN, input_bytes
from psyche_cli.json_values import Json
from psyche_cli.limits import MAX_ACCOUNT_BYTES
from psyche_cli.private_keys import key_bytes, refuse_key_as_path
from psyche_cli.texts import decoded

_LARGEST: Final = 64 * 1024 * 1024
_LONGEST_BASE58: Final = 400_000
"""More than twice that of a coordinator account; decoding a longer text takes seconds."""

_FORMS: Final = (
    "Give the account's bytes, or their hexadecimal, base64 or base58 text, or the JSON of getAccountInfo, "
    "getProgramAccounts or `solana account --output json`."
)


class GivenAccount(NamedTuple):
    """An account as given. ``address``, ``owner`` and ``lamports`` are None if only the bytes were given."""

    data: bytes
    address: Pubkey | None = None
    owner: Pubkey | None = None
    lamports: int | None = None


class GivenAccounts(NamedTuple):
    """The accounts in a file. ``is_list`` is True if the file contains a list, even of one account."""

    accounts: list[GivenAccount]
    is_list: bool


def read_accounts(environment: Environment, path: Path, is_known: Callable[[bytes], bool]) -> GivenAccounts:
    """The accounts in a file, or in standard input for ``-``.

    ``is_known`` recognizes the beginning of an account, which decides between encodings of a text. Raises UsageError,
    which never repeats the content.
    """
    name = "Standard input" if path == STDIN else str(path)
    if path != STDIN:
        refuse_key_as_path("FILE", path)
    content = input_bytes(environment, path, _LARGEST + 1)
    if len(content) > _LARGEST:
        raise UsageError(f"{name} is larger than {_LARGEST // 1024 // 1024} MiB.")
    if not content.strip():
        raise UsageError(f"{name} is empty.", hint=_FORMS)
    if is_known(content):
        return GivenAccounts([GivenAccount(content)], is_list=False)
    try:
        text = decoded(content).strip()
    except UnicodeDecodeError:
        text = ""
    if not text or "\0" in text:
        return GivenAccounts([GivenAccount(content)], is_list=False)  # its decoder refuses it
    if (text.startswith(("{", "[")) or text == "null") and not key_bytes(text):
        return _from_json(text, name)
    return GivenAccounts([GivenAccount(_from_text(text, name, is_known))], is_list=False)


def _from_text(text: str, name: str, is_known: Callable[[bytes], bool]) -> bytes:
    joined = "".join(text.split())
    found = [data for decode in (bytes.fromhex, _base64, _base58) if (data := _attempt(decode, joined))]
    for data in found:
        if is_known(data):
            return data
    if key_bytes(text):
        raise UsageError(f"{name} contains a private key, not an account.", hint=_FORMS)
    if not found:
        raise UsageError(f"{name} contains neither an account nor the text of one.", hint=_FORMS)
    return found[0]


def _attempt(decode: Callable[[str], bytes], text: str) -> bytes:
    try:
        return decode(text)
    except ValueError:
        return b""


def _base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _base58(text: str) -> bytes:
    if len(text) > _LONGEST_BASE58 or base58.first_invalid_position(text) is not None:
        return b""
    return base58.decode(text)


def _from_json(text: str, name: str) -> GivenAccounts:
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name} is not valid JSON.", hint=_FORMS) from error
    while isinstance(value, dict) and "account" not in value:
        inner = next((value[key] for key in ("result", "value") if key in value), value)
        if inner is value:
            break
        value = inner
    if isinstance(value, dict) and isinstance(value.get("error"), dict):
        raise UsageError(f"{name} is the response to a request that failed: {value['error'].get('message')}.")
    if value is None:
        raise UsageError(
            f"{name} says that the account does not exist.",
            hint="It was never created, or it was closed. Check the address and the cluster.",
        )
    if isinstance(value, list):
        return GivenAccounts([_account(one, name) for one in value if one is not None], is_list=True)
    return GivenAccounts([_account(value, name)], is_list=False)


def _account(value: Json, name: str) -> GivenAccount:
    try:
        address = value.get("pubkey")
        fields = value.get("account", value)
        if isinstance(fields["data"], dict):
            raise UsageError(
                f"{name} contains an account in the encoding jsonParsed, which lacks its bytes.",
                hint="Request the encoding base64.",
            )
        data, lamports, space = _data(fields["data"]), fields.get("lamports"), fields.get("space")
        if isinstance(space, int) and space != len(data):
            raise UsageError(
                f"{name} contains only {len(data):,} of the {space:,} bytes of an account.",
                hint="Request it without dataSlice.",
            )
        return GivenAccount(
            data,
            None if address is None else Pubkey.from_string(address),
            Pubkey.from_string(fields["owner"]),
            int(lamports) if isinstance(lamports, int) else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{name} is JSON, but not an account with data and owner.", hint=_FORMS) from error


def _data(value: Json) -> bytes:
    text, encoding = value if isinstance(value, list) else (value, "base58")
    if encoding == "base64+zstd":
        # Importing zstandard takes 17 ms.
        from psyche_cli.solana.rpc.answers import decompressed

        return decompressed(_base64(text))
    data = {"base64": _base64, "base58": _base58, "binary": _base58}[encoding](text)
    if len(data) > MAX_ACCOUNT_BYTES or (text and not data):
        raise ValueError("an account is smaller, and base58 is valid and short")
    return data
