"""Tables as CSV and as aligned text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """The rows as CSV; the first one is the header."""
    import csv  # not at the top: most commands print no CSV
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def text_table(rows: Sequence[Sequence[str]], *, left: int = 0) -> list[str]:
    """The rows with columns of equal width; the first row has the headings.

    The first ``left`` columns are aligned to the left, all others to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
