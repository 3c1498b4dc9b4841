"""The format of archives: a ZIP file of JSON lines, and a manifest with the size and checksum of each member.

docs/history.md describes it for those who open archives with other programs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from psyche_cli.limits import U64_MAX

FORMAT: Final = 1
"""Version of the format. Incremented when an older psyche-cli would misread an archive."""

MANIFEST: Final = "manifest.json"
ACCOUNTS: Final = "accounts.jsonl"
CONFIGURATION: Final = "configuration.toml"
ADDRESSES: Final = "addresses.jsonl"
INCARNATIONS: Final = "incarnations.jsonl"
GAPS: Final = "gaps.jsonl"
TRANSACTIONS: Final = "transactions.jsonl"
CONTENTS: Final = "contents.jsonl"
EVENTS: Final = "events.jsonl"

MEMBERS: Final = (ACCOUNTS, CONFIGURATION, ADDRESSES, INCARNATIONS, GAPS, TRANSACTIONS, CONTENTS, EVENTS)
"""All members but the manifest, in the order in which they are written. The configuration may be absent."""

LARGEST_MANIFEST: Final = 1 << 20
LARGEST_MEMBER: Final = 0xFFFF_FFFE
"""Bytes of a member of a ZIP file without 64-bit extensions, which archives do not use."""
LARGEST_ACCOUNTS: Final = 64 << 20
"""The accounts are kept in memory while an archive is used. A run with all 256 members takes less than 1 MB."""
LONGEST_LINE: Final = 16 << 20
"""An account of the maximum size of 10 MiB takes 14 MB."""
HIGHEST_RATIO: Final = 500
"""How many times larger a member may be than its compressed bytes. Repetitive histories reach 30."""


class Member(NamedTuple):
    """The size of a member in bytes, and its SHA-256 checksum in hexadecimal."""

    size: int
    sha256: str


class Search(NamedTuple):
    """A search for accounts of a program with ``filters`` of getProgramAccounts, whose results the archive contains."""

    program: str
    filters: Sequence[Any]

    def answers(self, other: Search) -> bool:
        """Whether the accounts that another search finds are among those of this one."""
        return self.program == other.program and all(one in other.filters for one in self.filters)


class Manifest(NamedTuple):
    """What an archive contains.

    ``version`` is that of the psyche-cli that wrote it, ``decoder`` that of its decoder of events. ``slot`` and
    ``time`` (Unix seconds of the cluster) are those of the accounts, which were read at a ``commitment``. ``programs``
    are the ids of the programs by name. ``searches`` are those that the archive answers. ``synced_slot`` is the slot up
    to which its history is complete, except for gaps.
    """

    version: str
    decoder: int
    run_id: str
    genesis_hash: str
    programs: Mapping[str, str]
    slot: int
    time: int
    commitment: str
    synced_slot: int | None
    searches: Sequence[Search]
    members: Mapping[str, Member]

    def document(self) -> dict[str, Any]:
        """The manifest as a JSON value."""
        return {
            "format": FORMAT,
            **self._asdict(),
            "searches": [search._asdict() for search in self.searches],
            "members": {name: member._asdict() for name, member in self.members.items()},
        }


def read_manifest(value: Any) -> Manifest:
    """The manifest in a JSON value whose ``format`` is known. Raises ValueError, TypeError, KeyError."""
    given = {name: value[name] for name in Manifest._fields}
    wrong = [name for name, kind in _TYPES.items() if type(given[name]) not in kind]
    if wrong:
        raise ValueError(f"{wrong[0]} has an invalid value")
    wrong = [name for name in ("slot", "time", "synced_slot") if not 0 <= (given[name] or 0) <= _LARGEST]
    if wrong:
        raise ValueError(f"{wrong[0]} has an invalid value")
    if any(type(one) is not str for one in given["programs"].values()):
        raise ValueError("programs has an invalid value")
    searches = [Search(one["program"], one["filters"]) for one in given["searches"]]
    members = {name: Member(one["size"], one["sha256"]) for name, one in given["members"].items()}
    if any(type(one.program) is not str or type(one.filters) is not list for one in searches):
        raise ValueError("searches has an invalid value")
    if any(type(one.size) is not int or one.size < 0 or type(one.sha256) is not str for one in members.values()):
        raise ValueError("members has an invalid value")
    if unknown := [name for name in members if name not in MEMBERS]:
        raise ValueError(f"it names the member {unknown[0]!r}, which archives do not have")
    if missing := [name for name in MEMBERS if name not in members and name != CONFIGURATION]:
        raise ValueError(f"it does not name the member {missing[0]}")
    return Manifest(**{**given, "searches": searches, "members": members})


_LARGEST: Final = U64_MAX >> 1
"""The largest integer in SQLite."""

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "version": (str,),
    "decoder": (int,),
    "run_id": (str,),
    "genesis_hash": (str,),
    "programs": (dict,),
    "slot": (int,),
    "time": (int,),
    "commitment": (str,),
    "synced_slot": (int, type(None)),
    "searches": (list,),
    "members": (dict,),
}
