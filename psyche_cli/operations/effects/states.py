"""The state of an account in a form that can be predicted and compared, and its values by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Any, Final, NamedTuple, TypeAlias

from solders.hash import Hash
from solders.pubkey import Pubkey

from psyche_cli.model.from_account import state_from_account
from psyche_cli.model.states import CoordinatorState
from psyche_cli.protocol.accounts.any_account import decode_account
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount
from psyche_cli.protocol.accounts.small_accounts import (
    Authorization,
    CoordinatorInstance,
    Participant,
    TreasurerRun,
)
from psyche_cli.protocol.accounts.token_accounts import TokenAccount, TokenMint
from psyche_cli.protocol.programs import ProgramIds
from psyche_cli.solana.nonces import Nonce, nonce_in
from psyche_cli.solana.programs import SYSTEM_PROGRAM, TOKEN_PROGRAM
from psyche_cli.solana.raw_account import RawAccount

Content: TypeAlias = (
    CoordinatorState
    | CoordinatorInstance
    | Authorization
    | TreasurerRun
    | Participant
    | TokenAccount
    | TokenMint
    | Nonce
    | bytes
)
"""The decoded content of an account, or its data if its type is unknown. ``lamports`` in it is 0."""

Leaf: TypeAlias = "str | int | float | bool | None"
"""A value without parts. None means absent."""

_ELSEWHERE: Final = ("address", "lamports")
"""Fields of a content that are not part of it."""

_KINDS: Final[Mapping[type, str]] = {
    CoordinatorState: "coordinator account",
    CoordinatorInstance: "coordinator instance",
    Authorization: "authorization",
    TreasurerRun: "treasurer run",
    Participant: "treasurer participant",
    TokenAccount: "token account",
    TokenMint: "mint",
    Nonce: "nonce account",
}
_MOST_SHOWN_BYTES: Final = 64


class AccountState(NamedTuple):
    """An account: its balance in ``lamports``, its owner, the ``size`` of its data in bytes, and its content."""

    lamports: int
    owner: Pubkey
    size: int
    content: Content
    executable: bool = False

    @property
    def kind(self) -> str:
        """What the account is, in words."""
        if self.owner == SYSTEM_PROGRAM and self.size == 0:
            return "wallet"
        return _KINDS.get(type(self.content), "account")


def state_of(raw: RawAccount | None, programs: ProgramIds) -> AccountState | None:
    """The state of an account, None if it does not exist. Raises AccountError for content that is not understood."""
    if raw is None or raw.lamports == 0:
        return None
    return AccountState(raw.lamports, raw.owner, len(raw.data), _content(raw, programs), raw.executable)


def _content(raw: RawAccount, programs: ProgramIds) -> Content:
    if raw.owner not in (TOKEN_PROGRAM, *programs):
        return nonce_in(raw.owner, raw.data) or raw.data
    decoded = decode_account(raw, programs)
    if isinstance(decoded, CoordinatorAccount):
        return state_from_account(decoded)
    if isinstance(decoded, TokenAccount | TokenMint):
        return decoded
    return decoded._replace(lamports=0)


def leaves_of(state: AccountState | None) -> dict[str, Leaf]:
    """The values of an account by path, such as ``lamports`` or ``config.total_steps``; empty if it does not exist."""
    if state is None:
        return {}
    head: dict[str, Leaf] = {
        "lamports": state.lamports,
        "owner": str(state.owner),
        "size": state.size,
        "executable": state.executable,
    }
    return head | dict(_leaves(state.content, "data" if isinstance(state.content, bytes) else ""))


def same(one: Leaf, other: Leaf) -> bool:
    """Whether two values are equal. NaN equals itself."""
    return one == other or (one != one and other != other)


def shown_leaf(leaf: Leaf) -> str:
    """A value as text, quoted only if it could be misread: if it is empty, or has unprintable characters or margins."""
    if leaf is None:
        return "none"
    if isinstance(leaf, bool):
        return "true" if leaf else "false"
    if isinstance(leaf, str) and (not leaf or leaf != leaf.strip() or not leaf.isprintable()):
        return repr(leaf)
    return str(leaf)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Leaf]]:
    if is_dataclass(value):
        parts: dict[str, Any] = {field.name: getattr(value, field.name) for field in fields(value)}
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        parts = {name: getattr(value, name) for name in value._fields if path or name not in _ELSEWHERE}
    elif isinstance(value, Mapping):
        parts = dict(value)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{index}]")
        return
    else:
        yield path, _leaf(value, path)
        return
    for name, inner in parts.items():
        yield from _leaves(inner, f"{path}.{name}" if path else name)


def _leaf(value: Any, path: str) -> Leaf:
    if isinstance(value, bytes):
        if path.endswith("signer"):
            return str(Pubkey.from_bytes(value))
        if len(value) > _MOST_SHOWN_BYTES:
            return f"{len(value)} bytes with SHA-256 {sha256(value).hexdigest()}"
        return value.hex()
    if isinstance(value, Pubkey | Hash):
        return str(value)
    if isinstance(value, IntEnum):
        return str(getattr(value, "text", value.name))
    leaf: Leaf = value
    return leaf
