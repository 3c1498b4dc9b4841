"""The keys of the run file, with the type and the meaning of each.

``[config]`` and ``[model]`` are those of the run configuration, which ``run_config.schema`` describes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from psyche_cli.errors import InvalidPublicKey, InvalidRunId
from psyche_cli.limits import MAX_DESCRIPTION_BYTES, MAX_RUN_NAME_BYTES, U32_MAX, U64_MAX
from psyche_cli.protocol.addresses import ANYONE, check_run_id, parse_pubkey
from psyche_cli.run_config.reader import BAD, Reader, described, quoted
from psyche_cli.run_config.rules import check_client_version
from psyche_cli.run_config.types import Boolean, Integer, Text

VERSION: Final = 1
"""The version of the schema. It is incremented when a key is removed or changes its meaning."""

_LONGEST_AMOUNT: Final = 128
_AMOUNT_FORM: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_DIGITS: Final = re.compile(r"[0-9]{1,20}", re.ASCII)

Read = Callable[[Reader, Any, str], Any]
"""Validates a value: returns it in the form used by the package, or records problems and returns BAD."""


class Key(NamedTuple):
    """A key of a table: its name, its type in words, the function that validates it, and its meaning."""

    name: str
    type: str
    read: Read
    meaning: str
    required: bool = False


def _of_type(kind: Integer | Text | Boolean) -> Read:
    return lambda reader, value, key: reader.read(kind, value, key)


def _one_of(*names: str) -> Read:
    listed = " or ".join(f'"{name}"' for name in names)

    def read(reader: Reader, value: Any, key: str) -> Any:
        if value in names and isinstance(value, str):
            return value
        return reader.note(key, "UnknownVariant", f"{key} must be {listed}, got {described(value)}")

    return read


def _version(reader: Reader, value: Any, key: str) -> Any:
    if value == VERSION and type(value) is int:
        return value
    message = f"{key} must be {VERSION}, the version of run files that this psyche-cli reads, got {described(value)}"
    return reader.note(key, "UnknownVersion", message)


def _run_id(reader: Reader, value: Any, key: str) -> Any:
    if not isinstance(value, str):
        return reader.note(key, "WrongType", f"{key} must be a string, got {described(value)}")
    try:
        return check_run_id(value)
    except InvalidRunId as error:
        return reader.note(key, "InvalidRunId", f"{key} is invalid: {error.message}")


def _client_version(reader: Reader, value: Any, key: str) -> Any:
    if not isinstance(value, str):
        return reader.note(key, "WrongType", f"{key} must be a string, got {described(value)}")
    problems = check_client_version(value)
    reader.problems += problems
    return BAD if problems else value


def _pubkey(reader: Reader, value: Any, key: str) -> Any:
    if not isinstance(value, str):
        return reader.note(key, "WrongType", f"{key} must be a public key in quotes, got {described(value)}")
    try:
        return parse_pubkey(value, key)
    except InvalidPublicKey as error:
        return reader.note(key, "InvalidPublicKey", error.message.rstrip("."))


def _grantee(reader: Reader, value: Any, key: str) -> Any:
    found = _pubkey(reader, value, key)
    if found == ANYONE:
        return reader.note(key, "InvalidPublicKey", f"{key} stands for everyone: use join.everyone = true instead")
    return found


def _pubkeys(reader: Reader, value: Any, key: str) -> Any:
    if not isinstance(value, list):
        return reader.note(key, "WrongType", f"{key} must be an array of public keys, got {described(value)}")
    found = [_pubkey(reader, one, f"{key}[{number}]") for number, one in enumerate(value)]
    return BAD if BAD in found else tuple(dict.fromkeys(found))


def _amount(reader: Reader, value: Any, key: str) -> Any:
    """An exact decimal. How many decimals the token has is only known once the run is read."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        message = f'{key} must be an exact decimal in quotes, such as "12.5", or an integer, got {described(value)}'
        return reader.note(key, "WrongType", message)
    text = str(value)
    if len(text) > _LONGEST_AMOUNT or _AMOUNT_FORM.fullmatch(text) is None:
        return reader.note(key, "InvalidAmount", f"{key} = {quoted(text)} is not a decimal number, such as 10 or 0.25")
    return text


def _index(reader: Reader, value: Any, key: str) -> Any:
    """A u64, in quotes if it exceeds TOML's integers."""
    number = (
        int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20 else value
    )
    if isinstance(number, bool) or not isinstance(number, int):
        return reader.note(key, "WrongType", f"{key} must be an integer, in quotes or not, got {described(value)}")
    if not 0 <= number <= U64_MAX:
        return reader.note(key, "OutOfRange", f"{key} = {quoted(number)} is out of range: expected 0 to {U64_MAX}")
    return number


