"""Fixed numbers of Solana and of the Psyche programs: each one stands here once, with its source.

Sizes are in bytes. What this tool chooses itself (a timeout, the largest file that it reads) stands where it applies.
"""

from __future__ import annotations

from typing import Final

U16_MAX: Final = 2**16 - 1
U32_MAX: Final = 2**32 - 1
U64_MAX: Final = 2**64 - 1

# Solana: transactions and accounts, as the validator enforces them.

MAX_TRANSACTION_BYTES: Final = 1232
"""A signed transaction: an IPv6 packet of 1,280 bytes less 48 bytes of headers (``PACKET_DATA_SIZE``)."""

SIGNATURE_BYTES: Final = 64
"""An ed25519 signature."""

MAX_MESSAGE_ACCOUNTS: Final = 256
"""Accounts that a message can name: it refers to them by one byte."""

MAX_ACCOUNT_LOCKS: Final = 64
"""Accounts that a transaction may lock; 128 where the feature ``increase_tx_account_lock_limit`` is active."""

MAX_ACCOUNT_BYTES: Final = 10 * 1024 * 1024
"""Data of an account (``MAX_PERMITTED_DATA_LENGTH``)."""

MAX_SEED_BYTES: Final = 32
"""One seed of a program-derived address (``MAX_SEED_LEN``)."""

LAMPORTS_PER_SIGNATURE: Final = 5_000
"""Base fee of a transaction, which buys no priority."""

BLOCKHASH_MAX_AGE: Final = 150
"""Blocks for which a blockhash is accepted (``MAX_PROCESSING_AGE``)."""

# SPL Token: accounts without extensions.

MINT_BYTES: Final = 82
TOKEN_ACCOUNT_BYTES: Final = 165

# Psyche: the coordinator's capacities, which its account layout fixes, and what its instructions accept.

MAX_CLIENTS: Final = 256
"""Clients of an epoch, clients that left it, and wallets that ever joined a run (``SOLANA_MAX_NUM_CLIENTS``)."""

MAX_WITNESSES: Final = 32
"""Witnesses of a round (``SOLANA_MAX_NUM_WITNESSES``)."""

STORED_ROUNDS: Final = 4
"""Rounds in the ring (``NUM_STORED_ROUNDS``)."""

MAX_RUN_ID_BYTES: Final = MAX_SEED_BYTES
"""UTF-8 of a run id, which is one seed of its instance's address."""

MAX_CLIENT_VERSION_BYTES: Final = 96
MAX_RUN_NAME_BYTES: Final = 64
MAX_DESCRIPTION_BYTES: Final = 280

COORDINATOR_INSTANCE_BYTES: Final = 173
TREASURER_RUN_BYTES: Final = 200

NEW_AUTHORIZATION_BYTES: Final = 108
"""An authorization with the scope ``CoordinatorJoinRun`` and without delegates."""

DISCRIMINATOR_BYTES: Final = 8
"""What Anchor puts in front of every account of a program."""

COORDINATOR_ACCOUNT_BYTES: Final = 119_160
"""A coordinator account in layout v1: discriminator and memory image."""

RETIRED_COORDINATOR_ACCOUNT_BYTES: Final = 119_072
"""A coordinator account in layout v0, which has no version field."""
