"""Writing curves to new files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psyche_cli.curves.curve import Curve
from psyche_cli.exact_numbers import with_strings
from psyche_cli.json_text import json_text
from psyche_cli.json_values import to_json
from psyche_cli.new_files import complete_new_file
from psyche_cli.operations.curves.payloads import CurvesData
from psyche_cli.operations.curves.request import FILE, Format
from psyche_cli.operations.curves.selection import in_tokens
from psyche_cli.operations.curves.tables import csv_lines


def write_curves(path: Path, format: Format, data: CurvesData, curves: Sequence[Curve]) -> None:
    """Write curves to a new file, or to a new or empty folder for TensorBoard. Nothing is left if it fails.

    Raises UsageError if the path exists or cannot be written.
    """
    if format == "tensorboard":
        from psyche_cli.operations.curves.event_files import write_event_files

        write_event_files(path, curves, what=FILE)
        return
    with complete_new_file(path, what=FILE) as file:
        file.writelines(_content(format, data, curves))


def _content(format: Format, data: CurvesData, curves: Sequence[Curve]) -> Iterator[bytes]:
    if format == "csv":
        for text in csv_lines(curves):
            yield text.encode()
    elif format == "json":
        yield f"{json_text(with_strings(to_json(data)))}\n".encode()
    elif format != "tensorboard":
        from psyche_cli.operations.curves.pictures import picture

        yield picture(in_tokens(curves, data.decimals), _title(data), format)


def _title(data: CurvesData) -> str:
    return f"Run {data.run_id}" if data.incarnation == 1 else f"Run {data.run_id}, incarnation {data.incarnation}"
