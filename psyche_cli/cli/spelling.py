"""Suggestions for misspelled names.

Users copy a suggested command, so only likely typos are matched: ``creat-run`` suggests ``create-run``, but
``close-run`` is a different word and does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_LONG_WORD = 8
"""Minimum length of a word that may contain two typos."""


_ASKING: Final = frozenset(
    (
        "check",
        "close",
        "delete",
        "describe",
        "dump",
        "get",
        "info",
        "inspect",
        "list",
        "read",
        "remove",
        "show",
        "status",
    )
)
"""Words that ask to look at something or to delete it."""


def near_misspellings(word: str, names: Iterable[str]) -> list[str]:
    """The ``names`` that ``word`` is probably a misspelling of, best match first.

    The edit distance is at most two in total and one per hyphen-separated part, or two for a long part. Each part must
    start with the same letter or have its first two letters swapped. With a different number of hyphens, the total
    distance is at most one. A word that asks to look or to delete, such as ``get``, is never a typo of another one.
    """
    asked = _ASKING.intersection(word.split("-"))
    found = [(distance(word, name), name) for name in names if asked.issubset(name.split("-")) and _is_near(word, name)]
    return [name for _, name in sorted(found)]


def _is_near(word: str, name: str) -> bool:
    if word == name or abs(len(word) - len(name)) > 2:
        return False
    parts, wanted = word.split("-"), name.split("-")
    if len(parts) != len(wanted):
        return distance(word, name) <= 1
    return distance(word, name) <= 2 and all(map(_is_same_word, parts, wanted))


def _is_same_word(part: str, wanted: str) -> bool:
    if part == wanted:
        return True
    similar_start = part[:1] == wanted[:1] or sorted(part[:2]) == sorted(wanted[:2])
    return similar_start and distance(part, wanted) <= (2 if len(wanted) >= _LONG_WORD else 1)


def distance(one: str, other: str) -> int:
    """Edit distance: the number of insertions, deletions, substitutions and swaps of adjacent characters."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
