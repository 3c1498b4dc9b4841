"""The journal's file: records, states, sessions of other processes, and everything that can be wrong with it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from psyche_cli import sqlite_files
from psyche_cli.errors import JournalDamaged, JournalError, JournalTooNew, Json
from psyche_cli.solana.sending import journal as module
from psyche_cli.solana.sending.journal import CreatedAccount, Journal, JournalEntry, RecordState
from psyche_cli.solana.sending.recording import Recorder
from tests.solana.scripted import FakeClock

CLOCK = FakeClock()


def entry(signature: str = "one", session: str = "a session", **changes: object) -> JournalEntry:
    made = JournalEntry(
        signature=signature,
        raw=b"\x01signed",
        label="top up",
        command="treasurer-top-up-rewards",
        intent='{"command": "treasurer-top-up-rewards"}',
        run_id="my-run",
        wallet="a wallet",
        genesis_hash="a genesis hash",
        endpoint="http://127.0.0.1:8899",
        blockhash="a blockhash",
        last_valid_block_height=150,
        recorded_slot=7,
        created_accounts=(CreatedAccount("an address", "a role"),),
        recorded_at=1_700_000_000,
        session=session,
    )
    return made._replace(**changes)  # type: ignore[arg-type]  # of these names


def test_a_record_is_read_back_and_settled_once(tmp_path: Path) -> None:
    with closing(Journal(tmp_path / "state", CLOCK)) as journal:
        assert journal.entries() == []
        assert journal.entry("one") is None
        assert not journal.path.exists()
        assert journal.record(entry())
        assert journal.record(entry("two", recorded_at=1_600_000_000))
        assert journal.entry("one") == entry()
        assert [one.signature for one in journal.entries()] == ["two", "one"]
        error: Json = {"InstructionError": [0, {"Custom": 1}]}
        assert journal.settle("one", RecordState.FAILED, slot=9, error=error)
        assert not journal.settle("one", RecordState.LANDED, slot=10), "a final state does not change"
        done = journal.entry("one")
        assert done == entry()._replace(
            state=RecordState.FAILED, slot=9, error=error, settled_at=int(CLOCK.unix_time())
        )
        assert [one.signature for one in journal.entries(unsettled_only=True)] == ["two"]
    with closing(Journal(tmp_path / "state", CLOCK)) as again:
        assert again.entry("one") == done


def test_missing_folders_are_created_for_the_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "one" / "two"
    with closing(Journal(folder, CLOCK)) as journal:
        journal.record(entry())
        for made in (folder, folder / "running"):
            assert made.stat().st_mode & 0o777 == 0o700


def test_the_same_bytes_are_recorded_again_only_if_they_were_never_sent(tmp_path: Path) -> None:
    with closing(Journal(tmp_path, CLOCK)) as journal:
        assert journal.record(entry())
        assert not journal.record(entry(label="another"))
        journal.settle("one", RecordState.NOT_SENT)
        again = entry(label="again")
        assert journal.record(again)
        assert journal.entry("one") == again


def test_the_oldest_settled_records_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SETTLED", 3)
    with closing(Journal(tmp_path, CLOCK)) as journal:
        for number in range(10):
            journal.record(entry(str(number), recorded_at=number))
            if number not in (0, 4):
                journal.settle(str(number), RecordState.LANDED)
        # The last one was settled after it was recorded.
        assert [one.signature for one in journal.entries()] == ["0", "4", "6", "7", "8", "9"]
        journal.record(entry("10", recorded_at=10))
        assert [one.signature for one in journal.entries()] == ["0", "4", "7", "8", "9", "10"]
        assert [one.signature for one in journal.entries(unsettled_only=True)] == ["0", "4", "10"]


def test_settled_records_are_removed_by_age(tmp_path: Path) -> None:
    with closing(Journal(tmp_path / "state", CLOCK)) as journal:
        assert journal.forget_settled(100) == 0
        assert not (tmp_path / "state").exists()
        for number, state in enumerate(RecordState):
            journal.record(entry(str(number), recorded_at=number))
            if state is not RecordState.UNSETTLED:
                journal.settle(str(number), state)
        assert journal.forget_settled(3) == 2
        assert [one.signature for one in journal.entries()] == ["0", "3", "4", "5"]
        assert journal.forget_settled(100) == 3
        assert [one.state for one in journal.entries()] == [RecordState.UNSETTLED]


def test_a_failed_write_leaves_the_journal_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SETTLED", 1)
    with closing(Journal(tmp_path, CLOCK)) as journal:
        for number in range(2):
            journal.record(entry(str(number), recorded_at=number))
            journal.settle(str(number), RecordState.LANDED)
        with monkeypatch.context() as patch:
            patch.setattr(module, "_PRUNE", "DELETE FROM nothing WHERE ?")
            with pytest.raises(JournalError):
                journal.record(entry("new"))
        assert [one.signature for one in journal.entries()] == ["0", "1"]
        assert journal.record(entry("new")), "the connection can still be used"


def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path: Path) -> None:
    with closing(Journal(tmp_path, CLOCK)) as journal:
        journal.record(entry())
        connection = journal._open()
        [size] = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {size}")
        with pytest.raises(JournalError, match="cannot be written: database or disk is full") as caught:
            journal.record(entry("large", raw=bytes(100_000)))
        assert caught.value.hint.startswith("Free some space")
        assert journal.record(entry("small")), "there is room for it"
        assert [one.signature for one in journal.entries()] == ["one", "small"]


def test_a_record_is_left_behind_when_its_process_has_ended(tmp_path: Path) -> None:
    first, second = Journal(tmp_path, CLOCK), Journal(tmp_path, CLOCK)
    first.record(entry(session=first.session))
    [record] = second.entries()
    assert not second.is_left_behind(record), "the other process is running"
    assert not first.is_left_behind(record), "it is its own"
    first.close()
    assert second.is_left_behind(record)
    second.close()
    second.close()


def test_a_killed_process_leaves_its_records_behind(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from psyche_cli.solana.sending.journal import Journal
from tests.solana.test_journal import CLOCK, entry
journal = Journal(Path(sys.argv[1]), CLOCK)
journal.record(entry(session=journal.session))
print("recorded", flush=True)
sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "recorded\n"
    with closing(Journal(tmp_path, CLOCK)) as journal:
        [record] = journal.entries()
        assert not journal.is_left_behind(record)
        process.kill()
        process.communicate()
        assert journal.is_left_behind(record)
        assert not list((tmp_path / "running").iterdir()), "its mark is deleted"


def test_an_empty_file_is_a_journal_that_was_about_to_be_created(tmp_path: Path) -> None:
    (tmp_path / module.FILE_NAME).touch()
    with closing(Journal(tmp_path, CLOCK)) as journal:
        assert journal.entries() == []
        assert journal.record(entry())


def test_the_file_of_another_application_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / module.FILE_NAME)) as connection:
        connection.execute("CREATE TABLE something (x)")
    with closing(Journal(tmp_path, CLOCK)) as journal, pytest.raises(JournalDamaged, match="another application"):
        journal.entries()


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    with closing(Journal(tmp_path, CLOCK)) as journal:
        journal.record(entry())
        path = journal.path
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {module.FORMAT + 1}")
    with closing(Journal(tmp_path, CLOCK)) as journal, pytest.raises(JournalTooNew) as caught:
        journal.record(entry("two"))
    assert (caught.value.version, caught.value.supported) == (module.FORMAT + 1, module.FORMAT)


def written_by_version_1(folder: Path) -> Path:
    """A journal with two records, as the first version wrote it."""
    with closing(Journal(folder, CLOCK)) as journal:
        journal.record(entry())
        journal.record(entry("two"))
        journal.settle("two", RecordState.LANDED, slot=9)
        path = journal.path
    with closing(sqlite3.connect(path)) as connection:
        [table] = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'transactions'").fetchone()
        former = table.split(",\n    nonce_account TEXT")[0] + "\n) WITHOUT ROWID"
        former = former.replace("last_valid_block_height INTEGER", "last_valid_block_height INTEGER NOT NULL")
        columns = ", ".join(field for field in JournalEntry._fields if field not in ("nonce_account", "reason"))
        connection.execute("ALTER TABLE transactions RENAME TO today")
        connection.execute(former)
        connection.execute(f"INSERT INTO transactions SELECT {columns} FROM today")
        connection.execute("DROP TABLE today")
        connection.execute(module._INDEX)
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    return path


def test_a_file_of_version_1_is_upgraded_with_its_records(tmp_path: Path) -> None:
    path = written_by_version_1(tmp_path)
    with closing(Journal(tmp_path, CLOCK)) as journal:
        [one, two] = journal.entries()
        assert one == entry()
        assert two == entry("two", state=RecordState.LANDED, slot=9, settled_at=int(CLOCK.unix_time()))
        assert journal.record(entry("three", nonce_account="a nonce", last_valid_block_height=None))
        assert [found.signature for found in journal.entries(unsettled_only=True)] == ["one", "three"]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (module.FORMAT,)
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        assert {"transactions", "unsettled"} <= names
        assert "earlier" not in names


def test_two_processes_upgrade_a_file_once(tmp_path: Path) -> None:
    path = written_by_version_1(tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as first:
        module._upgrade(first)
        module._upgrade(first)
        assert first.execute("SELECT count(*) FROM transactions").fetchone() == (2,)


def test_a_killed_upgrade_leaves_the_old_file(tmp_path: Path) -> None:
    path = written_by_version_1(tmp_path)
    program = f"""
