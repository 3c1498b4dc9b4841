"""Events in the daemon: numbers, restarts, repeated batches, and a disk that is full."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest

from psyche_cli.errors import TelemetryError
from psyche_cli.workers.telemetry import ingest as ingest_module
from psyche_cli.workers.telemetry.database import Totals
from psyche_cli.workers.telemetry.events import Receipt, Stored, Stream
from psyche_cli.workers.telemetry.ingest import Health, Ingest, TelemetryBusy, TelemetryClosed
from tests.workers.telemetry.events import AT, batch, episode, step, steps


@pytest.fixture
def ingest(tmp_path: Path) -> Iterator[Ingest]:
    opened = Ingest(tmp_path)
    yield opened
    opened.close()


def nothing() -> None:
    """Stands for a listener that is not woken up."""


def kept(ingest: Ingest, run: str = "run", stream: Stream = Stream.STEPS, since_seq: int = 0) -> list[Stored]:
    """Everything that a new listener receives."""
    listener = ingest.listen(run, stream, since_seq, nothing)
    found: list[Stored] = []
    while listener.is_ready:
        delivery = listener.take()
        assert delivery.lost == 0
        found += delivery.events
        listener.grant(400)
    listener.close()
    return found


def test_events_are_numbered_per_run_and_stream(ingest: Ingest) -> None:
    assert ingest.publish("run", "w-1", batch(1, steps(1, 2))).result() == Receipt(2, first=True)
    assert ingest.publish("run", "w-2", batch(1, steps(1, 1), source="b")).result() == Receipt(1, first=True)
    of_episodes = batch(2, (episode(0, phase="x"),), stream=Stream.EPISODES)
    assert ingest.publish("run", "w-1", of_episodes).result() == Receipt(1, first=False)
    assert ingest.publish("other", "w-1", batch(1, (step(7, loss=0.5),))).result() == Receipt(1, first=True)
    one, two = steps(1, 2)
    assert kept(ingest) == [Stored(1, "w-1", *one), Stored(2, "w-1", *two), Stored(3, "w-2", *one)]
    assert kept(ingest, since_seq=2) == [Stored(3, "w-2", *one)]
    assert kept(ingest, stream=Stream.EPISODES) == [Stored(1, "w-1", *episode(0, phase="x"))]
    assert kept(ingest, "other") == [Stored(1, "w-1", *step(7, loss=0.5))]


def test_numbers_continue_after_a_restart_of_worker_and_daemon(tmp_path: Path) -> None:
    first = Ingest(tmp_path)
    first.publish("run", "w", batch(1, steps(1, 3))).result()
    first.close()
    second = Ingest(tmp_path)
    assert second.publish("run", "w", batch(1, steps(1, 2), source="b")).result() == Receipt(2, first=False)
    assert [(stored.seq, stored.read().number) for stored in kept(second)] == [(1, 1), (2, 2), (3, 3), (4, 1), (5, 2)]
    second.close()


def test_a_batch_that_is_sent_again_is_stored_once(tmp_path: Path) -> None:
    first = Ingest(tmp_path)
    first.publish("run", "w", batch(1, steps(1, 3))).result()
    assert first.publish("run", "w", batch(1, steps(1, 3))).result() == Receipt(0, first=False)
    first.close()
    second = Ingest(tmp_path)
    assert second.publish("run", "w", batch(1, steps(1, 3))).result() == Receipt(0, first=False)
    assert second.publish("run", "w", batch(2, steps(4, 1))).result() == Receipt(1, first=False)
    assert [stored.read().number for stored in kept(second)] == [1, 2, 3, 4]
    second.close()


def test_losses_of_proxies_are_added_up_per_worker(ingest: Ingest) -> None:
    ingest.publish("run", "w", batch(1, steps(1, 3), dropped=5, malformed=1)).result()
    ingest.publish("run", "w", batch(2, steps(9, 1), dropped=7, malformed=1)).result()
    ingest.publish("run", "w", batch(1, (), source="b", dropped=1)).result()
    assert ingest.totals("run") == {"w": Totals(accepted=4, dropped=8, malformed=1)}


def test_a_batch_without_events_is_not_the_first_telemetry(ingest: Ingest) -> None:
    assert ingest.publish("run", "w", batch(1, (), malformed=3)).result() == Receipt(0, first=False)
    assert ingest.publish("run", "w", batch(2, steps(1, 1))).result() == Receipt(1, first=True)


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Lets no file of this process grow beyond ``size`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_refuses_batches_and_loses_nothing_that_was_accepted(ingest: Ingest, tmp_path: Path) -> None:
    ingest.publish("run", "w", batch(1, steps(1, 500))).result()
    wal = tmp_path / f"{ingest_module.FILE_NAME}-wal"
    with file_size_limit(wal.stat().st_size):
        refused = ingest.publish("run", "w", batch(2, steps(501, 500)))
        assert isinstance(refused.exception(), TelemetryError)
        assert len(kept(ingest)) == 500
        health = ingest.health()
        assert (health.waiting, health.stored, health.unstored, health.failures) == (0, 500, 500, 1)
        assert health.problem == str(refused.exception())
    assert ingest.publish("run", "w", batch(2, steps(501, 500))).result() == Receipt(500, first=False)
    assert [stored.seq for stored in kept(ingest)] == list(range(1, 1001))
    assert ingest.health() == Health(waiting=0, stored=1000, unstored=0, failures=1, problem="")


def test_events_that_wait_for_the_database_are_limited(
    ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_module, "MOST_WAITING", 10)
    other = sqlite3.connect(tmp_path / ingest_module.FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    futures: list[Future[Receipt]] = []

    def publish_without_end() -> None:
        while True:
            futures.append(ingest.publish("run", "w", batch(len(futures) + 1, steps(1, 10))))

    with pytest.raises(TelemetryBusy):
        publish_without_end()
    other.execute("ROLLBACK")
    other.close()
    assert [future.result().accepted for future in futures] == [10] * len(futures)


def test_characters_that_wait_for_the_database_are_limited(
    ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (step(1, text="x" * 900),), (step(2, text="x" * 900),)
    monkeypatch.setattr(ingest_module, "MOST_CHARACTERS", 1000)
    other = sqlite3.connect(tmp_path / ingest_module.FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    futures = [ingest.publish("run", "w", batch(1, first))]

    def publish_until_busy() -> None:
        for number in range(2, 5):
            futures.append(ingest.publish("run", "w", batch(number, second)))

    with pytest.raises(TelemetryBusy):
        publish_until_busy()
    assert ingest.health().waiting <= 1
    other.execute("ROLLBACK")
    other.close()
    assert [future.result().accepted for future in futures] == [1] * len(futures)


def test_what_was_received_is_written_before_closing(tmp_path: Path) -> None:
    ingest = Ingest(tmp_path)
    futures = [ingest.publish("run", "w", batch(number, steps(number, 1))) for number in range(1, 50)]
    ingest.close()
    assert all(future.done() for future in futures)
    with pytest.raises(TelemetryClosed):
        ingest.publish("run", "w", batch(50, steps(50, 1)))
    again = Ingest(tmp_path)
    assert len(kept(again)) == 49
    again.close()


def test_a_deleted_run_leaves_nothing(ingest: Ingest) -> None:
    ingest.publish("run", "w", batch(1, steps(1, 500))).result()
    ingest.publish("other", "w", batch(1, steps(1, 3))).result()
    ingest.delete("run")
    assert (kept(ingest), ingest.totals("run"), ingest.last_seq("run", Stream.STEPS)) == ([], {}, 0)
    assert len(kept(ingest, "other")) == 3


def test_a_file_that_is_damaged_is_reported(tmp_path: Path) -> None:
    path = tmp_path / ingest_module.FILE_NAME
    path.write_bytes(b"no database " * 1000)
    with pytest.raises(TelemetryError, match="is damaged: file is not a database") as caught:
        Ingest(tmp_path)
    assert caught.value.path == str(path)
    assert "Move the file away" in caught.value.hint
    path.unlink()
    Ingest(tmp_path).close()


def test_a_file_that_cannot_be_opened_is_reported(tmp_path: Path) -> None:
    (tmp_path / ingest_module.FILE_NAME).mkdir()
    with pytest.raises(TelemetryError, match="cannot be opened"):
        Ingest(tmp_path)


def test_people_can_look_at_the_file(ingest: Ingest, tmp_path: Path) -> None:
    ingest.publish("run", "w-1", batch(1, (step(7, phase="a,b"), step(8, phase="[\n]")))).result()
    ingest.publish("run", "w-2", batch(1, (episode(0),), stream=Stream.EPISODES)).result()
    with sqlite3.connect(tmp_path / ingest_module.FILE_NAME) as connection:
        rows = connection.execute(
            "SELECT run, stream, seq, worker, at, json_extract(line, '$.phase') FROM events ORDER BY stream, seq"
        ).fetchall()
    connection.close()
    assert rows == [
        ("run", "episodes", 1, "w-2", AT, None),
        ("run", "steps", 1, "w-1", AT, "a,b"),
        ("run", "steps", 2, "w-1", AT, "[\n]"),
    ]
