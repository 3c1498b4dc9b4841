"""Which names a misspelt word may stand for.

A suggestion is a command that people copy, so it is made for a slip of the fingers only: ``creat-run`` is create-run,
but ``close-run`` is another word and not a reason to suggest what creates a run.
"""

from __future__ import annotations

from collections.abc import Iterable

_LONG_WORD = 8
"""Characters from which on a single word may have two slips in it."""


def near_misspellings(word: str, names: Iterable[str]) -> list[str]:
    """The ``names`` of which ``word`` is a misspelling, best first.

    At most two characters may be missing, added, wrong or swapped with their neighbour; of each word between hyphens at
    most one, of a long one two, and it begins with the same letter. Where the hyphens themselves differ, it is one in
    all.
    """
    found = [(distance(word, name), name) for name in names if _is_near(word, name)]
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
    begins_alike = part[:1] == wanted[:1] or sorted(part[:2]) == sorted(wanted[:2])
    return begins_alike and distance(part, wanted) <= (2 if len(wanted) >= _LONG_WORD else 1)


def distance(one: str, other: str) -> int:
    """How many characters must be inserted, removed, replaced, or swapped with their neighbour to get from one to the
    other."""
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