def _number_from(lowest: int) -> Read:
    def read(reader: Reader, value: Any, key: str) -> Any:
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= U32_MAX:
            message = f"{key} must be an integer from {lowest} to {U32_MAX}, got {described(value)}"
            return reader.note(key, "OutOfRange", message)
        return value

    return read


_PUBKEY: Final = "public key"
_AMOUNT: Final = "exact decimal in quotes, or integer"
_TEXT: Final = "string of at most {} bytes"

TOP: Final = (
    Key("version", "integer", _version, f"version of the schema: {VERSION}", required=True),
    Key("run_id", "string", _run_id, "id of the run, 1 to 32 bytes", required=True),
    Key(
        "state",
        '"running" or "paused"',
        _one_of("running", "paused"),
        "whether the run runs; a run that was never started is paused",
    ),
    Key(
        "client_version", "string", _client_version, 'client version that members must run; "latest" when it is created'
    ),
    Key(
        "configuration",
        "path",
        _of_type(Text(4096)),
        "run configuration file, relative to this file; alternatively, its tables are in this file",
    ),
    Key(
        "reset_checkpoint",
        "bool",
        _of_type(Boolean()),
        "whether the checkpoint of a run that has started is set back to that of the configuration; false by default, "
        "because members save new checkpoints",
    ),
    Key(
        "start_step",
        "integer",
        _number_from(1),
        "step at which a run that was never started begins, to continue the training of another run; 1 by default",
    ),
)
"""Keys outside of all tables."""

AUTHORIZATION: Final = (
    Key("grantee", _PUBKEY, _grantee, "key that may join", required=True),
    Key(
        "delegates",
        "array of public keys",
        _pubkeys,
        "all delegates of the grantee; only the grantee's wallet can change them",
    ),
)
"""Keys of ``[[join.authorizations]]``."""

TABLES: Final[Mapping[str, tuple[Key, ...]]] = {
    "metadata": (
        Key("name", _TEXT.format(MAX_RUN_NAME_BYTES), _of_type(Text(MAX_RUN_NAME_BYTES)), "display name"),
        Key("description", _TEXT.format(MAX_DESCRIPTION_BYTES), _of_type(Text(MAX_DESCRIPTION_BYTES)), "description"),
        Key("num_parameters", "u64", _index, "number of parameters, informational; in quotes above 2^63 - 1"),
        Key("vocab_size", "u64", _index, "vocabulary size, informational; in quotes above 2^63 - 1"),
    ),
    "join": (
        Key("authority", _PUBKEY, _pubkey, "join authority; when the run is created, the wallet by default"),
        Key("everyone", "bool", _of_type(Boolean()), "whether everyone may join"),
        Key(
            "unlisted",
            '"keep" or "deactivate"',
            _one_of("keep", "deactivate"),
            "what happens to authorizations of the join authority that are not listed, which its other runs use too; "
            '"keep" by default',
        ),
    ),
    "treasurer": (
        Key("mint", _PUBKEY, _pubkey, "mint of the collateral in which members are paid", required=True),
        Key(
            "index",
            "u64",
            _index,
            "index of the treasurer, derived from the run id by default; in quotes above 2^63 - 1",
        ),
    ),
    "rewards": (
        Key("earning_rate", _AMOUNT, _amount, "reward per epoch, shared by all members that finish it"),
        Key("slashing_rate", _AMOUNT, _amount, "amount that an ejected member loses per epoch"),
    ),
    "funding": (
        Key(
            "keep_epochs",
            "integer",
            _number_from(0),
            "the vault pays for at least this many epochs, beyond what it owes",
        ),
        Key("keep_amount", _AMOUNT, _amount, "the vault holds at least this amount, beyond what it owes"),
        Key("max_per_top_up", _AMOUNT, _amount, "maximum that one apply transfers"),
        Key(
            "max_in_all",
            _AMOUNT,
            _amount,
            "maximum that the vault ever receives, from anyone, with what was claimed",
        ),
    ),
}
"""The tables of the file, except for those of the configuration."""

LIST_KEY: Final = "authorizations"
"""The array of tables in ``[join]``."""


def table_keys(table: str) -> tuple[str, ...]:
    """The names of the keys of a table, with those of arrays of tables."""
    names = tuple(key.name for key in TABLES[table])
    return (*names, LIST_KEY) if table == "join" else names
