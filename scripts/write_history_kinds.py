"""Write the table of decoded instructions in ``docs/history.md``. A test checks that it is up to date."""

from __future__ import annotations

from pathlib import Path

from psyche_cli.history.kinds import EventKind, event_kinds

TARGET = Path(__file__).resolve().parent.parent / "docs" / "history.md"
BEGIN = "<!-- Written by scripts/write_history_kinds.py -->\n"
END = "<!-- End of the table -->\n"


def table() -> str:
    """The kinds of events as a table in Markdown. The two memo programs have the same row."""
    rows = [
        f"| {_program(one)} | `{one.kind}` | {_names(one.accounts)} | {_names(one.arguments)} |"
        for one in event_kinds()
    ]
    return "\n".join(["| program | kind | accounts | arguments |", "|---|---|---|---|", *dict.fromkeys(rows)]) + "\n"


def page(text: str) -> str:
    """The page with the current table."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


def _program(one: EventKind) -> str:
    return one.program if one.layout is None else f"{one.program}, {one.layout}"


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    TARGET.write_text(page(TARGET.read_text(encoding="utf-8")), encoding="utf-8")
