"""The file of a history: its name, its tables, and what is wrong with it in words."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from psyche_cli import sqlite_files
from psyche_cli.errors import HistoryBusy, HistoryDamaged, HistoryError, HistoryTooNew
from psyche_cli.history.decoding import decode_new
from psyche_cli.history.file import HistoryFile, history_path
from psyche_cli.history.schema import FORMAT
from psyche_cli.protocol.programs import PUBLISHED
from tests.history.conftest import Reading
from tests.history.story import StillStory

GUIDE = Path(__file__).parents[2] / "docs" / "history.md"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[HistoryFile]:
    with closing(HistoryFile(tmp_path / "history" / "run.sqlite")) as file:
        file.claim("run", "genesis", PUBLISHED)
        yield file


@pytest.mark.parametrize(
    ("run_id", "name"),
    [
        ("my-run_2.5", "my-run_2.5"),
        ("MyRun", "%4dy%52un"),
        (".", "%2e"),
        ("..", "%2e."),
        ("../a", "%2e.%2fa"),
        ("a b", "a%20b"),
        ("a\0b\n", "a%00b%0a"),
        ("é%", "%c3%a9%25"),
        ("\U0001f30d" * 8, "%f0%9f%8c%8d" * 8),
        ("x" * 32, "x" * 32),
    ],
)
def test_every_run_id_is_a_safe_file_name(tmp_path: Path, run_id: str, name: str) -> None:
    path = history_path(tmp_path, "genesis", run_id)
    assert path == tmp_path / "history" / "genesis" / f"{name}.sqlite"
    path.parent.mkdir(parents=True)
    path.touch()


def test_the_documentation_lists_all_tables_and_columns(told: StillStory, reading: Reading) -> None:
    reader = reading(told)
    reader.sync(told.transport())
    documented = {}
    guide = GUIDE.read_text(encoding="utf-8").partition("\n## The file\n")[2].partition("\n## ")[0]
    for section in re.split(r"^### ", guide, flags=re.MULTILINE)[1:]:
        name, _, text = section.partition("\n")
        documented[name] = re.findall(r"^\| `(\w+)` \| (\w+) \|", text, re.MULTILINE)
    uri = f"{reader.file.path.as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            columns = documented.pop(table)
            found = [(name, kind) for _, name, kind, *_ in connection.execute(f"PRAGMA table_info({table})")]
            assert found == [(name, kind.replace("JSON", "TEXT")) for name, kind in columns]
            for name, kind in columns:
                values = [value for (value,) in connection.execute(f"SELECT {name} FROM {table}") if value is not None]
                assert kind != "JSON" or [json.loads(value) for value in values] or table == "events"
        [*view] = connection.execute("PRAGMA table_info(timeline)")
    timeline = guide.partition("### timeline")[2]
    assert re.findall(r"`(\w+)`", timeline) == [name for _, name, *_ in view]
    assert [*documented] == ["timeline"]


def test_the_documented_queries(told: StillStory, reading: Reading) -> None:
    """They work without psyche-cli, in a connection that only reads, as that of Datasette."""
    reader = reading(told)
    reader.sync(told.transport())
    decode_new(reader.history, PUBLISHED)
    guide = GUIDE.read_text(encoding="utf-8")
    [witnesses] = re.findall(r'read_sql\("(.+?)", connection\)', guide)
    [transfers] = re.findall(r"```sql\n(.+?)```", guide, re.DOTALL)
    uri = f"{reader.file.path.as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        assert len(connection.execute(witnesses).fetchall()) > 10
        found = connection.execute(transfers).fetchall()
    assert [json.loads(arguments)["token_amount"]["base_units"] for *_, arguments in found][:1] == [10**6]


def test_the_file_is_private_and_has_a_write_ahead_log(file: HistoryFile) -> None:
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700
    with file.reading() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_a_file_about_another_run_is_refused(file: HistoryFile) -> None:
    file.claim("run", "genesis", PUBLISHED)
    for run_id, genesis in (("run2", "genesis"), ("run", "another")):
        with pytest.raises(HistoryDamaged, match="it is about another run"):
            file.claim(run_id, genesis, PUBLISHED)


def test_a_newer_file_is_refused(file: HistoryFile) -> None:
    with file.writing() as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with closing(HistoryFile(file.path)) as again, pytest.raises(HistoryTooNew) as caught, again.reading():
        pass
    assert (caught.value.version, caught.value.supported) == (FORMAT + 1, FORMAT)
    assert "Update psyche-cli" in caught.value.hint


@pytest.mark.parametrize("content", [b"no database" * 1000, b""])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.sqlite"
    path.write_bytes(content)
    if not content:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE other (x)")
    with closing(HistoryFile(path)) as file, pytest.raises(HistoryDamaged) as caught, file.reading():
        pass
    assert "Move the file away" in caught.value.hint
    assert str(path) in caught.value.message


def test_damaged_pages(told: StillStory, reading: Reading) -> None:
    reader = reading(told)
    reader.sync(told.transport())
    reader.history.close()
    content = bytearray(reader.file.path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    reader.file.path.write_bytes(content)
    with pytest.raises(HistoryDamaged):
        list(reader.history.transactions())


def test_a_row_that_cannot_be_decoded(told: StillStory, reading: Reading) -> None:
    reader = reading(told)
    reader.sync(told.transport())
    for value in ("[1, NaN]", "no JSON", b"bytes"):
        with reader.file.writing() as connection:
            connection.execute("UPDATE contents SET logs = ?", (value,))
        with pytest.raises(HistoryDamaged, match="a row cannot be decoded"):
            list(reader.history.transactions())


def test_a_full_disk(told: StillStory, reading: Reading) -> None:
    reader = reading(told)
    reader.file.claim(reader.run_id, reader.genesis_hash, PUBLISHED)
    with reader.file.reading() as connection:
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 4}")
    with pytest.raises(HistoryError, match="cannot be written: database or disk is full") as caught:
        reader.sync(told.transport())
    assert type(caught.value) is HistoryError
    with reader.file.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    reader.sync(told.transport())
    assert reader.signatures == told.recorded


def test_a_locked_file(file: HistoryFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_files, "LOCK_SECONDS", 0.01)
    with closing(sqlite3.connect(file.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with closing(HistoryFile(file.path)) as again, pytest.raises(HistoryError, match="database is locked"):
            again.claim("run", "genesis", PUBLISHED)
        other.execute("ROLLBACK")


def test_one_sync_at_a_time(told: StillStory, reading: Reading) -> None:
    reader = reading(told)
    with HistoryFile(reader.file.path).locked():
        with pytest.raises(HistoryBusy) as caught:
            reader.sync(told.transport())
        assert "--no-sync" in caught.value.hint
    reader.sync(told.transport())
    assert reader.signatures == told.recorded


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with closing(HistoryFile(tmp_path / "history" / "run.sqlite")) as file, pytest.raises(HistoryError) as caught:
            file.claim("run", "genesis", PUBLISHED)
        assert "Permission denied" in caught.value.message
    finally:
        tmp_path.chmod(0o700)


def test_a_history_that_does_not_exist_is_empty(tmp_path: Path, reading: Reading, told: StillStory) -> None:
    reader = reading(told)
    assert reader.signatures == []
    assert reader.history.transaction("none") is None
    assert reader.history.incarnations() == [] == list(reader.history.gaps())
    assert reader.history.totals().transactions == 0
    assert not reader.file.path.exists()
