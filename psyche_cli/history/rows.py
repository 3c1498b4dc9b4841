"""Conversion of transactions between the answers of an endpoint, records, and rows of the file."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

from psyche_cli.errors import Json
from psyche_cli.history.records import RawTransaction, TokenBalance
from psyche_cli.json_values import STRICT_DECODER, STRICT_ENCODER
from psyche_cli.solana.money import read_holdings
from psyche_cli.solana.rpc.answers import as_list, as_logs, as_object, as_text, as_u64
from psyche_cli.solana.rpc.whole_transactions import InnerCall, read_inner_calls, read_message

OUTER: Final = ("signature", "slot", "position", "commitment", "block_time", "fee", "payer", "error", "units")
"""The columns of a transaction in ``transactions``."""

INNER: Final = (
    *("content", "loaded_writable", "loaded_readonly", "inner_calls", "lamports_before", "lamports_after"),
    *("tokens_before", "tokens_after", "logs"),
)
"""The columns of a transaction in ``contents``."""

COLUMNS: Final = ", ".join((*(f"t.{name}" for name in OUTER), *(f"c.{name}" for name in INNER)))
"""The columns of a transaction, in the order of the fields of RawTransaction."""

WHOLE: Final = "transactions AS t JOIN contents AS c ON c.transaction_id = t.id"
"""The tables of COLUMNS."""


def read_raw_transaction(value: Json, signature: str, commitment: str) -> RawTransaction | None:
    """The result of getTransaction in base64; None for null, and for one without ``meta``. Raises ValueError."""
    if value is None:
        return None
    fields = as_object(value)
    if fields.get("meta") is None:
        return None
    meta = as_object(fields["meta"])
    if "err" not in meta:
        raise ValueError("the transaction has no err field")
    [encoded, *_] = as_list(fields.get("transaction"))
    message = read_message(fields["transaction"], meta.get("loadedAddresses"))
    if str(message.signature) != signature:
        raise ValueError("it is another transaction")
    count = len(message.accounts)
    before, after = (_balances(meta.get(name), count) for name in ("preBalances", "postBalances"))
    time, units = fields.get("blockTime"), meta.get("computeUnitsConsumed")
    loaded = [str(account.address) for account in message.accounts if account.table is not None]
    writable = sum(account.table is not None and account.is_writable for account in message.accounts)
    return RawTransaction(
        signature=signature,
        slot=as_u64(fields.get("slot")),
        position=0,
        commitment=commitment,
        block_time=None if time is None else as_u64(time),
        fee=as_u64(meta.get("fee")),
        payer=str(message.payer),
        error=meta["err"],
        units=None if units is None else as_u64(units),
        content=base64.b64decode(as_text(encoded)),
        loaded_writable=tuple(loaded[:writable]),
        loaded_readonly=tuple(loaded[writable:]),
        inner=read_inner_calls(meta.get("innerInstructions"), count),
        lamports_before=before,
        lamports_after=after,
        tokens_before=_token_balances(meta.get("preTokenBalances"), count),
        tokens_after=_token_balances(meta.get("postTokenBalances"), count),
        logs=as_logs(meta.get("logMessages")),
    )


def _balances(value: Json, count: int) -> tuple[int, ...]:
    found = tuple(as_u64(one) for one in as_list(value))
    if len(found) != count:
        raise ValueError("the number of balances differs from the number of accounts")
    return found


def _token_balances(value: Json, count: int) -> tuple[TokenBalance, ...]:
    return tuple(
        TokenBalance(account, str(one.mint), None if one.owner is None else str(one.owner), one.decimals, one.amount)
        for account, one in sorted(read_holdings(value, count).items())
    )


def row_of(transaction: RawTransaction) -> tuple[Any, ...]:
    """The values of COLUMNS."""
    calls = [
        (one.outer, one.height, one.program, [*one.accounts], base64.b64encode(one.data).decode())
        for one in transaction.inner
    ]
    values = transaction._replace(inner=calls)._asdict()  # type: ignore[arg-type]
    values["error"] = None if transaction.error is None else to_text(transaction.error)
    for name, value in values.items():
        if isinstance(value, tuple | list):
            values[name] = to_text(value)
    return tuple(values.values())


def transaction_of(row: Sequence[Any]) -> RawTransaction:
    """The transaction in a row of COLUMNS. Raises ValueError, TypeError."""
    one = RawTransaction(*row)
    inner: Any = from_text(one.inner)
    calls = (
        InnerCall(outer, height, program, bytes(accounts), base64.b64decode(data))
        for outer, height, program, accounts, data in inner
    )
    return one._replace(
        error=None if one.error is None else from_text(one.error),
        loaded_writable=tuple(from_text(one.loaded_writable)),
        loaded_readonly=tuple(from_text(one.loaded_readonly)),
        inner=tuple(calls),
        lamports_before=tuple(from_text(one.lamports_before)),
        lamports_after=tuple(from_text(one.lamports_after)),
        tokens_before=tuple(TokenBalance(*balance) for balance in from_text(one.tokens_before)),
        tokens_after=tuple(TokenBalance(*balance) for balance in from_text(one.tokens_after)),
        logs=tuple(from_text(one.logs)),
    )


def to_text(value: object) -> str:
    """A JSON value as text. Raises ValueError for a float that is not a number."""
    return STRICT_ENCODER.encode(value)


def from_text(text: object) -> Any:
    """The JSON value in a text. Raises ValueError, TypeError."""
    if not isinstance(text, str):
        raise TypeError("a column does not contain text")
    return STRICT_DECODER.decode(text)
