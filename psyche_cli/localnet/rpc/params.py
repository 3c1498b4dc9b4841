"""Access to a request's parameters, with the error messages of Solana's RPC nodes for invalid ones."""

from __future__ import annotations

from typing import Final

from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli import base58
from psyche_cli.json_values import Json
from psyche_cli.limits import U64_MAX
from psyche_cli.localnet.rpc.fault import RpcFault, invalid_params
from psyche_cli.localnet.rpc.parameter_kinds import ANYTHING, FLAG, TEXT, U64, Choice, Kind, Mismatch, Sequence
from psyche_cli.localnet.rpc.signature import mismatch_fault
from psyche_cli.solana.rpc.codes import MIN_CONTEXT_SLOT_NOT_REACHED

_MAX_KEY_CHARACTERS: Final = 44
_MAX_SIGNATURE_CHARACTERS: Final = 88
_LIST: Final = Sequence(ANYTHING)


def _read(kind: Kind, value: Json) -> Json:
    try:
        return kind.read(value)
    except Mismatch as mismatch:
        raise mismatch_fault(mismatch) from mismatch


def text_of(value: object) -> str:
    """A string. Raises RpcFault."""
    return str(_read(TEXT, value))


def pubkey_of(text: object) -> Pubkey:
    """A public key from its base58 text. Raises RpcFault."""
    base58_text = text_of(text)
    try:
        return Pubkey.from_string(base58_text)
    except ValueError as error:
        raise invalid_params(f"Invalid param: {_base58_fault(base58_text, _MAX_KEY_CHARACTERS)}") from error


def signature_of(text: object) -> Signature:
    """A signature from its base58 text. Raises RpcFault."""
    base58_text = text_of(text)
    try:
        return Signature.from_string(base58_text)
    except ValueError as error:
        raise invalid_params(f"Invalid param: {_base58_fault(base58_text, _MAX_SIGNATURE_CHARACTERS)}") from error


def hash_of(text: object) -> Hash:
    """A blockhash from its base58 text. Raises RpcFault, whose message a node leaves without introduction."""
    base58_text = text_of(text)
    try:
        return Hash(bytes(Pubkey.from_string(base58_text)))
    except ValueError as error:
        raise invalid_params(_base58_fault(base58_text, _MAX_KEY_CHARACTERS)) from error


def _base58_fault(text: str, most: int) -> str:
    """The message of RPC nodes for text that is not the base58 encoding of the expected number of bytes."""
    return "WrongSize" if len(text) > most or base58.first_invalid_position(text) is None else "Invalid"


def unsigned(value: object, name: str, *, most: int = U64_MAX) -> int:
    """A whole number from 0 to ``most``; ``name`` is that of the parameter. Raises RpcFault."""
    number = int(_read(U64, value))
    if number > most:
        raise invalid_params(f"Invalid params: {name}: expected a whole number from 0 to {most}.")
    return number


class Config:
    """The options object that most methods take as their last parameter. Absent and null options are equivalent."""

    def __init__(self, options: Json) -> None:
        if options is None:
            options = {}
        if not isinstance(options, dict):
            raise invalid_params("Invalid params: invalid type: expected an options object.")
        self._options: dict[str, Json] = options

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A boolean option."""
        value = self._options.get(name)
        return default if value is None else bool(_read(FLAG, value))

    def unsigned(self, name: str, *, most: int = U64_MAX) -> int | None:
        """A whole number, or None when absent."""
        value = self._options.get(name)
        return None if value is None else unsigned(value, name, most=most)

    def text(self, name: str) -> str | None:
        """A string, or None when absent."""
        value = self._options.get(name)
        return None if value is None else text_of(value)

    def choice(self, name: str, choices: tuple[str, ...], *, default: str) -> str:
        """One of ``choices``."""
        value = self._options.get(name)
        return default if value is None else str(_read(Choice(choices), value))

    def config(self, name: str) -> Config | None:
        """An options object inside this one, or None when absent."""
        value = self._options.get(name)
        return None if value is None else Config(value)

    def items(self, name: str) -> list[Json]:
        """A list; empty when absent."""
        value = self._options.get(name)
        return [] if value is None else list(_read(_LIST, value))

    def raw(self, name: str) -> Json:
        """The option as received."""
        return self._options.get(name)

    def require_confirmed(self) -> None:
        """Raise RpcFault for ``processed``, which clusters do not support in queries of the history."""
        if self._options.get("commitment") == "processed":
            raise invalid_params("Method does not support commitment below `confirmed`")

    def require_slot(self, slot: int) -> None:
        """Raise RpcFault (-32016) if ``minContextSlot`` is ahead of ``slot``."""
        least = self.unsigned("minContextSlot")
        if least is not None and least > slot:
            raise RpcFault(
                MIN_CONTEXT_SLOT_NOT_REACHED, "Minimum context slot has not been reached", {"contextSlot": slot}
            )


class Params:
    """A request's positional parameters; missing ones are null."""

    def __init__(self, values: list[Json]) -> None:
        self._values = values

    def raw(self, index: int) -> Json:
        """The parameter as received; None when absent."""
        return self._values[index] if index < len(self._values) else None

    def required(self, index: int) -> Json:
        """A required parameter."""
        if index >= len(self._values):
            raise invalid_params(f"`params` should have at least {index + 1} argument(s)")
        return self._values[index]

    def pubkey(self, index: int) -> Pubkey:
        """A required public key."""
        return pubkey_of(self.required(index))

    def signature(self, index: int) -> Signature:
        """A required signature."""
        return signature_of(self.required(index))

    def unsigned(self, index: int, *, most: int = U64_MAX) -> int:
        """A required whole number."""
        return unsigned(self.required(index), f"argument {index + 1}", most=most)

    def items(self, index: int) -> list[Json]:
        """A required list."""
        return list(_read(_LIST, self.required(index)))

    def config(self, index: int) -> Config:
        """The options object; an empty one when absent."""
        return Config(self.raw(index))

    def config_or_encoding(self, index: int) -> Config:
        """The options object; older clients send just the encoding in its place."""
        raw = self.raw(index)
        return Config({"encoding": raw} if isinstance(raw, str) else raw)
