"""Events of a history as files: JSON lines, CSV and Parquet, which are written while the events are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
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
    write = _WRITERS[file_format]
    with complete_new_file(output_file, what="--output-file") as file:
        count = write(file, log.entries())
    data = HistoryFileData(history=log.facts, path=str(output_file), format=file_format, events=count)
    return OperationResult(
        summary=f"Wrote {count:,} event{'' if count == 1 else 's'} of run {log.facts.run_id} to {output_file}.",
        data=data,
    )


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


def _write_json(file: BinaryIO, entries: Iterator[HistoryEntry]) -> int:
    count = 0
    for count, entry in enumerate(entries, 1):  # noqa: B007 -- the number of entries
        file.write(json_text(with_strings(to_json(entry)), one_line=True).encode() + b"\n")
    return count


def _write_csv(file: BinaryIO, entries: Iterator[HistoryEntry]) -> int:
    count = -1
    for count, line in enumerate(csv_lines(entries)):  # noqa: B007 -- the number of entries
        file.write(printable(line).encode() + b"\n")
    return count


def _write_parquet(file: BinaryIO, entries: Iterator[HistoryEntry]) -> int:
    parquet, arrow = parquet_modules()
    kinds = {**dict.fromkeys(_NUMBERS, arrow.int64()), **dict.fromkeys(_FLAGS, arrow.bool_())}
    schema = arrow.schema([(name, kinds.get(name, arrow.string())) for name in COLUMNS])
    count = 0
    with parquet.ParquetWriter(file, schema) as writer:
        while rows := [_row(entry) for entry in islice(entries, _ROWS_AT_ONCE)]:
            writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
            count += len(rows)
    return count


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


_WRITERS: Final[Mapping[str, Callable[[BinaryIO, Iterator[HistoryEntry]], int]]] = {
    "jsonl": _write_json,
    "csv": _write_csv,
    "parquet": _write_parquet,
}