import os, sqlite3
from psyche_cli.solana.sending import journal

class Dying(sqlite3.Connection):
    def execute(self, text, *values):
        if text.startswith("DROP"):
            os._exit(9)
        return super().execute(text, *values)

journal._upgrade(sqlite3.connect({str(path)!r}, isolation_level=None, factory=Dying))
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    with closing(Journal(tmp_path, CLOCK)) as journal:
        assert [found.signature for found in journal.entries()] == ["one", "two"]


def test_a_record_that_makes_no_sense_is_damage(tmp_path: Path) -> None:
    with closing(Journal(tmp_path, CLOCK)) as journal:
        journal.record(entry())
        with closing(sqlite3.connect(journal.path)) as connection, connection:
            connection.execute("UPDATE transactions SET state = 'nonsense'")
        with pytest.raises(JournalDamaged):
            journal.entries()


def test_damage_in_the_middle_is_found_when_the_file_is_opened(tmp_path: Path) -> None:
    with closing(Journal(tmp_path, CLOCK)) as journal:
        for number in range(40):
            journal.record(entry(f"{number:03}"))
    content = bytearray(journal.path.read_bytes())
    content[4096 * 3 : 4096 * 4] = os.urandom(4096)
    journal.path.write_bytes(content)
    with closing(Journal(tmp_path, CLOCK)) as again, pytest.raises(JournalDamaged):
        again.entries(unsettled_only=True)


