"""Events of a history as files: JSON lines, CSV and Parquet, which are written while the events are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal, TypeAlias

from psyche_cli.errors import HistoryError
from psyche_cli.exact_numbers import with_strings
from psyche_cli.extras import install_hint
from psyche_cli.json_text import json_text
from psyche_cli.json_values import to_json
from psyche_cli.new_files import complete_new_file
from psyche_cli.operations.history.payloads import HistoryEntry, HistoryFileData
from psyche_cli.operations.tables import csv_text
from psyche_cli.printable import printable
from psyche_cli.results import OperationResult

if TYPE_CHECKING:
    from psyche_cli.operations.history.audit import OpenLog

FileFormat: TypeAlias = Literal["jsonl", "csv", "parquet"]

COLUMNS: Final = tuple(HistoryEntry.__dataclass_fields__)
_NUMBERS: Final = ("slot", "position", "instruction", "inner_call", "time", "incarnation", "fee_lamports")
_FLAGS: Final = ("is_reliable",)
_ROWS_AT_ONCE: Final = 1000


def write_history(log: OpenLog, output_file: Path, file_format: FileFormat) -> OperationResult[HistoryFileData]:
    """Write the events of an open audit log to a new file, which exists only once it is complete.

    Raises UsageError if it exists, HistoryError without pyarrow, and the errors of a history.
    """
    entries = _Counted(log.entries())
    with complete_new_file(output_file, what="--output-file") as file:
        if file_format == "parquet":
            _write_parquet(file, entries)
        else:
            for line in json_lines(entries) if file_format == "jsonl" else csv_lines(entries):
                file.write(f"{printable(line)}\n".encode())
    count = entries.count
    data = HistoryFileData(history=log.facts, path=str(output_file), format=file_format, events=count)
    return OperationResult(
        summary=f"Wrote {count:,} event{'' if count == 1 else 's'} of run {log.facts.run_id} to {output_file}.",
        data=data,
    )


class _Counted(Iterator[HistoryEntry]):
    """Entries, and the ``count`` of those so far."""

    def __init__(self, entries: Iterator[HistoryEntry]) -> None:
        self._entries = entries
        self.count = 0

    def __next__(self) -> HistoryEntry:
        entry = next(self._entries)
        self.count += 1
        return entry


def csv_lines(entries: Iterable[HistoryEntry], *, heading: bool = True) -> Iterator[str]:
    """The entries as lines of CSV without line breaks; arrays and objects are JSON."""
    if heading:
        yield csv_text([COLUMNS]).rstrip("\n")
    for entry in entries:
        yield csv_text([[_cell(getattr(entry, name)) for name in COLUMNS]]).rstrip("\n")


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json_text(to_json(value), one_line=True)


def json_lines(entries: Iterable[HistoryEntry]) -> Iterator[str]:
    """The entries as JSON on one line each."""
    return (json_text(with_strings(to_json(entry)), one_line=True) for entry in entries)


def _write_parquet(file: BinaryIO, entries: Iterator[HistoryEntry]) -> None:
    parquet, arrow = parquet_modules()
    kinds = {**dict.fromkeys(_NUMBERS, arrow.int64()), **dict.fromkeys(_FLAGS, arrow.bool_())}
    schema = arrow.schema([(name, kinds.get(name, arrow.string())) for name in COLUMNS])
    with parquet.ParquetWriter(file, schema) as writer:
        while rows := [_row(entry) for entry in islice(entries, _ROWS_AT_ONCE)]:
            writer.write_table(arrow.Table.from_pylist(rows, schema=schema))


def _row(entry: HistoryEntry) -> dict[str, Any]:
    values = {name: getattr(entry, name) for name in COLUMNS}
    return {
        name: value if value is None or isinstance(value, str | int) else _cell(value) for name, value in values.items()
    }


def parquet_modules() -> tuple[Any, Any]:
    """The modules pyarrow.parquet and pyarrow. Raises HistoryError if they are not installed."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise HistoryError(
            "Parquet files need the package pyarrow, which is not installed.", hint=install_hint("parquet")
        ) from error
    return parquet, pyarrow
