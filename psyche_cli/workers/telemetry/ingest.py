"""The daemon's side of telemetry: numbers events, writes them in batches, and then passes them to listeners."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from threading import Condition, Thread
from typing import Final, NamedTuple

from psyche_cli.errors import TelemetryError
from psyche_cli.workers.telemetry.database import Database, Submission, Totals, Written
from psyche_cli.workers.telemetry.events import Batch, Receipt, Stream
from psyche_cli.workers.telemetry.rings import Listener, Rings
from psyche_cli.workers.telemetry.unsent import read_unsent

FILE_NAME: Final = "telemetry.sqlite"
MOST_WAITING: Final = 65_536
"""The maximum number of events that wait for the database."""
MOST_CHARACTERS: Final = 64 << 20
"""The maximum number of characters in the lines of events that wait for the database."""


class TelemetryBusy(Exception):
    """Too many events wait for the database. The proxy keeps the batch and sends it again."""


class TelemetryClosed(Exception):
    """The daemon is ending. The proxy keeps the batch and sends it to the next daemon."""


class Health(NamedTuple):
    """The state of the database.

    ``waiting`` events wait for it, and ``stored`` ones were written since the daemon was started. ``unstored`` events
    were in transactions that failed, and have not been written since then; their proxies send them again. ``failures``
    is the number of transactions that failed. ``problem`` says why the latest one did; empty if it succeeded.
    """

    waiting: int
    stored: int
    unstored: int
    failures: int
    problem: str


class Ingest:
    """Receives the batches of all proxies. Safe to use from any thread.

    The file is in ``folder``, which is created. One thread writes: all batches that have come while it was writing
    form the next transaction.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._database = Database(folder / FILE_NAME)
        self._rings = Rings(self._database)
        self._changed = Condition()
        self._waiting: list[tuple[Submission, Future[Receipt]]] = []
        self._waiting_events = self._waiting_characters = 0
        self._stored = self._failures = 0
        self._unstored: dict[tuple[str, str, str], dict[int, int]] = {}
        """By source, the numbers of events of batches, by the number of the batch."""
        self._problem = ""
        self._closed = False
        self._thread = Thread(target=self._write_batches, name="telemetry", daemon=True)
        self._thread.start()

    def publish(self, run: str, worker: str, batch: Batch) -> Future[Receipt]:
        """Store a batch of a worker. Returns at once; the future has the receipt once the events are in the database.

        The future raises TelemetryError if the database cannot be written, for example because the disk is full:
        nothing of the batch is stored, and the proxy sends it again. Raises TelemetryBusy and TelemetryClosed.
        """
        characters = sum(len(event.line) for event in batch.events)
        future: Future[Receipt] = Future()
        # A caller that stops waiting does not cancel it.
        future.set_running_or_notify_cancel()
        with self._changed:
            if self._closed:
                raise TelemetryClosed("The daemon is ending.")
            if (
                self._waiting_events + len(batch.events) > MOST_WAITING
                or self._waiting_characters + characters > MOST_CHARACTERS
            ):
                raise TelemetryBusy("Too many events wait for the database.")
            self._waiting.append((Submission(run, worker, batch), future))
            self._waiting_events += len(batch.events)
            self._waiting_characters += characters
            self._changed.notify()
        return future

    def collect_unsent(self, run: str, worker: str, path: Path) -> int:
        """Store what a proxy could not send before it ended, and remove its file. Waits for the database.

        Returns the number of events that are new. Raises OSError, TelemetryError, TelemetryBusy and TelemetryClosed;
        the file then remains, and nothing of it is stored twice when this is repeated.
        """
        accepted, batches = 0, read_unsent(path)
        for batch in batches:
            try:
                accepted += self.publish(run, worker, batch).result().accepted
            except TelemetryError:
                with self._changed:
                    self._count_unstored(Submission(run, worker, later) for later in batches)
                raise
        path.unlink(missing_ok=True)
        return accepted

    def listen(self, run: str, stream: Stream, since_seq: int, notify: Callable[[], None]) -> Listener:
        """Follow a stream of a run; see ``Rings.listen``."""
        return self._rings.listen(run, stream, since_seq, notify)

    def last_seq(self, run: str, stream: Stream) -> int:
        """The sequence number of the last event of a run, 0 if there is none."""
        return self._database.last_seq(run, stream)

    def totals(self, run: str) -> dict[str, Totals]:
        """What each worker of a run has reported, by worker."""
        return self._database.totals(run)

    def health(self) -> Health:
        """The state of the database."""
        with self._changed:
            unstored = sum(count for batches in self._unstored.values() for count in batches.values())
            return Health(self._waiting_events, self._stored, unstored, self._failures, self._problem)

    def delete(self, run: str) -> None:
        """Delete all telemetry of a run that has ended."""
        self._database.delete(run)
        self._rings.forget(run)
        with self._changed:
            self._unstored = {source: left for source, left in self._unstored.items() if source[0] != run}

    def close(self) -> None:
        """Write what has been received, and close the database."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        self._database.close()

    def _write_batches(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                waiting, self._waiting, self._waiting_events, self._waiting_characters = self._waiting, [], 0, 0
            self._write([submission for submission, _ in waiting], [future for _, future in waiting])

    def _write(self, submissions: list[Submission], futures: list[Future[Receipt]]) -> None:
        try:
            written: list[Written] = self._database.store(submissions)
        except Exception as error:  # the thread continues with the next batches
            self._note_failure(submissions, error)
            for future in futures:
                future.set_exception(error)
            return
        self._note_success(submissions, sum(len(result.events) for result in written))
        for submission, result, future in zip(submissions, written, futures, strict=True):
            if result.events:
                self._rings.push(submission.run, submission.batch.stream, result.events)
            future.set_result(result.receipt)

    def _note_failure(self, submissions: list[Submission], error: Exception) -> None:
        with self._changed:
            self._failures += 1
            self._problem = error.message if isinstance(error, TelemetryError) else type(error).__name__
            self._count_unstored(submissions)

    def _note_success(self, submissions: list[Submission], stored: int) -> None:
        with self._changed:
            self._stored += stored
            self._problem = ""
            for run, worker, batch in submissions if self._unstored else ():
                source = (run, worker, batch.source)
                # Batches come in order: the proxy no longer has earlier ones.
                left = {
                    number: count for number, count in self._unstored.pop(source, {}).items() if number > batch.number
                }
                if left:
                    self._unstored[source] = left

    def _count_unstored(self, submissions: Iterable[Submission]) -> None:
        for run, worker, batch in submissions:
            self._unstored.setdefault((run, worker, batch.source), {})[batch.number] = len(batch.events)
