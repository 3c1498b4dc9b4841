"""The file of the registry: who may read it, and what cannot be used."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from psyche_cli import sqlite_files
from psyche_cli.errors import RegistryDamaged, RegistryError, RegistryTooNew
from psyche_cli.workers.registry.database import FORMAT, Database
from psyche_cli.workers.registry.registry import Registry
from tests.workers.registry.submissions import submission


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A registry with a run."""
    path = tmp_path / "workers" / "registry.db"
    with closing(Registry(path)) as registry:
        registry.submit(submission(), at=1000)
    return path


def test_only_its_owner_can_read_it(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_it_has_a_write_ahead_log_and_foreign_keys(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    with (
        closing(Database(path)) as found,
        pytest.raises(RegistryDamaged, match="FOREIGN KEY"),
        found.writing() as connection,
    ):
        connection.execute("UPDATE gpu_slots SET run_id = 'none', worker_id = 'none' WHERE number = 0")


def test_a_reader_does_not_wait_for_a_writer(path: Path) -> None:
    with closing(Registry(path)) as reader, closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE runs SET name = 'changed'")
        assert [run.name for run in reader.runs()] == ["test"]
        writer.execute("COMMIT")
        assert [run.name for run in reader.runs()] == ["changed"]


def test_a_registry_of_a_newer_version_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with closing(Registry(path)) as registry, pytest.raises(RegistryTooNew) as caught:
        registry.runs()
    assert (caught.value.version, caught.value.supported) == (FORMAT + 1, FORMAT)
    assert caught.value.path == str(path)


def test_a_registry_of_an_older_version_is_updated(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TABLE settings")
        connection.execute("DROP INDEX open_runs")
        connection.execute("DROP INDEX changes_of_runs")
        connection.execute("PRAGMA user_version = 1")
    with closing(Registry(path)) as registry:
        assert [run.name for run in registry.runs()] == ["test"]
        assert registry.set_slot_count(1, told=2) == 2
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (FORMAT,)


def test_a_file_of_another_application_is_refused_and_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (a)")
    before = path.read_bytes()
    with closing(Registry(path)) as registry, pytest.raises(RegistryDamaged, match="belongs to another application"):
        registry.submit(submission(), at=1000)
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["text", "cut", "pages", "row"])
def test_a_damaged_registry_is_reported(path: Path, damage: str) -> None:
    content = path.read_bytes()
    if damage == "row":
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE workers SET slots = '[1,'")
    else:
        halves = {"text": b"no database " * 1000, "cut": content[: len(content) // 2], "pages": _overwritten(content)}
        path.write_bytes(halves[damage])
    with closing(Registry(path)) as registry, pytest.raises(RegistryDamaged) as caught:
        registry.overview()
    assert caught.value.path == str(path)
    assert "move the file away" in caught.value.hint


def _overwritten(content: bytes) -> bytes:
    return content[:4096] + b"\xaa" * (len(content) - 4096)


def test_a_registry_that_is_locked_for_too_long(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_files, "LOCK_SECONDS", 0.01)
    with closing(Registry(path)) as registry, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RegistryError, match="cannot be written: database is locked"):
            registry.submit(submission("another"), at=1000)
        other.execute("ROLLBACK")
        assert registry.submit(submission("another"), at=1000).created


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with closing(Registry(tmp_path / "workers" / "registry.db")) as registry, pytest.raises(RegistryError):
        registry.submit(submission(), at=1000)
    tmp_path.chmod(0o700)


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "workers").write_text("")
    registry = Registry(tmp_path / "workers" / "registry.db")
    with closing(registry), pytest.raises(RegistryError, match=r"cannot be written: (File exists|Not a directory)"):
        registry.submit(submission(), at=1000)
