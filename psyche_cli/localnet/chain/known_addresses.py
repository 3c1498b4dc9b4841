"""Well-known addresses used by the local validator."""

from __future__ import annotations

from typing import Final

from solders.pubkey import Pubkey

from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.programs import (
    ASSOCIATED_TOKEN_PROGRAM,
    CLOCK_SYSVAR,
    COMPUTE_BUDGET_PROGRAM,
    FINAL_LOADERS,
    LOOKUP_TABLE_PROGRAM,
    MEMO_PROGRAMS,
    RENT_SYSVAR,
    SLOT_HASHES_SYSVAR,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    UPGRADEABLE_LOADER,
)

TIME_SYSVARS: Final = frozenset({CLOCK_SYSVAR, SLOT_HASHES_SYSVAR})
"""The sysvars that the bank sets at the beginning of every slot."""

PSYCHE_PROGRAMS: Final = PUBLISHED.by_name
"""The declared ids of the Psyche programs, by their names in ``--bpf-program``."""

GENESIS_ADDRESSES: Final = (
    SYSTEM_PROGRAM,
    TOKEN_PROGRAM,
    TOKEN_2022_PROGRAM,
    ASSOCIATED_TOKEN_PROGRAM,
    *MEMO_PROGRAMS,
    LOOKUP_TABLE_PROGRAM,
    UPGRADEABLE_LOADER,
    *FINAL_LOADERS,
    COMPUTE_BUDGET_PROGRAM,
    Pubkey.from_string("Config1111111111111111111111111111111111111"),
    Pubkey.from_string("Stake11111111111111111111111111111111111111"),
    Pubkey.from_string("Vote111111111111111111111111111111111111111"),
    Pubkey.from_string("Ed25519SigVerify111111111111111111111111111"),
    Pubkey.from_string("KeccakSecp256k11111111111111111111111111111"),
    CLOCK_SYSVAR,
    Pubkey.from_string("SysvarEpochSchedu1e111111111111111111111111"),
    Pubkey.from_string("SysvarRecentB1ockHashes11111111111111111111"),
    RENT_SYSVAR,
    SLOT_HASHES_SYSVAR,
    Pubkey.from_string("SysvarS1otHistory11111111111111111111111111"),
    Pubkey.from_string("SysvarStakeHistory1111111111111111111111111"),
)
"""The accounts that LiteSVM creates itself, which it cannot list."""
