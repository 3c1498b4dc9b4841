"""Constants of Solana and of the Psyche programs, each with its source. Sizes are in bytes.

Limits that this tool chooses itself, such as timeouts and maximum file sizes, are defined where they apply.
"""

from __future__ import annotations

from typing import Final

U16_MAX: Final = 2**16 - 1
U32_MAX: Final = 2**32 - 1
U64_MAX: Final = 2**64 - 1

LOCAL_RPC_PORT: Final = 8899
"""Default JSON-RPC port of a local validator, the same as that of ``solana-test-validator``."""

LOCAL_RPC_URL: Final = f"http://127.0.0.1:{LOCAL_RPC_PORT}"
"""Default RPC URL of a local validator. It has an address rather than ``localhost``, which may resolve to ::1 first,
because local validators listen on IPv4 only."""

# Solana: limits of transactions and accounts that the validator enforces.

MAX_TRANSACTION_BYTES: Final = 1232
"""Maximum size of a signed transaction: a 1,280-byte IPv6 packet minus 48 bytes of headers (``PACKET_DATA_SIZE``)."""

SIGNATURE_BYTES: Final = 64
"""Size of an ed25519 signature."""

MAX_MESSAGE_ACCOUNTS: Final = 256
"""Maximum number of accounts in a message, which refers to them by one-byte indexes."""

MAX_ACCOUNT_LOCKS: Final = 64
"""Maximum number of accounts that a transaction may lock; 128 if ``increase_tx_account_lock_limit`` is active."""

MAX_ACCOUNT_BYTES: Final = 10 * 1024 * 1024
"""Maximum size of an account's data (``MAX_PERMITTED_DATA_LENGTH``)."""

MAX_SEED_BYTES: Final = 32
"""Maximum size of one seed of a program-derived address (``MAX_SEED_LEN``)."""

LAMPORTS_PER_SIGNATURE: Final = 5_000
"""Base fee of a transaction per signature, in lamports, without a priority fee."""

MAX_COMPUTE_UNITS: Final = 1_400_000
"""Maximum compute unit limit of a transaction (``MAX_COMPUTE_UNIT_LIMIT``)."""

MAX_LOADED_BYTES: Final = 64 * 1024 * 1024
"""Maximum, and default, limit of the data that a transaction loads (``MAX_LOADED_ACCOUNTS_DATA_SIZE_BYTES``)."""

BLOCKHASH_MAX_AGE: Final = 150
"""Number of blocks for which a blockhash is valid (``MAX_PROCESSING_AGE``)."""

# SPL Token: sizes of accounts without extensions, and the range of a mint's decimals.

MINT_BYTES: Final = 82
TOKEN_ACCOUNT_BYTES: Final = 165
TOKEN_MULTISIG_BYTES: Final = 355
"""No mint or token account has this size: Token-2022 adds bytes to one that would."""
MAX_DECIMALS: Final = 255

# Psyche: capacities fixed by the coordinator's account layout, and limits that its instructions enforce.

MAX_CLIENTS: Final = 256
"""Capacity of each client list: clients of an epoch, clients that left it, and wallets that ever joined the run
(``SOLANA_MAX_NUM_CLIENTS``)."""

MAX_WITNESSES: Final = 32
"""Maximum number of witnesses in a round (``SOLANA_MAX_NUM_WITNESSES``)."""

ROUNDS_AFTER_EPOCH_TIME: Final = 2
"""Rounds of an epoch that follow the first one that ends after ``epoch_time``."""

STORED_ROUNDS: Final = 4
"""Size of the ring buffer of rounds (``NUM_STORED_ROUNDS``)."""

MAX_RUN_ID_BYTES: Final = MAX_SEED_BYTES
"""Maximum length of a run id in UTF-8; it is one seed of the instance's address."""

MAX_CLIENT_VERSION_BYTES: Final = 96
MAX_RUN_NAME_BYTES: Final = 64
MAX_DESCRIPTION_BYTES: Final = 280
MAX_REPOSITORY_BYTES: Final = 64
"""A repository of a checkpoint, and its revision."""

COORDINATOR_INSTANCE_BYTES: Final = 173
TREASURER_RUN_BYTES: Final = 200
CLAIMER_TREASURER_RUN_BYTES: Final = 168
"""In layout v2-claimer."""
PARTICIPANT_BYTES: Final = 32

NEW_AUTHORIZATION_BYTES: Final = 108
"""Size of an authorization with the scope ``CoordinatorJoinRun`` and no delegates."""

DISCRIMINATOR_BYTES: Final = 8
"""Size of the discriminator at the start of every Anchor account."""

COORDINATOR_ACCOUNT_BYTES: Final = 119_160
"""Size of a coordinator account in layout v1: discriminator and memory image."""
