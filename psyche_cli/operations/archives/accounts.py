"""The accounts in an archive, and the searches that it answers."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli import base58
from psyche_cli.json_values import Json
from psyche_cli.limits import MAX_ACCOUNT_BYTES, U64_MAX
from psyche_cli.operations.archives.format import Search
from psyche_cli.solana.raw_account import RawAccount


class ArchivedAccount(NamedTuple):
    """An account, and the slot in which it was read; ``account`` is None for an address without one.

    Of a program's code, the data may be only the beginning, and ``account.space`` the size of all of it.
    """

    address: Pubkey
    slot: int
    account: RawAccount | None

    def record(self) -> Json:
        """The account as a line of an archive."""
        found = self.account
        content = None
        if found is not None:
            content = {
                "owner": str(found.owner),
                "lamports": found.lamports,
                "executable": found.executable,
                "space": found.size,
                "data": base64.b64encode(found.data).decode(),
            }
        return {"address": str(self.address), "slot": self.slot, "account": content}


def read_record(record: Any) -> ArchivedAccount:
    """The account in a line of an archive. Raises ValueError, TypeError, KeyError."""
    address, slot, content = Pubkey.from_string(record["address"]), _number(record["slot"]), record["account"]
    if content is None:
        return ArchivedAccount(address, slot, None)
    data = base64.b64decode(content["data"], validate=True)
    space = _number(content["space"])
    if not len(data) <= space <= MAX_ACCOUNT_BYTES or type(content["executable"]) is not bool:
        raise ValueError("an account has an invalid size or flag")
    account = RawAccount(
        address=address,
        owner=Pubkey.from_string(content["owner"]),
        lamports=_number(content["lamports"]),
        data=data,
        executable=content["executable"],
        space=None if space == len(data) else space,
    )
    return ArchivedAccount(address, slot, account)


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= U64_MAX:
        raise ValueError("a number is invalid")
    return value


class Slice(NamedTuple):
    """A part of the data of an account, as requests specify it."""

    offset: int
    length: int


def account_view(account: RawAccount, part: Slice | None) -> Json:
    """An account as a node returns it; None if the archive does not have this part of its data."""
    data = account.data
    if part is not None:
        data = data[part.offset : part.offset + part.length]
    last = account.size if part is None else min(part.offset + part.length, account.size)
    if last > len(account.data):
        return None
    return {
        "data": [base64.b64encode(data).decode(), "base64"],
        "executable": account.executable,
        "lamports": account.lamports,
        "owner": str(account.owner),
        "rentEpoch": U64_MAX,
        "space": account.size,
    }


def found_by(accounts: Mapping[str, ArchivedAccount], search: Search) -> Iterator[RawAccount]:
    """The accounts that a search finds. Raises ValueError, TypeError, LookupError for invalid filters."""
    for one in accounts.values():
        raw = one.account
        if raw is not None and str(raw.owner) == search.program and all(_passes(raw, each) for each in search.filters):
            yield raw


def _passes(account: RawAccount, condition: Any) -> bool:
    if "dataSize" in condition:
        return bool(account.size == condition["dataSize"])
    offset, text = condition["memcmp"]["offset"], condition["memcmp"]["bytes"]
    if len(text) > _LONGEST_FILTER:
        raise ValueError("a filter is too long")
    content = base58.decode(text)
    return account.data[offset : offset + len(content)] == content


_LONGEST_FILTER: Final = 200


def answered(searches: Sequence[Search], wanted: Search) -> bool:
    """Whether the accounts that a search finds are known."""
    return any(one.answers(wanted) for one in searches)
