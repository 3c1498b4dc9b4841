"""Token accounts that the freeze authority of their mint has frozen."""

from __future__ import annotations

from solders.pubkey import Pubkey

from psyche_cli.protocol.accounts.token_accounts import decode_token_account
from psyche_cli.solana.raw_account import RawAccount, taken


def frozen_accounts(*found: RawAccount | None) -> tuple[Pubkey, ...]:
    """The addresses of those that are frozen, to or from which nothing can be transferred. Raises AccountError."""
    existing = [raw for raw in map(taken, found) if raw is not None]
    return tuple(one.address for one in map(decode_token_account, existing) if one.is_frozen)


def frozen_text(account: Pubkey) -> str:
    """What must be done so that the account can be used again, as a clause."""
    return f"the token account {account} is frozen: the freeze authority of its mint must thaw it first"
