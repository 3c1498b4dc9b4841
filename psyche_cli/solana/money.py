"""What a transaction does to balances: lamports and tokens of each account, before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.errors import Json
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.rpc.answers import as_list, as_object, as_text, as_u64, read_token_amount
from psyche_cli.solana.token_state import mint_of, token_account_of


class LamportChange(NamedTuple):
    """A changed balance in lamports; 0 if the account does not exist."""

    address: Pubkey
    before: int
    after: int


class TokenChange(NamedTuple):
    """A changed balance of a token account, in base units; 0 if it does not exist.

    ``owner`` is its owner, and ``decimals`` are those of the mint; None if unknown.
    """

    address: Pubkey
    mint: Pubkey
    owner: Pubkey | None
    decimals: int | None
    before: int
    after: int


class MoneyEffects(NamedTuple):
    """All changed balances, in the order of the accounts."""

    lamports: tuple[LamportChange, ...]
    tokens: tuple[TokenChange, ...]


class Holding(NamedTuple):
    """The balance of a token account in base units. ``owner`` and ``decimals`` are None if unknown."""

    mint: Pubkey
    owner: Pubkey | None
    decimals: int | None
    amount: int


def effects_between(before: Sequence[RawAccount | None], after: Sequence[RawAccount | None]) -> MoneyEffects:
    """The effects of a transaction, given accounts before and after it, in the same order.

    The decimals of tokens are known for the mints among the accounts; ``with_decimals`` adds others.
    """
    decimals = {raw.address: mint.decimals for raw in (*before, *after) if raw and (mint := mint_of(raw)) is not None}
    changes, tokens = [], []
    for old, new in zip(before, after, strict=True):
        raw = new or old
        if raw is not None:
            changes.append(LamportChange(raw.address, old.lamports if old else 0, new.lamports if new else 0))
            tokens += _token_changes(raw.address, _holding(old, decimals), _holding(new, decimals))
    return _changed(changes, tokens)


def effects_of_meta(meta: Json, addresses: Sequence[Pubkey]) -> MoneyEffects:
    """The effects of a transaction in the ledger, from the ``meta`` of getTransaction; ``addresses`` are its accounts.

    Raises ValueError for an invalid meta.
    """
    fields = as_object(meta)
    before, after = ([as_u64(one) for one in as_list(fields.get(name))] for name in ("preBalances", "postBalances"))
    if not len(before) == len(after) == len(addresses):
        raise ValueError("the number of balances differs from the number of accounts")
    old, new = (read_holdings(fields.get(name), len(addresses)) for name in ("preTokenBalances", "postTokenBalances"))
    return effects_of(addresses, (before, after), (old, new))


def effects_of(
    addresses: Sequence[Pubkey],
    lamports: tuple[Sequence[int], Sequence[int]],
    holdings: tuple[Mapping[int, Holding], Mapping[int, Holding]],
) -> MoneyEffects:
    """The effects of a transaction with these accounts, given all balances before and after it.

    ``lamports`` are in the order of the accounts, ``holdings`` by their indexes.
    """
    changes = [LamportChange(*one) for one in zip(addresses, *lamports, strict=True)]
    old, new = holdings
    tokens: list[TokenChange] = []
    for index in sorted({*old, *new}):
        tokens += _token_changes(addresses[index], old.get(index), new.get(index))
    return _changed(changes, tokens)


def with_decimals(effects: MoneyEffects, mints: Iterable[RawAccount | None]) -> MoneyEffects:
    """The effects with the decimals of these mints."""
    known = {raw.address: mint.decimals for raw in mints if raw is not None and (mint := mint_of(raw)) is not None}
    tokens = [one._replace(decimals=known.get(one.mint, one.decimals)) for one in effects.tokens]
    return effects._replace(tokens=tuple(tokens))


def _changed(lamports: Iterable[LamportChange], tokens: Iterable[TokenChange]) -> MoneyEffects:
    return MoneyEffects(
        tuple(one for one in lamports if one.before != one.after),
        tuple(one for one in tokens if one.before != one.after),
    )


def _token_changes(address: Pubkey, old: Holding | None, new: Holding | None) -> list[TokenChange]:
    """The change of a token account; two changes if it is closed and created again for another mint."""
    if old is not None and new is not None and old.mint != new.mint:
        return [*_token_changes(address, old, None), *_token_changes(address, None, new)]
    found = new or old
    if found is None:
        return []
    amounts = (old.amount if old else 0, new.amount if new else 0)
    return [TokenChange(address, found.mint, found.owner, found.decimals, *amounts)]


def _holding(raw: RawAccount | None, decimals: Mapping[Pubkey, int]) -> Holding | None:
    account = None if raw is None else token_account_of(raw)
    if account is None:
        return None
    return Holding(account.mint, account.owner, decimals.get(account.mint), account.amount)


def read_holdings(balances: Json, accounts: int) -> dict[int, Holding]:
    """Token balances of a meta by the indexes of the accounts; empty for null.

    ``accounts`` is the number of accounts. Raises ValueError.
    """
    found = {}
    for entry in map(as_object, as_list([] if balances is None else balances)):
        index, owner = as_u64(entry.get("accountIndex")), entry.get("owner")
        if index >= accounts:
            raise ValueError("a token balance of an account that does not exist")
        amount = read_token_amount(entry.get("uiTokenAmount"))
        found[index] = Holding(
            Pubkey.from_string(as_text(entry.get("mint"))),
            None if owner is None else Pubkey.from_string(as_text(owner)),
            amount.decimals,
            amount.base_units,
        )
    return found
