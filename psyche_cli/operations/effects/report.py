"""Describes the simulated effects of a transaction, as data and in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from solders.pubkey import Pubkey

from psyche_cli.amounts import format_amount, format_sol
from psyche_cli.model.leaves import same, shown_leaf
from psyche_cli.operations.effects.comparison import Observed
from psyche_cli.operations.effects.payloads import (
    AccountEffects,
    ChangedLeaf,
    SimulatedTransaction,
    TokenChange,
)
from psyche_cli.operations.effects.states import AccountState, leaves_of
from psyche_cli.protocol.accounts.token_accounts import TokenAccount

DecimalsOf = Callable[[Pubkey], int | None]
"""The decimals of a mint, None if unknown."""

_VARIANT: Final = re.compile(r"\.([A-Z]\w*)")
"""The name of a variant in a path."""


def effects_of(observed: Observed, decimals_of: DecimalsOf) -> list[AccountEffects]:
    """The effects on each account that changes."""
    return [
        _account(address, before, observed.after[address], decimals_of)
        for address, before in observed.before.items()
        if before != observed.after[address]
    ]


def _account(
    address: Pubkey, before: AccountState | None, after: AccountState | None, decimals_of: DecimalsOf
) -> AccountEffects:
    state = after or before
    assert state is not None  # something has changed
    tokens = _tokens(before, after, decimals_of)
    return AccountEffects(
        address=str(address),
        account=state.kind,
        outcome="created" if _is_new(before, after) else "closed" if after is None else "changed",
        lamports_before=before.lamports if before else 0,
        lamports_after=after.lamports if after else 0,
        tokens=tokens,
        changes=[] if after is None else list(_changes(before, after, without_amount=tokens is not None)),
    )


def _is_new(before: AccountState | None, after: AccountState | None) -> bool:
    return after is not None and (before is None or (before.size == 0 and after.size > 0))


def _tokens(before: AccountState | None, after: AccountState | None, decimals_of: DecimalsOf) -> TokenChange | None:
    held = [state.content if state and isinstance(state.content, TokenAccount) else None for state in (before, after)]
    found = held[1] or held[0]
    old, new = (account.amount if account else 0 for account in held)
    if found is None or old == new:
        return None
    return TokenChange(mint=str(found.mint), decimals=decimals_of(found.mint), before=old, after=new)


def _changes(before: AccountState | None, after: AccountState, *, without_amount: bool) -> Iterator[ChangedLeaf]:
    is_new = _is_new(before, after)
    old, new = ({} if is_new else leaves_of(before)), leaves_of(after)
    for path in dict.fromkeys((*new, *old)):
        if path == "lamports" or (path == "amount" and without_amount) or same(old.get(path), new.get(path)):
            continue
        if not is_new or new[path] not in (0, "", None):
            yield ChangedLeaf(path=path, before=old.get(path), after=new.get(path))


def lines_of(transaction: SimulatedTransaction, *, logs: bool) -> Iterator[str]:
    """The effects of a transaction in words, with or without the logs of the simulation."""
    if not transaction.simulated:
        yield f"{transaction.label}: not simulated, because it depends on the transaction before it."
        return
    units = "unknown" if transaction.compute_units is None else f"{transaction.compute_units:,}"
    yield f"{transaction.label}: fee {format_sol(transaction.fee_lamports or 0)} SOL, compute units {units}"
    if not transaction.compared:
        yield "  The effects are unknown: the endpoint does not return the accounts of a simulation."
    for account in transaction.accounts:
        end = "" if account.outcome == "changed" else f" ({account.outcome})"
        yield f"  {account.account} {account.address}{end}"
        yield from (f"    {line}" for line in _account_lines(account))
    if logs:
        yield "  program logs"
        yield from (f"    {line}" for line in transaction.logs)


def _account_lines(account: AccountEffects) -> Iterator[str]:
    before, after = account.lamports_before, account.lamports_after
    if before != after:
        difference = ("+" if after > before else "-") + format_sol(abs(after - before))
        yield f"balance: {format_sol(before)} -> {format_sol(after)} SOL ({difference})"
    if account.tokens is not None:
        tokens = account.tokens
        decimals = tokens.decimals or 0
        unit = "base units" if tokens.decimals is None else "tokens"
        amounts = [format_amount(amount, decimals) for amount in (tokens.before, tokens.after)]
        yield f"amount: {' -> '.join(amounts)} {unit}"
    yield from _lines_of_changes(account.changes, is_new=account.outcome == "created")


def _lines_of_changes(changes: Sequence[ChangedLeaf], *, is_new: bool) -> Iterator[str]:
    """A line for each value, and one for each choice whose variant is replaced, since its variants share no values."""
    replaced: dict[str, str] = {}
    for leaf in changes:
        choice = next(filter(None, (_replacement(path, changes) for path in _choices(leaf.path))), None)
        if choice is not None:
            replaced.setdefault(*choice)
        else:
            old = "" if is_new else f"{shown_leaf(leaf.before)} -> "
            replaced[leaf.path] = f"{old}{shown_leaf(leaf.after)}"
    yield from (f"{path}: {change}" for path, change in replaced.items())


def _choices(path: str) -> list[str]:
    """The paths that may be those of a choice, whose variants begin with a capital letter, the shortest first."""
    return [*(path[: found.start()] for found in _VARIANT.finditer(path)), path]


def _replacement(choice: str, changes: Sequence[ChangedLeaf]) -> tuple[str, str] | None:
    """A choice and the change of its variant, such as ``Dummy -> Local(/data)``; None if that has not changed."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for leaf in changes:
        found = _VARIANT.match(leaf.path, len(choice)) if leaf.path.startswith(choice) else None
        for side, value in ((before, leaf.before), (after, leaf.after)):
            if value is None:
                continue
            if leaf.path == choice:
                side[shown_leaf(value)] = []
            elif found is not None:
                name = leaf.path[found.end() :].lstrip(".")
                side.setdefault(found[1], []).append(f"{name}={shown_leaf(value)}" if name else shown_leaf(value))
    if not before or not after or before.keys() & after.keys():
        return None
    return choice, " -> ".join(map(_shown_variants, (before, after)))


def _shown_variants(side: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"{variant}({', '.join(values)})" if values else variant for variant, values in side.items())
