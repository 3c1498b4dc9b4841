"""Well-known addresses used by the local validator."""

from __future__ import annotations

from typing import Final

from psyche_cli.localnet.chain.cluster_identity import VOTE_ACCOUNT
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.programs import (
    ASSOCIATED_TOKEN_PROGRAM,
    CLOCK_SYSVAR,
    COMPUTE_BUDGET_PROGRAM,
    CONFIG_PROGRAM,
    FINAL_LOADERS,
    LOOKUP_TABLE_PROGRAM,
    MEMO_PROGRAMS,
    PRECOMPILES,
    SLOT_HASHES_SYSVAR,
    STAKE_PROGRAM,
    SYSTEM_PROGRAM,
    SYSVARS,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    UPGRADEABLE_LOADER,
    VOTE_PROGRAM,
)

TIME_SYSVARS: Final = frozenset({CLOCK_SYSVAR, SLOT_HASHES_SYSVAR})
"""The sysvars that the bank sets at the beginning of every slot."""

TIME_ACCOUNTS: Final = TIME_SYSVARS | {VOTE_ACCOUNT}
"""The accounts whose content follows from the time."""

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
    CONFIG_PROGRAM,
    STAKE_PROGRAM,
    VOTE_PROGRAM,
    *PRECOMPILES,
    *SYSVARS.values(),
)
"""The accounts that LiteSVM creates itself, which it cannot list."""
