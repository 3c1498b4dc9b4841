"""Reading many accounts in steps, as they are at one moment: the one of the last step."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Final, TypeVar

from solders.pubkey import Pubkey

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.localnet.chain.known_addresses import TIME_SYSVARS
from psyche_cli.localnet.rpc.context import RpcContext
from psyche_cli.localnet.rpc.encoding.json_text import JsonPart, json_text, unfinished_parts
from psyche_cli.localnet.rpc.steps import MAX_ANSWER_BYTES, SlowResult, too_large

_Value = TypeVar("_Value")

_SORTED_IN_A_STEP: Final = 4096
_PART_CHARACTERS: Final = 64 * 1024


class _Changes:
    """The accounts that change while it listens to a bank."""

    def __init__(self) -> None:
        self.addresses: set[Pubkey] = set()

    def on_transaction(self, record: TransactionRecord) -> None:
        self.addresses.update(record.changed)

    def on_account(self, address: Pubkey) -> None:
        self.addresses.add(address)

    def on_block(self, _block: Block) -> None:
        self.addresses |= TIME_SYSVARS

    def on_restore(self) -> None:
        pass


def scanned(
    context: RpcContext, addresses: Iterable[Pubkey], read: Callable[[Pubkey], _Value | None]
) -> Generator[str, None, dict[Pubkey, _Value]]:
    """What ``read`` returns of these accounts, and of those that have changed meanwhile, unless it is None.

    Yields nothing, between steps. Accounts that change between them are read again in the last one, which also finds
    new accounts, so ``read`` must return None for those that do not belong to the result.
    """
    listeners, changes = context.bank.listeners, _Changes()
    listeners.append(changes)
    values: dict[Pubkey, _Value] = {}
    try:
        for address in list(addresses):
            value = read(address)
            if value is not None:
                values[address] = value
            yield ""
        for address in changes.addresses:
            value = read(address)
            if value is None:
                values.pop(address, None)
            else:
                values[address] = value
    finally:
        listeners.remove(changes)
    return values


def value_of_all(
    context: RpcContext,
    addresses: Iterable[Pubkey],
    read: Callable[[Pubkey], _Value | None],
    value: Callable[[dict[Pubkey, _Value]], Json],
) -> SlowResult:
    """A result with context that is computed from what ``read`` returns of many accounts."""

    def parts() -> Iterator[str]:
        values = yield from scanned(context, addresses, read)
        yield json_text(context.with_context(value(values)))

    return SlowResult(parts())


def list_of_all(
    context: RpcContext,
    addresses: Iterable[Pubkey],
    read: Callable[[Pubkey], Json | None],
    *,
    sort: bool = True,
    with_context: bool = True,
) -> SlowResult:
    """A list of what ``read`` returns of many accounts, by address if ``sort``."""

    def parts() -> Iterator[str]:
        texts = yield from scanned(context, addresses, _encoding(read))
        before, after = _around(context) if with_context else ("", "")
        order = (yield from _ordered(texts)) if sort else list(texts)
        yield from _listed((texts[address] for address in order), before, after)

    return SlowResult(parts())


def list_of_each(context: RpcContext, addresses: Sequence[Pubkey], read: Callable[[Pubkey], Json | None]) -> SlowResult:
    """A list with context of what ``read`` returns of these accounts, in this order; null where it is None."""

    def parts() -> Iterator[str]:
        wanted, encode = frozenset(addresses), _encoding(read)
        texts = yield from scanned(context, wanted, lambda address: encode(address) if address in wanted else None)
        yield from _listed((texts.get(address, ["null"]) for address in addresses), *_around(context))

    return SlowResult(parts())


def _encoding(read: Callable[[Pubkey], Json | None]) -> Callable[[Pubkey], list[JsonPart] | None]:
    """``read`` with its values as JSON text, in which large data is not encoded yet.

    Raises RpcFault if there is too much of it.
    """
    size = 0

    def encoded(address: Pubkey) -> list[JsonPart] | None:
        nonlocal size
        value = read(address)
        if value is None:
            return None
        parts = unfinished_parts(value)
        size += sum(map(len, parts))
        if size > MAX_ANSWER_BYTES:
            raise too_large()
        return parts

    return encoded


def _around(context: RpcContext) -> tuple[str, str]:
    """What is before and after the value of a result with context."""
    before, _, after = json_text(context.with_context(0)).rpartition("0")
    return before, after


def _ordered(addresses: Iterable[Pubkey]) -> Generator[str, None, list[Pubkey]]:
    """The addresses by their bytes. Yields nothing, between steps."""
    unordered, runs = list(addresses), list[Pubkey]()
    for start in range(0, len(unordered), _SORTED_IN_A_STEP):
        runs += sorted(unordered[start : start + _SORTED_IN_A_STEP], key=bytes)
        yield ""
    # Sorting merges what is already in order.
    return sorted(runs, key=bytes)


def _listed(values: Iterable[list[JsonPart]], before: str, after: str) -> Iterator[str]:
    """A JSON array of values, between ``before`` and ``after``, in parts."""
    together, size = [f"{before}["], 0
    between = ""
    for value in values:
        together.append(between)
        between = ","
        for part in value:
            if isinstance(part, str):
                together.append(part)
                size += len(part)
            else:
                yield "".join(together)
                together, size = [], 0
                yield from part.parts()
        if size > _PART_CHARACTERS:
            yield "".join(together)
            together, size = [], 0
    yield f"{''.join(together)}]{after}"
