"""The table of decoded instructions in the documentation, and phrases for those of Psyche."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from psyche_cli.history.kinds import EventKind, event_kinds
from psyche_cli.history.phrases import in_the_past, known_phrases
from psyche_cli.resources import PSYCHE_PROGRAM_NAMES

ROOT = Path(__file__).parent.parent.parent
WRITER = runpy.run_path(str(ROOT / "scripts" / "write_history_kinds.py"))
OWN = [one for one in event_kinds() if one.program in PSYCHE_PROGRAM_NAMES]


def test_the_page_has_every_kind() -> None:
    page = (ROOT / "docs" / "history.md").read_text(encoding="utf-8")
    assert page == WRITER["page"](page), "run scripts/write_history_kinds.py"
    assert page.count("\n| coordinator | `") == 12
    assert page.count("\n| authorizer | `") == page.count("\n| treasurer | `") == 4


@pytest.mark.parametrize("one", OWN, ids=lambda one: one.kind)
def test_every_instruction_of_psyche_has_a_phrase(one: EventKind) -> None:
    assert (one.program, one.kind) in known_phrases()


@pytest.mark.parametrize(
    ("phrase", "past"),
    [
        ("pause the run", "paused the run"),
        ("join the run", "joined the run"),
        ("set no rate", "set no rate"),
        ("write the memo 'a'", "wrote the memo 'a'"),
        ("transfer 5 base units", "transferred 5 base units"),
        ("call x", "called x"),
    ],
)
def test_phrases_in_the_past(phrase: str, past: str) -> None:
    assert in_the_past(phrase) == past
