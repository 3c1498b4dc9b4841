"""Curves as an event file for TensorBoard."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from psyche_cli.curves.curve import Curve
from psyche_cli.errors import UsageError
from psyche_cli.private_keys import refuse_key_as_path

_NAME: Final = "events.out.tfevents.0.psyche-cli"


def write_event_files(folder: Path, curves: Sequence[Curve], *, what: str) -> None:
    """Write an event file into a new or empty folder.

    Each curve is the tag ``SUBJECT/NAME``, and its spread ``SUBJECT/NAME/low`` and ``.../high``. Values have 32 bits.
    Raises UsageError if the folder contains something, or cannot be written.
    """
    refuse_key_as_path(what, folder)
    hidden = None
    try:
        hidden = Path(tempfile.mkdtemp(prefix=f".{folder.name[:100]}.", dir=folder.parent))
        _write(hidden, curves)
        hidden.chmod(folder.stat().st_mode if folder.exists() else 0o755)
        hidden.rename(folder)  # replaces an empty folder, and nothing else
    except OSError as error:
        raise UsageError(
            f"Cannot write {folder}: {error.strerror or 'invalid path'}.",
            hint="Choose another folder: it must be new or empty.",
            path=str(folder),
        ) from error
    finally:
        if hidden is not None:
            shutil.rmtree(hidden, ignore_errors=True)


def _write(folder: Path, curves: Sequence[Curve]) -> None:
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.summary_pb2 import Summary

    writer: Any = EventsWriter(str(folder / "events"))
    for tag, step, time, value in _scalars(curves):
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
        writer.write_event(Event(wall_time=float(time or 0), step=step, summary=summary))
    writer.close()
    [written] = folder.iterdir()
    written.rename(folder / _NAME)  # its name contained that of this computer


def _scalars(curves: Sequence[Curve]) -> Iterator[tuple[str, int, int | None, float]]:
    for curve in curves:
        tag = f"{curve.kind.what}/{curve.kind.name}"
        for point in curve.points:
            for name, value in ((tag, point.value), (f"{tag}/low", point.low), (f"{tag}/high", point.high)):
                if value is not None:
                    yield name, point.step, point.time, float(value)
