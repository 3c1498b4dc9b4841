"""The state of an account in a form that can be predicted and compared, and its values by path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from solders.pubkey import Pubkey

from psyche_cli.model.from_account import state_from_account
from psyche_cli.model.leaves import Leaf, leaves
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
    return head | dict(leaves(state.content, "data" if isinstance(state.content, bytes) else ""))
