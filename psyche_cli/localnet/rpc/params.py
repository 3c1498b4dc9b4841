"""Parsing of a request's positional parameters, with the error messages of Solana's RPC nodes for invalid ones."""

from __future__ import annotations

from typing import Final

from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli import base58
from psyche_cli.json_values import Json
from psyche_cli.limits import U64_MAX
from psyche_cli.localnet.rpc.fault import RpcFault, invalid_params
from psyche_cli.solana.rpc.codes import MIN_CONTEXT_SLOT_NOT_REACHED

# A tuple, since a value from a client need not be hashable.
_COMMITMENTS: Final = ("processed", "confirmed", "finalized", "recent", "single", "singleGossip", "root", "max")
_BELOW_CONFIRMED: Final = ("processed", "recent")


def text_of(value: object) -> str:
    """A string. Raises RpcFault."""
    if not isinstance(value, str):
        raise invalid_params("Invalid params: invalid type: expected a string.")
    return value


def pubkey_of(text: object) -> Pubkey:
    """A public key from its base58 text. Raises RpcFault."""
    base58_text = text_of(text)
    try:
        return Pubkey.from_string(base58_text)
    except ValueError as error:
        raise invalid_params(f"Invalid param: {_base58_fault(base58_text)}") from error


def signature_of(text: object) -> Signature:
    """A signature from its base58 text. Raises RpcFault."""
    base58_text = text_of(text)
    try:
        return Signature.from_string(base58_text)
    except ValueError as error:
        raise invalid_params(f"Invalid param: {_base58_fault(base58_text)}") from error


def hash_of(text: object) -> Hash:
    """A blockhash from its base58 text. Raises RpcFault."""
    return Hash(bytes(pubkey_of(text)))


def _base58_fault(text: str) -> str:
    """The message of RPC nodes for text that is not the base58 encoding of the expected number of bytes."""
    return "WrongSize" if text and base58.first_invalid_position(text) is None else "Invalid"


def unsigned(value: object, name: str, *, most: int = U64_MAX) -> int:
    """A whole number from 0 to ``most``. Raises RpcFault."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise invalid_params(f"Invalid params: {name}: expected a whole number from 0 to {most}.")
    return value


class Config:
    """The options object that most methods take as their last parameter. Absent and null options are equivalent."""

    def __init__(self, options: Json) -> None:
        if options is None:
            options = {}
        if not isinstance(options, dict):
            raise invalid_params("Invalid params: invalid type: expected an options object.")
        self._options: dict[str, Json] = options
        commitment = options.get("commitment")
        if commitment is not None and commitment not in _COMMITMENTS:
            raise invalid_params(
                f"Invalid params: unknown variant `{commitment}`, "
                "expected one of `processed`, `confirmed`, `finalized`."
            )

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A boolean option."""
        value = self._options.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise invalid_params(f"Invalid params: {name}: invalid type: expected a boolean.")
        return value

    def unsigned(self, name: str, *, most: int = U64_MAX) -> int | None:
        """A whole number, or None when absent."""
        value = self._options.get(name)
        return None if value is None else unsigned(value, name, most=most)

    def text(self, name: str) -> str | None:
        """A string, or None when absent."""
        value = self._options.get(name)
        if value is not None and not isinstance(value, str):
            raise invalid_params(f"Invalid params: {name}: invalid type: expected a string.")
        return value

    def choice(self, name: str, choices: tuple[str, ...], *, default: str) -> str:
        """One of ``choices``."""
        value = self._options.get(name)
        if value is None:
            return default
        if value not in choices:
            expected = ", ".join(f"`{choice}`" for choice in choices)
            raise invalid_params(f"Invalid params: unknown variant `{value}`, expected one of {expected}.")
        return str(value)

    def config(self, name: str) -> Config | None:
        """An options object inside this one, or None when absent."""
        value = self._options.get(name)
        return None if value is None else Config(value)

    def items(self, name: str) -> list[Json]:
        """A list; empty when absent."""
        value = self._options.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise invalid_params(f"Invalid params: {name}: invalid type: expected a list.")
        return value

    def raw(self, name: str) -> Json:
        """The option as received."""
        return self._options.get(name)

    def require_confirmed(self) -> None:
        """Raise RpcFault for ``processed``, which clusters do not support in queries of the history."""
        if self._options.get("commitment") in _BELOW_CONFIRMED:
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
        value = self.required(index)
        if not isinstance(value, list):
            raise invalid_params("Invalid params: invalid type: expected a list.")
        return value

    def config(self, index: int) -> Config:
        """The options object; an empty one when absent."""
        return Config(self.raw(index))
