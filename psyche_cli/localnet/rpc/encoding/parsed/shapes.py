"""The vocabulary of the tables of instructions: the accounts and arguments of an instruction, and their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.token_state import token_amount
from psyche_cli.localnet.rpc.encoding.parsed.readers import Reader, read_fields
from psyche_cli.solana.byte_reader import ByteReader

NameAccounts: TypeAlias = Callable[[Sequence[str], Mapping[str, Json]], Mapping[str, Json]]
"""Names the accounts of an instruction, given also its arguments. Raises ValueError if there are too few."""


class Shape(NamedTuple):
    """An instruction: its ``name``, the names of its accounts, and its arguments in the order of their bytes.

    Bytes after the arguments are ignored, unless the instruction ``is_exact``.
    """

    name: str
    accounts: NameAccounts
    arguments: Mapping[str, Reader]
    is_exact: bool = False

    def parsed(self, accounts: Sequence[str], reader: ByteReader) -> Json:
        """The instruction with these accounts and the data that ``reader`` has left. Raises ValueError."""
        arguments = read_fields(self.arguments, reader)
        if self.is_exact and reader.left:
            raise ValueError("the instruction is too long")
        named = self.accounts(accounts, arguments)
        info = {**{name: value for name, value in arguments.items() if name not in _HIDDEN}, **named}
        return {"type": self.name, "info": info} if info else {"type": self.name}


_HIDDEN: Final = frozenset({"numTokenAccounts"})
"""Arguments that only say which accounts are which."""

_PREFIX_BYTES: Final = 8

Table: TypeAlias = Mapping[int, "Shape | Mapping[int, Shape]"]
"""Instructions by their numbers. Those of an extension have a second number, of one byte."""


class Instructions(NamedTuple):
    """The instructions of a program: the size of their numbers in bytes, and those that begin with 8 other bytes."""

    number_bytes: int
    table: Table
    interfaces: Mapping[bytes, Shape] = {}

    def parsed(self, accounts: Sequence[str], data: bytes) -> Json:
        """The instruction, or None if there is none with this number. Raises ValueError for an invalid one."""
        reader = ByteReader(data)
        found: Shape | Mapping[int, Shape] | None = self.interfaces.get(data[:_PREFIX_BYTES])
        if found is not None:
            reader.take(_PREFIX_BYTES)
        else:
            found = self.table.get(reader.number(self.number_bytes))
        if isinstance(found, Mapping):
            number = reader.number(1)
            if number not in found:
                raise ValueError(f"the extension's instruction {number} is not known")
            found = found[number]
        return None if found is None else found.parsed(accounts, reader)


def shape(name: str, accounts: str | NameAccounts, /, **arguments: Reader) -> Shape:
    """An instruction; see ``accounts_named`` for its accounts."""
    return Shape(name, accounts_named(accounts) if isinstance(accounts, str) else accounts, arguments)


def exact(name: str, accounts: str | NameAccounts, /, **arguments: Reader) -> Shape:
    """An instruction that ends with its arguments."""
    return shape(name, accounts, **arguments)._replace(is_exact=True)


def accounts_named(names: str) -> NameAccounts:
    """Accounts by their ``names`` in order, separated by blanks.

    ``name?`` is shown only if there is such an account, and ``name=`` is null without one. ``name&`` signs: if more
    accounts follow, it is a multisig and these are its signers. ``name*`` is a list of all that follow.
    """
    words = names.split()
    required = sum(word[-1] not in "?=*" for word in words)

    def name(accounts: Sequence[str], arguments: Mapping[str, Json]) -> Mapping[str, Json]:  # noqa: ARG001
        require(accounts, required)
        named: dict[str, Json] = {}
        for position, word in enumerate(words):
            found = accounts[position] if position < len(accounts) else None
            if word[-1] == "&":
                named |= signer(word[:-1], accounts[position:])
            elif word[-1] == "*":
                named[word[:-1]] = list(accounts[position:])
            elif found is not None or word[-1] == "=":
                named[word.rstrip("?=")] = found
        return named

    return name


def require(accounts: Sequence[str], count: int) -> None:
    """Raise ValueError for fewer accounts than ``count``."""
    if len(accounts) < count:
        raise ValueError("the instruction has too few accounts")


def signer(name: str, accounts: Sequence[str]) -> dict[str, Json]:
    """An authority, the first of ``accounts``, which is a multisig if others follow, its signers."""
    if len(accounts) == 1:
        return {name: accounts[0]}
    return {multisig_name(name): accounts[0], "signers": list(accounts[1:])}


def multisig_name(name: str) -> str:
    """The name of an authority that is a multisig."""
    # Nodes misspell this one.
    return f"multisig{name}" if name == "transferFeeConfigAuthority" else f"multisig{name[0].upper()}{name[1:]}"


def token_quantity(reader: ByteReader) -> Json:
    """An amount of tokens (u64) with the decimals (u8) that follow it."""
    amount = reader.number(8)
    return token_amount(amount, reader.number(1))
