"""The tables of a history file. docs/history.md describes them for those who open the file with other programs."""

from __future__ import annotations

from typing import Final

FORMAT: Final = 1
"""Version of the tables, in SQLite's ``user_version``."""

APPLICATION: Final = 0x50537948
"""Marks the file as a history, in SQLite's ``application_id``."""

TABLES: Final = (
    """
CREATE TABLE run (
    run_id TEXT NOT NULL,
    genesis_hash TEXT NOT NULL,
    coordinator_program TEXT NOT NULL,
    authorizer_program TEXT NOT NULL,
    treasurer_program TEXT NOT NULL,
    instance TEXT NOT NULL,
    synced_at INTEGER,
    synced_slot INTEGER
)
""",
    """
CREATE TABLE incarnations (
    number INTEGER PRIMARY KEY,
    coordinator_account TEXT NOT NULL,
    created_by TEXT,
    created_slot INTEGER,
    closed_by TEXT,
    closed_slot INTEGER,
    main_authority TEXT,
    join_authority TEXT,
    treasurer_run TEXT,
    vault TEXT
)
""",
    """
CREATE TABLE addresses (
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    newest_signature TEXT,
    newest_slot INTEGER,
    walk INTEGER NOT NULL DEFAULT 0,
    walk_step INTEGER,
    walk_signature TEXT,
    walk_slot INTEGER,
    walk_newest_signature TEXT,
    walk_newest_slot INTEGER
)
""",
    """
CREATE TABLE transactions (
    id INTEGER PRIMARY KEY,
    signature TEXT NOT NULL UNIQUE,
    slot INTEGER NOT NULL,
    position INTEGER,
    ordered_by TEXT,
    commitment TEXT NOT NULL,
    listed_at INTEGER NOT NULL,
    block_time INTEGER,
    error TEXT,
    fetched_at INTEGER,
    absent TEXT,
    of_run INTEGER NOT NULL DEFAULT 1,
    milestone INTEGER NOT NULL DEFAULT 0,
    decoder INTEGER,
    fee INTEGER,
    payer TEXT,
    units INTEGER
)
""",
    """
CREATE TABLE contents (
    transaction_id INTEGER PRIMARY KEY REFERENCES transactions ON DELETE CASCADE,
    content BLOB NOT NULL,
    loaded_writable TEXT NOT NULL,
    loaded_readonly TEXT NOT NULL,
    inner_calls TEXT NOT NULL,
    lamports_before TEXT NOT NULL,
    lamports_after TEXT NOT NULL,
    tokens_before TEXT NOT NULL,
    tokens_after TEXT NOT NULL,
    logs TEXT NOT NULL
)
""",
    """
CREATE TABLE listings (
    address INTEGER NOT NULL REFERENCES addresses,
    transaction_id INTEGER NOT NULL REFERENCES transactions ON DELETE CASCADE,
    walk INTEGER NOT NULL,
    step INTEGER NOT NULL,
    PRIMARY KEY (address, transaction_id)
) WITHOUT ROWID
""",
    """
CREATE TABLE gaps (
    id INTEGER PRIMARY KEY,
    address INTEGER NOT NULL REFERENCES addresses,
    after_signature TEXT,
    after_slot INTEGER,
    before_signature TEXT,
    before_slot INTEGER,
    first_slot INTEGER,
    found_at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    filled_at INTEGER
)
""",
    """
CREATE TABLE events (
    transaction_id INTEGER NOT NULL REFERENCES transactions ON DELETE CASCADE,
    instruction INTEGER NOT NULL,
    inner_call INTEGER NOT NULL,
    program TEXT NOT NULL,
    kind TEXT NOT NULL,
    signers TEXT NOT NULL,
    accounts TEXT NOT NULL,
    arguments TEXT NOT NULL,
    effects TEXT NOT NULL,
    failed INTEGER NOT NULL,
    error TEXT,
    PRIMARY KEY (transaction_id, instruction, inner_call)
)
""",
    """
CREATE TABLE images (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    slot INTEGER NOT NULL,
    position INTEGER NOT NULL,
    decoder INTEGER NOT NULL,
    data BLOB,
    UNIQUE (account, slot, position)
)
""",
    "CREATE INDEX transactions_in_order ON transactions (slot, position)",
    "CREATE INDEX transactions_to_fetch ON transactions (id) WHERE fetched_at IS NULL",
    "CREATE INDEX transactions_to_place ON transactions (slot) WHERE position IS NULL",
    "CREATE INDEX transactions_by_decoder ON transactions (decoder, slot, position)",
    "CREATE INDEX milestones ON transactions (slot, position) WHERE milestone",
    "CREATE INDEX transactions_not_final ON transactions (slot) WHERE commitment != 'finalized'",
    "CREATE INDEX listings_of_transactions ON listings (transaction_id)",
    "CREATE INDEX events_by_kind ON events (kind)",
    """
CREATE VIEW timeline AS
SELECT t.slot, t.position, e.instruction, e.inner_call, t.block_time, t.signature, e.program, e.kind, e.signers,
    e.accounts, e.arguments, e.effects, e.failed, e.error, t.fee, t.commitment
FROM events AS e JOIN transactions AS t ON t.id = e.transaction_id
ORDER BY t.slot, t.position, e.instruction, e.inner_call
""",
)
