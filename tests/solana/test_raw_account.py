"""When an address counts as occupied by an account."""

from __future__ import annotations

import pytest
from solders.pubkey import Pubkey

from psyche_cli.solana.raw_account import RawAccount, taken


@pytest.mark.parametrize(("lamports", "data", "is_taken"), [(0, b"", False), (5, b"", False), (5, b"\0", True)])
def test_an_address_is_taken_by_data_and_not_by_lamports(lamports: int, data: bytes, is_taken: bool) -> None:
    account = RawAccount(Pubkey.new_unique(), Pubkey.new_unique(), lamports, data)
    assert account.is_taken is is_taken
    assert taken(account) is (account if is_taken else None)


def test_without_an_account_nothing_is_taken() -> None:
    assert taken(None) is None
