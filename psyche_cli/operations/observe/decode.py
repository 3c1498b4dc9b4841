"""Decode accounts of the Psyche programs from a file, without a cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from solders.pubkey import Pubkey

from psyche_cli.environment import Environment
from psyche_cli.errors import AccountError, WrongDiscriminator
from psyche_cli.limits import DISCRIMINATOR_BYTES
from psyche_cli.operations.observe.account_input import GivenAccount, read_accounts
from psyche_cli.operations.observe.dump_shapes import coordinator_dump, published
from psyche_cli.operations.observe.payloads import DecodedAccount, DecodedAccounts
from psyche_cli.protocol.accounts.account_checks import account_discriminator
from psyche_cli.protocol.accounts.coordinator_account import decode_coordinator_account
from psyche_cli.protocol.accounts.small_accounts import (
    decode_authorization,
    decode_instance,
    decode_participant,
    decode_treasurer_run,
)
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.results import Document, JsonValue
from psyche_cli.solana.raw_account import RawAccount

if TYPE_CHECKING:
    from psyche_cli.protocol.layouts.memory_values import PlainValue

_COORDINATOR_ACCOUNT: Final = "CoordinatorAccount"
_UNKNOWN_ADDRESS: Final = Pubkey.default()


_SMALL: Final[Mapping[str, tuple[Pubkey, Callable[[RawAccount], Any]]]] = {
    "CoordinatorInstance": (PUBLISHED.coordinator, decode_instance),
    "Authorization": (PUBLISHED.authorizer, decode_authorization),
    "Run": (PUBLISHED.treasurer, decode_treasurer_run),
    "Participant": (PUBLISHED.treasurer, decode_participant),
}
_TYPES: Final = {account_discriminator(name): name for name in (_COORDINATOR_ACCOUNT, *_SMALL)}


def decode_file(environment: Environment, path: Path, *, full: bool = False) -> Document[DecodedAccounts]:
    """The accounts in a file, regardless of their owners.

    With ``full``, a coordinator account has all its values, by their names in the layout; without, it has the shape of
    ``json-dump-run``. In a list, an account that cannot be decoded has an ``error``. Raises UsageError and, for a
    single account, AccountError.
    """
    given = read_accounts(environment, path, lambda data: data[:DISCRIMINATOR_BYTES] in _TYPES)
    _report_owners(environment, given.accounts)
    found: list[DecodedAccount] = []
    for one in given.accounts:
        try:
            found.append(_decoded(one, full=full))
        except AccountError as error:
            if one.address is None:
                error.message = error.message.replace(f" {_UNKNOWN_ADDRESS}", "")
                error.address = None
            if not given.is_list:
                raise
            found.append({**_outline(one, None, None), "error": error.message})
    return Document({"accounts": found})


def _decoded(given: GivenAccount, *, full: bool) -> DecodedAccount:
    name = _TYPES.get(given.data[:DISCRIMINATOR_BYTES])
    address = given.address or _UNKNOWN_ADDRESS
    if name is None:
        begins = given.data[:DISCRIMINATOR_BYTES].hex() or "nothing"
        raise WrongDiscriminator(
            f"The account{_named(given)} of {len(given.data):,} bytes begins with {begins}, which no account of the "
            "Psyche programs does.",
            hint=f"Known types: {', '.join(sorted(_TYPES.values()))}.",
            found=begins,
        )
    if name == _COORDINATOR_ACCOUNT:
        raw = RawAccount(address, PUBLISHED.coordinator, given.lamports or 0, given.data)
        account = decode_coordinator_account(raw)
        content = published(account.as_dict() if full else cast("dict[str, PlainValue]", coordinator_dump(account)))
        if given.address is None:
            content.pop("address", None)
        return {**_outline(given, name, account.layout), "content": content}
    owner, decode = _SMALL[name]
    values = decode(RawAccount(address, owner, given.lamports or 0, given.data))._asdict()
    content = {key: _plain(value) for key, value in values.items() if key not in ("address", "lamports")}
    return {**_outline(given, name, None), "content": content}


def _report_owners(environment: Environment, accounts: Sequence[GivenAccount]) -> None:
    """Report accounts that a program other than the published one owns: another deployment, or an imitation."""
    others = []
    for one in accounts:
        name = _TYPES.get(one.data[:DISCRIMINATOR_BYTES])
        expected = None if name is None else _SMALL[name][0] if name in _SMALL else PUBLISHED.coordinator
        if one.owner is not None and expected is not None and one.owner != expected:
            others.append(one)
    if others:
        subject = f"The account{_named(others[0])} is" if len(accounts) == 1 else f"{len(others)} accounts are"
        environment.diagnostics.line(
            f"{subject} not owned by the published program of that type, but by {others[0].owner}"
            f"{' and others' if len({one.owner for one in others}) > 1 else ''}."
        )


def _outline(given: GivenAccount, name: str | None, layout: str | None) -> DecodedAccount:
    return {
        "address": None if given.address is None else str(given.address),
        "owner": None if given.owner is None else str(given.owner),
        "lamports": given.lamports,
        "size": len(given.data),
        "type": name,
        "layout": layout,
        "content": None,
        "error": None,
    }


def _named(given: GivenAccount) -> str:
    return "" if given.address is None else f" {given.address}"


def _plain(value: Any) -> JsonValue:
    """A field of a small account as JSON: addresses in base58, bytes as hexadecimal."""
    if isinstance(value, Pubkey):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return cast("JsonValue", value)
