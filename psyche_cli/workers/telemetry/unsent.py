"""What a proxy could not send before it ended, because no daemon was running: a file that the next daemon reads.

Each line is a batch, as a JSON object that contains the lines of the worker.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from psyche_cli.workers.telemetry.events import Batch, Stream
from psyche_cli.workers.telemetry.lines import printed_events

_MOST_BATCHES: Final = 16_384
_MOST_BATCH_BYTES: Final = 1 << 23


def write_unsent(path: Path, batches: Iterable[Batch]) -> int:
    """Write batches to a new file. Returns the number of their events. Raises OSError."""
    new = path.with_name(f".{path.name}.new")
    count = 0
    with new.open("w", encoding="ascii") as file:
        for batch in batches:
            document = batch._asdict()
            events = document.pop("events")
            document |= {"times": [event.at for event in events], "lines": [event.line for event in events]}
            file.write(f"{json.dumps(document)}\n")
            count += len(batch.events)
    new.replace(path)
    return count


def read_unsent(path: Path) -> Iterator[Batch]:
    """The batches in a file, in order; none if it does not exist. A line that no proxy writes ends them.

    The worker can write to the folder, so the content is not trusted. Raises OSError.
    """
    if not path.is_file():  # opening a named pipe would wait
        return
    with suppress(FileNotFoundError), path.open("rb") as file:
        for _ in range(_MOST_BATCHES):
            line = file.readline(_MOST_BATCH_BYTES)
            try:
                yield _batch(json.loads(line))
            except (ValueError, TypeError, KeyError, RecursionError):
                return


def _batch(document: dict[str, object]) -> Batch:
    """A batch; raises ValueError, TypeError or KeyError if it is none that a proxy sends."""
    source, stream, times, lines = document["source"], Stream(document["stream"]), document["times"], document["lines"]
    if not isinstance(source, str) or not isinstance(times, list) or not isinstance(lines, list):
        raise ValueError
    numbers = [document[name] for name in ("number", "dropped", "malformed")]
    number, dropped, malformed = (value for value in numbers if type(value) is int and 0 <= value < 1 << 63)
    return Batch(source, number, dropped, malformed, stream, printed_events(stream, times, list(map(str, lines))))
