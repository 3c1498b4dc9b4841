"""Whole transactions of the cluster: requests, and decoding of the responses."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from solders.hash import Hash
from solders.instruction import CompiledInstruction
from solders.message import Message, MessageAddressTableLookup, MessageHeader, MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from psyche_cli.errors import BadRpcResponse, HttpStatusError
from psyche_cli.solana.money import LamportChange
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.whole_transactions import InnerCall, ledger_transaction, ledger_transactions
from tests.solana.scripted import FakeClock

from .rpc_cluster import SIGNATURE, A, B, client

PROGRAM = Pubkey.new_unique()
LEGACY = Message.new_with_compiled_instructions(1, 0, 1, [A, PROGRAM], Hash.default(), [])
VERSIONED = MessageV0(
    MessageHeader(1, 0, 1), [A, PROGRAM], Hash.default(), [], [MessageAddressTableLookup(B, b"\1", b"\0")]
)


def landed(message: Any = LEGACY, **meta: Any) -> dict[str, Any]:
    raw = bytes(VersionedTransaction.populate(message, [Signature.default()]))
    count = 4 if message is VERSIONED else 2
    return {
        "slot": 7,
        "blockTime": 1_700_000_000,
        "transaction": [base64.b64encode(raw).decode(), "base64"],
        "meta": {
            "err": None,
            "fee": 5000,
            "logMessages": ["one"],
            "computeUnitsConsumed": 300,
            "preBalances": [9] + [1] * (count - 1),
            "postBalances": [4] + [1] * (count - 1),
            "loadedAddresses": {"writable": [], "readonly": []},
            **meta,
        },
    }


def ask_for(count: int, answers: list[Any]) -> tuple[list[int | None], list[int]]:
    """The fees of as many transactions, and the sizes of the requests. ``answers`` are None for a rejected batch."""
    sizes: list[int] = []

    class Endpoint:
        label = "endpoint"

        def send(self, body: bytes, *, timeout: float) -> bytes:
            request = json.loads(body)
            batch = request if isinstance(request, list) else [request]
            sizes.append(len(batch))
            result = answers.pop(0)
            if result is None:
                raise HttpStatusError("403", status=403)
            made = [{"jsonrpc": "2.0", "id": one["id"], "result": result} for one in batch]
            return json.dumps(made if isinstance(request, list) else made[0]).encode()

        def close(self) -> None: ...

    found = ledger_transactions(RpcClient(Endpoint(), FakeClock()), [SIGNATURE] * count)
    return [None if one is None else one.fee for one in found], sizes


def test_several_transactions_take_a_round_trip_per_twenty() -> None:
    assert ask_for(0, []) == ([], [])
    assert ask_for(1, [landed(fee=1)]) == ([1], [1])
    one_by_one = [landed(fee=fee) for fee in (1, 2, 3)]
    assert ask_for(3, [None, *one_by_one]) == ([1, 2, 3], [3, 1, 1, 1])
    assert ask_for(21, [landed(fee=7), landed(fee=8)]) == ([7] * 20 + [8], [20, 1])
    assert ask_for(2, [{"slot": 1}, landed(fee=1), landed(fee=2)]) == ([1, 2], [2, 1, 1])


def test_a_transaction_in_the_ledger() -> None:
    rpc, cluster = client("getTransaction", landed())
    found = ledger_transaction(rpc, SIGNATURE)
    assert found is not None
    assert found[1:7] == (7, 1_700_000_000, None, ("one",), 5000, 300)
    assert found.effects.lamports == (LamportChange(A, 9, 4),)
    assert found.message.content == bytes(LEGACY)
    options = {"commitment": "confirmed", "encoding": "base64", "maxSupportedTransactionVersion": 0}
    assert cluster.calls == [("getTransaction", [str(SIGNATURE), options])]


def test_one_that_the_ledger_does_not_contain() -> None:
    rpc, _ = client("getTransaction", None)
    assert ledger_transaction(rpc, SIGNATURE) is None


def test_optional_fields() -> None:
    rpc, _ = client("getTransaction", {**landed(computeUnitsConsumed=None, logMessages=None), "blockTime": None})
    found = ledger_transaction(rpc, SIGNATURE)
    assert found is not None
    assert (found.block_time, found.units, found.logs) == (None, None, ())


def test_addresses_from_lookup_tables() -> None:
    first, second = Pubkey.new_unique(), Pubkey.new_unique()
    loaded = {"writable": [str(first)], "readonly": [str(second)]}
    rpc, _ = client("getTransaction", landed(VERSIONED, loadedAddresses=loaded))
    found = ledger_transaction(rpc, SIGNATURE)
    assert found is not None
    assert [account.address for account in found.message.accounts] == [A, PROGRAM, first, second]


def test_the_instructions_in_the_order_of_execution() -> None:
    calls = [CompiledInstruction(1, bytes([number]), b"\0") for number in range(2)]
    message = Message.new_with_compiled_instructions(1, 0, 1, [A, PROGRAM], Hash.default(), calls)
    inner = [
        {"index": 0, "instructions": [inner_call("2", 1, []), inner_call("3", 1, [0, 1])]},
        {"index": 1, "instructions": [inner_call("", 0, [])]},
    ]
    rpc, _ = client("getTransaction", landed(message, innerInstructions=inner))
    found = ledger_transaction(rpc, SIGNATURE)
    assert found is not None
    names = [(one.program, [account.address for account in one.accounts], one.data) for one in found.executed]
    assert names == [
        (PROGRAM, [A], b"\0"),
        (PROGRAM, [], b"\1"),
        (PROGRAM, [A, PROGRAM], b"\2"),
        (PROGRAM, [A], b"\1"),
        (A, [], b""),
    ]
    assert found.inner[1] == InnerCall(0, 2, 1, b"\0\1", b"\2")


def test_the_depth_of_a_call_may_be_unknown() -> None:
    call = {**inner_call("2", 1, [0]), "stackHeight": None}
    rpc, _ = client("getTransaction", landed(innerInstructions=[{"index": 0, "instructions": [call]}]))
    found = ledger_transaction(rpc, SIGNATURE)
    assert found is not None
    assert found.inner == (InnerCall(0, None, 1, b"\0", b"\1"),)


def inner_call(data: Any, program: Any, accounts: Any) -> Any:
    return {"programIdIndex": program, "accounts": accounts, "data": data, "stackHeight": 2}


@pytest.mark.parametrize(
    "inner",
    [
        5,
        [5],
        [{"index": -1, "instructions": []}],
        [{"index": 0, "instructions": 5}],
        [{"index": 0, "instructions": [5]}],
        *(
            [{"index": 0, "instructions": [call]}]
            for call in (
                inner_call(5, 1, []),
                inner_call("0", 1, []),
                inner_call("1" * 14_001, 1, []),
                inner_call("2", 2, []),
                inner_call("2", None, []),
                inner_call("2", 1, [2]),
                inner_call("2", 1, 5),
            )
        ),
    ],
)
def test_invalid_inner_instructions(inner: Any) -> None:
    rpc, _ = client("getTransaction", landed(innerInstructions=inner))
    with pytest.raises(BadRpcResponse):
        ledger_transaction(rpc, SIGNATURE)


@pytest.mark.parametrize(
    "result",
    [
        5,
        {},
        {**landed(), "meta": None},
        {**landed(), "meta": {"fee": 5}},
        {**landed(), "transaction": []},
        {**landed(), "transaction": ["a*", "base64"]},
        {**landed(), "transaction": ["AAAA", "base64"]},
        {**landed(), "slot": -1},
        landed(fee=None),
        landed(preBalances=[1]),
        landed(VERSIONED),
        landed(VERSIONED, loadedAddresses=None),
        landed(VERSIONED, loadedAddresses={"writable": ["x"], "readonly": [str(A)]}),
    ],
)
def test_invalid_transactions(result: Any) -> None:
    rpc, _ = client("getTransaction", result)
    with pytest.raises(BadRpcResponse):
        ledger_transaction(rpc, SIGNATURE)
