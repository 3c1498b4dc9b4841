"""Write the tables of ``docs/run-states.md`` and ``docs/other-states.md``, and the pictures of the state machines.

The text around the tables is written by hand; each table is between a pair of comments that name it. A test checks that
the files are up to date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from psyche_cli.lifecycle.diagrams import CREATED, REMOVED
from psyche_cli.lifecycle.machine import Condition, Machine, State, Transition
from psyche_cli.lifecycle.machines import MACHINES
from psyche_cli.lifecycle.pictures import svg

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = (DOCS / "run-states.md", DOCS / "other-states.md")
PICTURES = DOCS / "pictures"
_SECTION = re.compile(r"(<!-- (\S+) of (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
_OLDER = "psyche-run-older"


def files() -> dict[Path, str]:
    """Every file that this script writes, with its text."""
    pages = {page: with_tables(page.read_text(encoding="utf-8")) for page in PAGES}
    pictures = {PICTURES / f"{machine.name}.svg": svg(machine) for machine in MACHINES.values()}
    return pages | pictures


def with_tables(text: str) -> str:
    """The text of a page, with every table generated again."""

    def table(found: re.Match[str]) -> str:
        return "\n".join([found[1], *TABLES[found[2]](MACHINES[found[3]]), "", found[4]])

    return _SECTION.sub(table, text)


def _states(machine: Machine) -> list[str]:
    def row(state: State) -> tuple[str, ...]:
        number = "" if state.number is None else f"{state.number} "
        return f"{number}{state.name}", state.meaning, state.advice

    return _table(("state", "meaning", "what to tell a user"), map(row, machine.states))


def _transitions(machine: Machine) -> list[str]:
    """All transitions; of the older rules of a run only those that differ from today's."""
    known: Sequence[Transition] = MACHINES["psyche-run"].transitions if machine.name == _OLDER else ()
    return _table(
        ("from", "to", "trigger", "by", "if", "what else happens"),
        (_row(one) for one in machine.transitions if one not in known),
    )


def _row(one: Transition) -> tuple[str, ...]:
    guards = [*(f"`{name}`" for name in one.requires), *(f"not `{name}`" for name in one.excludes)]
    return (
        one.source or CREATED,
        one.target or REMOVED,
        one.trigger,
        " or ".join(one.actors),
        ", ".join(guards),
        " ".join(text for text in (one.effect, one.note) if text),
    )


def _conditions(machine: Machine) -> list[str]:
    known: Sequence[Condition] = MACHINES["psyche-run"].conditions if machine.name == _OLDER else ()
    return _table(
        ("condition", "it holds if"),
        ((f"`{one.name}`", f"{one.meaning}") for one in machine.conditions if one not in known),
    )


TABLES: dict[str, Callable[[Machine], list[str]]] = {
    "states": _states,
    "transitions": _transitions,
    "conditions": _conditions,
}


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [_line(titles), "|".join(["", *("---" for _ in titles), ""]), *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")
