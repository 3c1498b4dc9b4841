"""What the members of a rehearsal have claimed, and what the vault of their run still holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from psyche_cli.members.treasury import Treasury
from psyche_cli.protocol.accounts.small_accounts import decode_participant
from psyche_cli.protocol.accounts.token_accounts import decode_token_account
from psyche_cli.solana.raw_account import taken
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.wallet import Wallet


class Claims(NamedTuple):
    """The points that each member has claimed in all, by its number, and what the vault holds, in base units.

    For a run without a treasurer, nothing is claimed, and ``vault`` is None.
    """

    claimed: dict[int, int]
    vault: int | None


def read_claims(rpc: RpcClient, treasury: Treasury | None, wallets: Sequence[Wallet]) -> Claims:
    """The claims of these members, numbered from 1. Raises AccountError."""
    if treasury is None:
        return Claims(dict.fromkeys(range(1, len(wallets) + 1), 0), None)
    addresses = [treasury.vault, *(treasury.participant(wallet.address) for wallet in wallets)]
    vault, *records = map(taken, rpc.accounts(addresses))
    claimed = {
        number: 0 if raw is None else decode_participant(raw, treasury.programs).claimed_earned_points
        for number, raw in enumerate(records, 1)
    }
    return Claims(claimed, 0 if vault is None else decode_token_account(vault).amount)
