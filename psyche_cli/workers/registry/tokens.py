"""Tokens that identify workers. The registry contains only their SHA-256."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["launch", "session", "publish"]
"""What a token is for: to register, for all later calls, or to publish telemetry."""

_BYTES: Final = 32
_NO_DIGEST: Final = bytes(32)


def issue(connection: sqlite3.Connection, run_id: str, worker_id: str, kind: Kind, at: float) -> str:
    """A new token, which replaces the worker's earlier one of this kind."""
    token = secrets.token_urlsafe(_BYTES)
    connection.execute(
        "INSERT OR REPLACE INTO sessions (run_id, worker_id, kind, digest, issued_at) VALUES (?, ?, ?, ?, ?)",
        (run_id, worker_id, kind, _digest(token), at),
    )
    return token


def is_valid(connection: sqlite3.Connection, run_id: str, worker_id: str, kind: Kind, token: str) -> bool:
    """Whether it is the token of the worker. Compares in constant time, also if the worker has none."""
    query = "SELECT digest FROM sessions WHERE run_id = ? AND worker_id = ? AND kind = ?"
    row = connection.execute(query, (run_id, worker_id, kind)).fetchone()
    return hmac.compare_digest(_NO_DIGEST if row is None else row[0], _digest(token))


def has(connection: sqlite3.Connection, run_id: str, worker_id: str, kind: Kind) -> bool:
    """Whether a worker has a token of a kind."""
    query = "SELECT 1 FROM sessions WHERE run_id = ? AND worker_id = ? AND kind = ?"
    return connection.execute(query, (run_id, worker_id, kind)).fetchone() is not None


def revoke(connection: sqlite3.Connection, run_id: str, worker_id: str, kind: Kind | None = None) -> None:
    """Make the tokens of a worker invalid: those of one kind, or all."""
    connection.execute(
        "DELETE FROM sessions WHERE run_id = ? AND worker_id = ? AND kind = coalesce(?, kind)",
        (run_id, worker_id, kind),
    )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
