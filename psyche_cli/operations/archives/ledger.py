"""The ledger in an archive: its transactions, in a temporary file in the form of a history."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from psyche_cli import base58
from psyche_cli.errors import HistoryDamaged
from psyche_cli.history import copying
from psyche_cli.history.decoding import decode_new
from psyche_cli.history.file import HistoryFile
from psyche_cli.history.rows import from_text
from psyche_cli.history.store import History
from psyche_cli.operations.archives import format as names
from psyche_cli.protocol.programs import PUBLISHED

if TYPE_CHECKING:
    import sqlite3

    from psyche_cli.history.records import RawTransaction, TokenBalance
    from psyche_cli.json_values import Json
    from psyche_cli.operations.archives.reading import ArchiveFile

_LISTED: Final = """
SELECT t.signature, t.slot, t.error, t.block_time, t.commitment FROM transactions AS t
JOIN listings AS l ON l.transaction_id = t.id JOIN addresses AS a ON a.id = l.address WHERE a.address = :address
{bounds} ORDER BY t.slot DESC, t.position DESC, t.signature LIMIT :limit
"""
_AFTER: Final = "AND (t.slot, t.position) > (SELECT slot, position FROM transactions WHERE signature = :until)"
_BEFORE: Final = "AND (t.slot, t.position) < (SELECT slot, position FROM transactions WHERE signature = :before)"
_STATUS: Final = "SELECT slot, error, commitment FROM transactions WHERE signature = ?"


class ArchivedLedger:
    """The transactions in an archive, which are read when they are needed.

    Methods raise ArchiveDamaged and ArchiveError.
    """

    def __init__(self, archive: ArchiveFile) -> None:
        self._archive = archive
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._history: History | None = None
        self._is_whole = False

    def close(self) -> None:
        """Remove the temporary file."""
        if self._history is not None:
            self._history.close()
        if self._folder is not None:
            self._folder.cleanup()

    def history(self) -> History:
        """The whole history, in a file that can be used until the archive is closed.

        Its events are decoded again: those in the archive are for other programs.
        """
        history = self._listed()
        if not self._is_whole:
            with self._archive.damage_reported(), history.file.writing() as connection:
                rows = self._archive.records(names.CONTENTS, copying.CONTENTS.read)
                copying.write_rows(connection, copying.CONTENTS, rows)
                [missing] = connection.execute(_WITHOUT_CONTENT).fetchone()
                if missing > 0:
                    raise self._archive.damaged(f"it does not have the content of {missing:,} transactions")
            decode_new(history, PUBLISHED)
            self._is_whole = True
        return history

    def signatures(self, address: str, *, limit: int, before: str | None, until: str | None) -> list[Json]:
        """The result of getSignaturesForAddress for an address of the run."""
        bounds = f"{_BEFORE if before is not None else ''} {_AFTER if until is not None else ''}"
        values = {"address": address, "limit": limit, "before": before, "until": until}
        with self._listed().file.reading() as connection:
            if until is not None and connection.execute(_STATUS, (until,)).fetchone() is None:
                bounds = bounds.replace(_AFTER, "")
            rows = connection.execute(_LISTED.format(bounds=bounds), values).fetchall()
        return [
            {
                "signature": signature,
                "slot": slot,
                "err": None if error is None else from_text(error),
                "memo": None,
                "blockTime": time,
                "confirmationStatus": commitment,
            }
            for signature, slot, error, time, commitment in rows
        ]

    def has(self, address: str) -> bool:
        """Whether the archive lists the transactions of an address."""
        with self._listed().file.reading() as connection:
            return connection.execute("SELECT 1 FROM addresses WHERE address = ?", (address,)).fetchone() is not None

    def status(self, signature: str) -> Json:
        """An element of the result of getSignatureStatuses."""
        with self._listed().file.reading() as connection:
            row = connection.execute(_STATUS, (signature,)).fetchone()
        if row is None:
            return None
        slot, error, commitment = row
        error = None if error is None else from_text(error)
        return {"slot": slot, "confirmations": None, "err": error, "confirmationStatus": commitment}

    def transaction(self, signature: str, encoding: str) -> Json:
        """The result of getTransaction in the encoding ``base64``, or in another one with the addresses only."""
        found = self.history().transaction(signature)
        return None if found is None else _transaction(found, encoding)

    def _listed(self) -> History:
        """The history without the content of the transactions."""
        if self._history is None:
            self._folder = tempfile.TemporaryDirectory(prefix="psyche-cli-archive-")
            file = _Archived(Path(self._folder.name) / "history.sqlite", self._archive)
            manifest = self._archive.manifest
            file.claim(manifest.run_id, manifest.genesis_hash, PUBLISHED)
            with self._archive.damage_reported(), file.writing() as connection:
                self._write_outline(connection)
            self._history = History(file)
        return self._history

    def _write_outline(self, connection: sqlite3.Connection) -> None:
        manifest = self._archive.manifest
        connection.execute("UPDATE run SET synced_at = ?, synced_slot = ?", (manifest.time, manifest.synced_slot))
        for name, part in (
            (names.ADDRESSES, copying.ADDRESSES),
            (names.INCARNATIONS, copying.INCARNATIONS),
            (names.GAPS, copying.GAPS),
        ):
            copying.write_rows(connection, part, self._archive.records(name, part.read))

        def recorded(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
            for row in rows:
                connection.execute(copying.TRANSACTIONS.insert, row)
                yield row

        rows = self._archive.records(names.TRANSACTIONS, copying.TRANSACTIONS.read)
        copying.write_rows(connection, copying.LISTINGS, recorded(rows))


_WITHOUT_CONTENT: Final = """
SELECT count(*) FROM transactions AS t
WHERE t.of_run AND t.fetched_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM contents WHERE transaction_id = t.id)
"""


class _Archived(HistoryFile):
    """A history from an archive, which is blamed for what is wrong with it."""

    def __init__(self, path: Path, archive: ArchiveFile) -> None:
        super().__init__(path)
        self._archive = archive

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent state of the file. Raises ArchiveDamaged."""
        with self._damage_of_archive(), super().reading() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, as in any history. Raises ArchiveDamaged."""
        with self._damage_of_archive(), super().writing() as connection:
            yield connection

    @contextmanager
    def _damage_of_archive(self) -> Iterator[None]:
        try:
            yield
        except HistoryDamaged as error:
            reason = str(error.__cause__ or "its history is not consistent").rstrip(".")
            raise self._archive.damaged(reason) from error


def _transaction(found: RawTransaction, encoding: str) -> Json:
    message = found.message
    encoded: Json = [base64.b64encode(found.content).decode(), "base64"]
    if encoding != "base64":
        keys = [str(account.address) for account in message.accounts]
        encoded = {"signatures": [found.signature], "message": {"accountKeys": keys}}
    inner: dict[int, list[Json]] = {}
    for one in found.inner:
        call = {"programIdIndex": one.program, "accounts": [*one.accounts], "stackHeight": one.height}
        inner.setdefault(one.outer, []).append({**call, "data": base58.encode(one.data)})
    return {
        "slot": found.slot,
        "blockTime": found.block_time,
        "version": message.version,
        "transaction": encoded,
        "meta": {
            "err": found.error,
            "fee": found.fee,
            "computeUnitsConsumed": found.units,
            "preBalances": [*found.lamports_before],
            "postBalances": [*found.lamports_after],
            "preTokenBalances": [*map(_balance, found.tokens_before)],
            "postTokenBalances": [*map(_balance, found.tokens_after)],
            "innerInstructions": [{"index": index, "instructions": calls} for index, calls in inner.items()],
            "logMessages": [*found.logs],
            "loadedAddresses": {"writable": [*found.loaded_writable], "readonly": [*found.loaded_readonly]},
        },
    }


def _balance(one: TokenBalance) -> Json:
    amount = {"amount": str(one.amount), "decimals": 0 if one.decimals is None else one.decimals}
    return {"accountIndex": one.account, "mint": one.mint, "owner": one.owner, "uiTokenAmount": amount}
