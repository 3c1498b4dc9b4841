"""Addresses that the local validator knows by name."""

from __future__ import annotations

from typing import Final

from solders.pubkey import Pubkey

from psyche_cli.protocol.programs import PUBLISHED, SPL_TOKEN, SYSTEM, TOKEN_2022

SYSTEM_PROGRAM: Final = SYSTEM
TOKEN_PROGRAM: Final = SPL_TOKEN
TOKEN_2022_PROGRAM: Final = TOKEN_2022
NATIVE_MINT: Final = Pubkey.from_string("So11111111111111111111111111111111111111112")
LOOKUP_TABLE_PROGRAM: Final = Pubkey.from_string("AddressLookupTab1e1111111111111111111111111")

MEMO_PROGRAMS: Final = frozenset(
    {
        Pubkey.from_string("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"),
        Pubkey.from_string("Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo"),
    }
)
SYSVAR_OWNER: Final = Pubkey.from_string("Sysvar1111111111111111111111111111111111111")

TIME_SYSVARS: Final = frozenset(
    {
        Pubkey.from_string("SysvarC1ock11111111111111111111111111111111"),
        Pubkey.from_string("SysvarS1otHashes111111111111111111111111111"),
    }
)
"""Sysvars that the bank sets at the beginning of every slot."""

PSYCHE_PROGRAMS: Final[dict[str, Pubkey]] = {
    "coordinator": PUBLISHED.coordinator,
    "authorizer": PUBLISHED.authorizer,
    "treasurer": PUBLISHED.treasurer,
}
"""The ids that the Psyche programs declare, by the names that ``--bpf-program`` accepts for them."""

GENESIS_ADDRESSES: Final = tuple(
    Pubkey.from_string(text)
    for text in (
        "11111111111111111111111111111111",
        "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
        "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb",
        "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL",
        "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr",
        "Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo",
        "AddressLookupTab1e1111111111111111111111111",
        "BPFLoaderUpgradeab1e11111111111111111111111",
        "BPFLoader1111111111111111111111111111111111",
        "BPFLoader2111111111111111111111111111111111",
        "ComputeBudget111111111111111111111111111111",
        "Config1111111111111111111111111111111111111",
        "Stake11111111111111111111111111111111111111",
        "Vote111111111111111111111111111111111111111",
        "Ed25519SigVerify111111111111111111111111111",
        "KeccakSecp256k11111111111111111111111111111",
        "SysvarC1ock11111111111111111111111111111111",
        "SysvarEpochSchedu1e111111111111111111111111",
        "SysvarRecentB1ockHashes11111111111111111111",
        "SysvarRent111111111111111111111111111111111",
        "SysvarS1otHashes111111111111111111111111111",
        "SysvarS1otHistory11111111111111111111111111",
        "SysvarStakeHistory1111111111111111111111111",
    )
)
"""Accounts that LiteSVM creates by itself and cannot list."""
