"""Addresses that are the same on every Solana cluster: programs, sysvars, the mint of wrapped SOL."""

from __future__ import annotations

from typing import Final

from solders.pubkey import Pubkey

SYSTEM_PROGRAM: Final = Pubkey.from_string("11111111111111111111111111111111")
TOKEN_PROGRAM: Final = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022_PROGRAM: Final = Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
ASSOCIATED_TOKEN_PROGRAM: Final = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
LOOKUP_TABLE_PROGRAM: Final = Pubkey.from_string("AddressLookupTab1e1111111111111111111111111")
COMPUTE_BUDGET_PROGRAM: Final = Pubkey.from_string("ComputeBudget111111111111111111111111111111")
CONFIG_PROGRAM: Final = Pubkey.from_string("Config1111111111111111111111111111111111111")
FEATURE_PROGRAM: Final = Pubkey.from_string("Feature111111111111111111111111111111111111")
"""The owner of the accounts that record which features a cluster has activated."""
NATIVE_LOADER: Final = Pubkey.from_string("NativeLoader1111111111111111111111111111111")
"""The owner of the programs that are part of a validator."""
STAKE_CONFIG: Final = Pubkey.from_string("StakeConfig11111111111111111111111111111111")
STAKE_PROGRAM: Final = Pubkey.from_string("Stake11111111111111111111111111111111111111")
VOTE_PROGRAM: Final = Pubkey.from_string("Vote111111111111111111111111111111111111111")
UPGRADEABLE_LOADER: Final = Pubkey.from_string("BPFLoaderUpgradeab1e11111111111111111111111")
FINAL_LOADERS: Final = (
    Pubkey.from_string("BPFLoader1111111111111111111111111111111111"),
    Pubkey.from_string("BPFLoader2111111111111111111111111111111111"),
)
"""The loaders whose programs cannot be upgraded."""
PRECOMPILES: Final = tuple(
    Pubkey.from_string(text)
    for text in (
        "Ed25519SigVerify111111111111111111111111111",
        "KeccakSecp256k11111111111111111111111111111",
        "Secp256r1SigVerify1111111111111111111111111",
    )
)
"""The programs that verify ed25519, secp256k1 and secp256r1 signatures. Their data begins with the number of these."""
MEMO_PROGRAMS: Final = (
    Pubkey.from_string("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"),
    Pubkey.from_string("Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo"),
)

PROGRAM_NAMES: Final = {
    SYSTEM_PROGRAM: "system",
    TOKEN_PROGRAM: "spl-token",
    TOKEN_2022_PROGRAM: "spl-token-2022",
    ASSOCIATED_TOKEN_PROGRAM: "associated-token",
    COMPUTE_BUDGET_PROGRAM: "compute-budget",
    LOOKUP_TABLE_PROGRAM: "address-lookup-table",
    UPGRADEABLE_LOADER: "upgradeable-loader",
    MEMO_PROGRAMS[0]: "memo",
    MEMO_PROGRAMS[1]: "memo",
}
"""The names of well-known programs."""

NATIVE_MINT: Final = Pubkey.from_string("So11111111111111111111111111111111111111112")
"""The mint of wrapped SOL."""

SYSVAR_OWNER: Final = Pubkey.from_string("Sysvar1111111111111111111111111111111111111")
SYSVARS: Final = {
    name: Pubkey.from_string(address)
    for name, address in {
        "clock": "SysvarC1ock11111111111111111111111111111111",
        "epochRewards": "SysvarEpochRewards1111111111111111111111111",
        "epochSchedule": "SysvarEpochSchedu1e111111111111111111111111",
        "fees": "SysvarFees111111111111111111111111111111111",
        "lastRestartSlot": "SysvarLastRestartS1ot1111111111111111111111",
        "recentBlockhashes": "SysvarRecentB1ockHashes11111111111111111111",
        "rent": "SysvarRent111111111111111111111111111111111",
        "rewards": "SysvarRewards111111111111111111111111111111",
        "slotHashes": "SysvarS1otHashes111111111111111111111111111",
        "slotHistory": "SysvarS1otHistory11111111111111111111111111",
        "stakeHistory": "SysvarStakeHistory1111111111111111111111111",
    }.items()
}
"""The sysvars, by their names in the ``jsonParsed`` encoding."""
CLOCK_SYSVAR: Final = SYSVARS["clock"]
RENT_SYSVAR: Final = SYSVARS["rent"]
"""The rent sysvar, which holds the rent parameters."""
SLOT_HASHES_SYSVAR: Final = SYSVARS["slotHashes"]
