"""Banned wording: idioms that read like translations, each with a suggested replacement.

Searches code (strings, comments and docstrings), documentation and C comments line by line. Generated files are covered
by their sources. To add an entry, add a pattern and its replacement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent

BANNED: Final = {
    r"cannot be meant": "is invalid",
    r"stderr is talk": "diagnostics go to stderr",
    r"\b(?:is|are|was|were) told\b": "is reported",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\blast words\b": "last log line",
    r"\bown index\b|\bwith an own\b": "a custom index",
    r"\bpast all rules\b": "bypassing all program rules",
    r"\b[Ll]ets? time pass at once\b": "advance the clock",
    r"\bforeign (?:page|site|origin)s?\b": "another origin",
    r"\bdo(?:es)? its part\b|\bdid not do its part\b": "failed",
    r"\bwrongly compressed\b": "cannot be decompressed",
    r"\blearnt\b": "determined",
    r"\bthrow(?:n|s)? away\b": "discard",
    r"\bas ever\b": "as before",
    r"\bfor ever\b": "forever",
    r"\blook(?:s|ed)? after\b": "manage",
    r"\btells? of\b": "reports",
    r"\bgo(?:es)? on with\b": "continues with",
    r"\bexists already\b": "already exists",
    r"\bmakes no sense\b": "is an invalid response",
    r"\b(?:file|program|token|mint|run) that is none\b": "not a ...",
    r"\bwhat becomes of\b": "the outcome of",
    r"\bnothing to throw\b": "requires",
    r"\bolder recipe\b(?=[\"'.]*$)": "alias",
    r"\bis no known\b": "is not a known",
    r"\bCapitals matter\b": "names are case-sensitive",
    r"\bThere is no (?:run|account|snapshot|token mint|example)\b": "... does not exist",
    r"\bat most \{[^}]*\} (?:are allowed|fit|are possible|are read)\b": "the maximum is ...",
}


def lines() -> Iterator[tuple[str, str]]:
    """Every searched line with its location."""
    files = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
    for folder, endings in (
        ("psyche_cli", (".py",)),
        ("docs", (".md",)),
        ("scripts", (".py", "")),
        ("programs", (".c", ".h", ".py")),
    ):
        files += [
            file
            for file in sorted((ROOT / folder).rglob("*"))
            if file.is_file() and file.suffix in endings and "__pycache__" not in file.parts
        ]
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            yield f"{file.relative_to(ROOT)}:{number}", line


LINES: Final = list(lines())


@pytest.mark.parametrize("pattern", BANNED)
def test_banned_wording_is_not_used(pattern: str) -> None:
    found = [f"{place}: {line.strip()}" for place, line in LINES if re.search(pattern, line)]
    assert found == [], f"write instead: {BANNED[pattern]}"


def test_the_search_covers_every_kind_of_file() -> None:
    searched = {place.partition("/")[0].partition(":")[0] for place, _ in LINES}
    assert searched == {"psyche_cli", "docs", "scripts", "programs", "README.md", "CONTRIBUTING.md", "SECURITY.md"}
