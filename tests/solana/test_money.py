"""Changed balances: from accounts before and after, and from the meta of a transaction in the ledger."""

from __future__ import annotations

from typing import Any

import pytest
from solders.pubkey import Pubkey
from solders.token.state import Mint, TokenAccount, TokenAccountState

from psyche_cli.solana.money import (
    LamportChange,
    MoneyEffects,
    TokenChange,
    effects_between,
    effects_of_meta,
    with_decimals,
)
from psyche_cli.solana.programs import SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.token_state import mint_of, token_account_of

A, B, C, MINT, MINT_2, OWNER = (Pubkey.new_unique() for _ in range(6))


def wallet(address: Pubkey, lamports: int) -> RawAccount:
    return RawAccount(address, SYSTEM_PROGRAM, lamports, b"")


def holding(address: Pubkey, amount: int, *, mint: Pubkey = MINT, program: Pubkey = TOKEN_PROGRAM) -> RawAccount:
    state = TokenAccount(
        mint=mint,
        owner=OWNER,
        amount=amount,
        delegate=None,
        state=TokenAccountState.Initialized,
        is_native=None,
        delegated_amount=0,
        close_authority=None,
    )
    return RawAccount(address, program, 2_039_280, bytes(state))


def mint(address: Pubkey, decimals: int) -> RawAccount:
    state = Mint(mint_authority=None, supply=0, decimals=decimals, is_initialized=True, freeze_authority=None)
    return RawAccount(address, TOKEN_PROGRAM, 1_461_600, bytes(state))


def test_between_two_states() -> None:
    before = [wallet(A, 10), wallet(B, 5), None, holding(C, 7), mint(MINT, 6), None]
    after = [wallet(A, 4), wallet(B, 5), wallet(OWNER, 6), holding(C, 9), mint(MINT, 6), None]
    assert effects_between(before, after) == MoneyEffects(
        (LamportChange(A, 10, 4), LamportChange(OWNER, 0, 6)), (TokenChange(C, MINT, OWNER, 6, 7, 9),)
    )


def test_an_account_that_is_created_closed_or_recreated_for_another_mint() -> None:
    effects = effects_between(
        [None, holding(B, 5), holding(C, 3)],
        [holding(A, 4), None, holding(C, 2, mint=MINT_2, program=TOKEN_2022_PROGRAM)],
    )
    assert effects.lamports == (LamportChange(A, 0, 2_039_280), LamportChange(B, 2_039_280, 0))
    assert effects.tokens == (
        TokenChange(A, MINT, OWNER, None, 0, 4),
        TokenChange(B, MINT, OWNER, None, 5, 0),
        TokenChange(C, MINT, OWNER, None, 3, 0),
        TokenChange(C, MINT_2, OWNER, None, 0, 2),
    )
    found = with_decimals(effects, [mint(MINT_2, 2), None, wallet(A, 1)])
    assert [one.decimals for one in found.tokens] == [None, None, None, 2]


def balance(index: int, amount: str, *, owner: str | None = str(OWNER), mint: Pubkey = MINT) -> dict[str, Any]:
    return {
        "accountIndex": index,
        "mint": str(mint),
        "owner": owner,
        "uiTokenAmount": {"amount": amount, "decimals": 6, "uiAmount": None, "uiAmountString": "ignored"},
    }


def test_of_a_meta() -> None:
    meta: Any = {
        "preBalances": [10, 5, 0],
        "postBalances": [4, 5, 6],
        "preTokenBalances": [balance(2, "7"), balance(1, "3")],
        "postTokenBalances": [balance(2, "18446744073709551615", owner=None), balance(1, "3")],
    }
    assert effects_of_meta(meta, [A, B, C]) == MoneyEffects(
        (LamportChange(A, 10, 4), LamportChange(C, 0, 6)), (TokenChange(C, MINT, None, 6, 7, 2**64 - 1),)
    )


def test_of_a_meta_without_token_balances() -> None:
    balances: Any = {"preBalances": [1], "postBalances": [2]}
    for meta in (balances, {**balances, "preTokenBalances": None, "postTokenBalances": []}):
        assert effects_of_meta(meta, [A]) == MoneyEffects((LamportChange(A, 1, 2),), ())


@pytest.mark.parametrize(
    "meta",
    [
        None,
        {},
        {"preBalances": [1], "postBalances": [1, 2]},
        {"preBalances": [1, 2], "postBalances": [1, 2]},
        {"preBalances": [-1], "postBalances": [1]},
        {"preBalances": [1], "postBalances": [1], "preTokenBalances": [balance(1, "5")]},
        {"preBalances": [1], "postBalances": [1], "preTokenBalances": [balance(0, "5.5")]},
        {"preBalances": [1], "postBalances": [1], "preTokenBalances": [{}]},
    ],
)
def test_an_invalid_meta(meta: Any) -> None:
    with pytest.raises(ValueError, match=r"expected|differs|does not exist|not an integer"):
        effects_of_meta(meta, [A])


def test_token_accounts_and_mints_are_recognized_by_owner_size_and_type() -> None:
    account, found_mint = holding(A, 5), mint(MINT, 6)
    extended = account._replace(owner=TOKEN_2022_PROGRAM, data=account.data + b"\2" + bytes(10))
    for raw in (account, extended):
        read = token_account_of(raw)
        assert (read and read.amount, mint_of(raw)) == (5, None)
    assert mint_of(found_mint) is not None
    assert token_account_of(found_mint) is None
    for broken in (
        account._replace(owner=SYSTEM_PROGRAM),
        account._replace(data=bytes(165)),
        account._replace(data=account.data + b"\1" + bytes(10)),
        account._replace(data=b""),
        extended._replace(data=extended.data.ljust(355, b"\0")),  # the size of a multisig
    ):
        assert token_account_of(broken) is None
    assert mint_of(found_mint._replace(data=bytes(82))) is None
    padded = found_mint.data.ljust(165, b"\0")
    assert mint_of(found_mint._replace(owner=TOKEN_2022_PROGRAM, data=padded + b"\1")) is not None
    for content in (padded, padded + b"\2", padded[:-1] + b"\1\1", (padded + b"\1").ljust(355, b"\0")):
        assert mint_of(found_mint._replace(owner=TOKEN_2022_PROGRAM, data=content)) is None