def test_a_locked_file_is_waited_for_and_then_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_files, "LOCK_SECONDS", 0.05)
    with closing(Journal(tmp_path, CLOCK)) as journal:
        journal.record(entry())
        with closing(sqlite3.connect(journal.path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(JournalError, match="locked"), closing(Journal(tmp_path, CLOCK)) as second:
                second.record(entry("two"))
            other.execute("ROLLBACK")
        assert journal.record(entry("two"))


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with closing(Journal(tmp_path / "file" / "state", CLOCK)) as journal, pytest.raises(JournalError, match="written"):
        journal.record(entry())


def test_an_outcome_that_cannot_be_recorded_is_a_warning(tmp_path: Path) -> None:
    warnings: list[str] = []
    (tmp_path / "file").touch()
    journal = Journal(tmp_path / "file" / "state", CLOCK)
    recorder = Recorder(
        journal,
        CLOCK,
        command="create-run",
        intent="",
        run_id=None,
        wallet="a wallet",
        redacted=lambda text: text,
        warn=warnings.append,
        after_output=lambda callback: callback(),
    )
    recorder.settle_after_output("one", 7)
    [warning] = warnings
    assert "The outcome of transaction one was not recorded" in warning
    assert not recorder.is_same(entry(intent="")), "a session without an intent has no earlier attempt"
    assert not recorder.concerns_run(entry(run_id=None))
