"""Banned wording: idioms that read like translations, each with a suggested replacement.

Searches code (strings, comments and docstrings), documentation and C comments line by line. Generated files are covered
by their sources. To add an entry, add a pattern and its replacement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).parent.parent

BANNED: Final = {
    # optimisticConfirmation is a word of the interface.
    r"(?i)(?:nitialis|erialise|ehaviour|ecognis|uthoris[ei]|ptimis(?!ticCon)|ormalis|honour|neighbour)": (
        "American spelling"
    ),
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
    r"\b[Ww]hoever\b": "anyone who, users who",
    r"\b[Ee]verybody\b": "everyone, all clients",
    r"\b[Ss]omebody\b": "someone, another process",
    r"\bunder way\b": "in progress, in transit",
    r"\bso already\b": "already in the requested state",
    r"\bmay ever\b": "can ever",
    r"\bthe like\b": "such as ..., or name the members",
    r"\bin the place of\b": "in place of, instead of",
    r"\bcertainly\b": "definitely, is known to",
    r"\bone after the other\b": "in order, one at a time",
    r"\bis asked for\b": "is requested",
    r"\bnever to land\b": "can no longer land",
    r"\bfilled up with\b": "padded with",
    r"\bin doubt\b": "if unsure, unknown",
    r"\bgo(?:es)? away\b": "is removed, is closed",
    r"\bstands? once\b": "is defined once",
    r"\bslips? of the fingers\b": "typo",
    r"\btravels? with\b": "is part of, is included in",
    r"\bteach(?:es)? nothing\b": "adds nothing",
    r"\bputs? into words\b": "decodes, describes",
    r"\bpoor wallet\b": "insufficient funds",
    r"\bforetold\b": "predicted",
    r"\bstands? against\b": "prevents",
    r"\bso many of\b|\bat most so many\b|\bhow many times [\d,]+\b": "that many, the maximum number of",
    r"\blocked for good\b": "cannot be recovered",
    r"\bdeployed anew\b": "redeployed",
    r"\bis no (?:JSON|number|finite|coordinator)\b": "is not ...",
    r"\bhand(?:s|ed)? (?:it )?(?:in|out)\b": "returns, sends",
    r"\bas (?:long|much|many) as it may\b": "the maximum",
    r"\bsecond thought\b": "omit it",
    r"\bwhat [\w' ]{1,20} leads to\b": "the effects of, a preview of",
    r"\btakes no members\b": "cannot be joined",
    r"\bdecides alone\b": "is the only criterion",
}


def lines() -> Iterator[tuple[str, str]]:
    """Every searched line with its location."""
    files = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
    for folder, endings in (
        ("psyche_cli", (".py",)),
        ("docs", (".md",)),
        ("changelog.d", (".md",)),
        ("configs", (".toml",)),
        ("idl", (".json",)),
        ("scripts", (".py", "")),
        ("programs", (".c", ".h", ".py")),
        ("tests/api", (".py",)),
        ("tests/cli", (".py",)),
        ("tests/faults", (".py",)),
        ("tests/support", (".py",)),
    ):
        files += [
            file
            for file in sorted((ROOT / folder).rglob("*"))
            if file.is_file() and file.suffix in endings and "__pycache__" not in file.parts
        ]
    files += [file for file in sorted((ROOT / "tests").glob("*.py")) if file != Path(__file__)]
    for file in files:
        place = file.relative_to(ROOT).as_posix()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            yield f"{place}:{number}", line


class Searched(NamedTuple):
    """All lines, and their texts, each once."""

    lines: list[tuple[str, str]]
    text: str


@pytest.fixture(scope="module")
def searched() -> Searched:
    found = list(lines())
    return Searched(found, "\n".join({line.lstrip() for _, line in found}))


@pytest.mark.parametrize("pattern", BANNED)
def test_banned_wording_is_not_used(pattern: str, searched: Searched) -> None:
    # Where a line matches, the whole text matches as well, also without word boundaries. This search is much faster.
    found = []
    if re.search(pattern.replace(r"\b", ""), searched.text, re.MULTILINE):
        found = [f"{place}: {line.strip()}" for place, line in searched.lines if re.search(pattern, line)]
    assert found == [], f"write instead: {BANNED[pattern]}"


def test_the_search_covers_every_kind_of_file(searched: Searched) -> None:
    found = {place.partition("/")[0].partition(":")[0] for place, _ in searched.lines}
    pages = {"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"}
    folders = {"psyche_cli", "docs", "changelog.d", "configs", "idl", "scripts", "programs", "tests"}
    assert found == pages | folders
