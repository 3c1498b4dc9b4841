"""Several reads in one batch, and endpoints that do not support batches."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.errors import BadRpcResponse, HttpStatusError, Json, NetworkError, RpcError, TimedOut, Unreachable
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.deadline import Deadline
from tests.solana.scripted import FakeClock, RpcFault

from .rpc_cluster import client

GENESIS = "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY"
SIMULATION = {"context": {"slot": 5}, "value": {"err": None, "logs": [], "unitsConsumed": 1}}
RESULTS = {"getGenesisHash": GENESIS, "simulateTransaction": SIMULATION}
Answer = Callable[[list[int]], Any]


class Endpoint:
    """Responds to a batch with the result of a function of its ids, and to single requests properly."""

    label = "endpoint"

    def __init__(self, answer: Answer, results: Mapping[str, Any] = RESULTS) -> None:
        self._answer = answer
        self._results = results
        self.bodies: list[Any] = []

    def send(self, body: bytes, *, timeout: float) -> bytes:
        assert timeout > 0
        request = json.loads(body)
        self.bodies.append(request)
        if isinstance(request, list):
            answer = self._answer([one["id"] for one in request])
            return answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        answer = {"jsonrpc": "2.0", "id": request["id"], "result": self._results[request["method"]]}
        return json.dumps(answer).encode()

    def close(self) -> None: ...


def result(number: Any, value: Any) -> Any:
    return {"jsonrpc": "2.0", "id": number, "result": value}


def error(number: Any) -> Any:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": -32600, "message": "no batches"}}


def raising(fault: NetworkError) -> Answer:
    def answer(ids: list[int]) -> Any:
        raise fault

    return answer


def ask(answer: Answer) -> Endpoint:
    endpoint = Endpoint(answer)
    rpc = RpcClient(endpoint, FakeClock())
    for _ in range(2):
        simulation, genesis = rpc.simulate_and_identify(b"transaction")
        assert (simulation.err, simulation.slot, str(genesis)) == (None, 5, GENESIS)
    return endpoint


@pytest.mark.parametrize("order", [1, -1], ids=["in order", "reversed"])
def test_a_batch_takes_one_round_trip(order: int) -> None:
    endpoint = ask(lambda ids: [result(ids[0], SIMULATION), result(ids[1], GENESIS)][::order])
    assert [len(body) for body in endpoint.bodies] == [2, 2]
    assert [one["method"] for one in endpoint.bodies[0]] == ["simulateTransaction", "getGenesisHash"]


@pytest.mark.parametrize(
    "answer",
    [
        lambda ids: error(None),
        lambda ids: error(ids[0]),
        lambda ids: [error(None)],
        lambda ids: [error(ids[0]), error(ids[1])],
        lambda ids: result(ids[0], SIMULATION),
        lambda ids: [result(ids[0], SIMULATION)],
        lambda ids: [result(ids[0], SIMULATION), result(ids[0], GENESIS)],
        lambda ids: [result(ids[0], SIMULATION), result([], GENESIS)],
        lambda ids: [result(ids[0], SIMULATION), "nonsense"],
        lambda ids: b"<html>",
        raising(HttpStatusError("403", status=403)),
        raising(HttpStatusError("429", status=429, retry_after=30)),
    ],
)
def test_an_endpoint_that_rejects_a_batch_is_not_sent_another_one(answer: Answer) -> None:
    endpoint = ask(answer)
    assert [isinstance(body, list) for body in endpoint.bodies] == [True, False, False, False, False]


@pytest.mark.parametrize(
    "answer",
    [
        raising(Unreachable("gone", request_sent=True)),
        raising(TimedOut("slow", request_sent=True)),
        lambda ids: [result(ids[0], SIMULATION), result(ids[1], "not a hash")],
        lambda ids: [result(ids[0], {}), result(ids[1], GENESIS)],
    ],
)
def test_a_lost_or_invalid_answer_does_not_rule_out_the_next_batch(answer: Answer) -> None:
    endpoint = ask(answer)
    assert [isinstance(body, list) for body in endpoint.bodies] == [True, False, False] * 2


A, B = Pubkey.from_bytes(bytes([1] * 32)), Pubkey.from_bytes(bytes([2] * 32))


def accounts_of(address: Pubkey) -> Any:
    account = {"data": ["", "base64"], "owner": str(A), "lamports": 1, "executable": False, "rentEpoch": 0}
    return [{"pubkey": str(address), "account": account}]


def search(answer: Answer, *filters: list[Json]) -> tuple[list[list[Pubkey]], list[Any]]:
    """The addresses that a search with these filters finds, and the bodies of its requests."""
    endpoint = Endpoint(answer, {"getProgramAccounts": accounts_of(A)})
    found = RpcClient(endpoint, FakeClock()).program_accounts_together(A, *filters)
    return [[raw.address for raw in accounts] for accounts in found], endpoint.bodies


def test_several_searches_take_one_round_trip() -> None:
    found, [body] = search(
        lambda ids: [result(ids[0], accounts_of(A)), result(ids[1], accounts_of(B))], [{"dataSize": 1}], []
    )
    assert found == [[A], [B]]
    assert [one["params"][1]["filters"] for one in body] == [[{"dataSize": 1}], []]


def test_a_single_search_is_no_batch() -> None:
    found, [body] = search(lambda ids: [], [])
    assert (found, body["method"]) == ([[A]], "getProgramAccounts")


@pytest.mark.parametrize(
    "answer", [lambda ids: error(None), lambda ids: [result(ids[0], accounts_of(B)), result(ids[1], [{}])]]
)
def test_searches_one_by_one_if_the_batch_fails(answer: Answer) -> None:
    found, bodies = search(answer, [], [])
    assert found == [[A], [A]]
    assert [isinstance(body, list) for body in bodies] == [True, False, False]


PRICES = [{"slot": 5, "prioritizationFee": 7}, {"slot": 6, "prioritizationFee": 0}]


@pytest.mark.parametrize(
    ("answer", "requests"),
    [
        (lambda ids: [result(ids[0], SIMULATION), result(ids[1], PRICES)], [True]),
        (lambda ids: [result(ids[0], SIMULATION), result(ids[1], [{"slot": 5}])], [True, False, False]),
        (lambda ids: [result(ids[0], {}), result(ids[1], PRICES)], [True, False, False]),
        (lambda ids: error(None), [True, False, False]),
    ],
    ids=["in one batch", "invalid prices", "invalid simulation", "rejected batch"],
)
def test_recent_prices_come_with_the_simulation_or_one_by_one(answer: Answer, requests: list[bool]) -> None:
    endpoint = Endpoint(answer, {"simulateTransaction": SIMULATION, "getRecentPrioritizationFees": PRICES})
    simulation, prices = RpcClient(endpoint, FakeClock()).simulate_with_recent_prices(b"transaction", [A])
    assert (simulation.err, simulation.slot, prices) == (None, 5, [7, 0])
    assert [isinstance(body, list) for body in endpoint.bodies] == requests


READS = {"context": {"slot": 4}, "value": [accounts_of(B)[0]["account"]]}


@pytest.mark.parametrize(
    ("answer", "batched"),
    [
        (lambda ids: [result(ids[0], READS), result(ids[1], SIMULATION)], [True]),
        (lambda ids: [result(ids[0], {}), result(ids[1], SIMULATION)], [True, False, False]),
        (lambda ids: [result(ids[0], READS), result(ids[1], {})], [True, False, False]),
        (lambda ids: error(None), [True, False, False]),
    ],
)
def test_accounts_are_read_with_a_simulation(answer: Answer, batched: list[bool]) -> None:
    endpoint = Endpoint(answer, {**RESULTS, "getMultipleAccounts": READS})
    rpc = RpcClient(endpoint, FakeClock()).remembering()
    assert rpc.simulate_unsigned(b"transaction", reads=[B]).slot == 5
    read = rpc.last_read(B)
    assert read is not None
    assert read[0] == 4
    assert [isinstance(body, list) for body in endpoint.bodies] == batched
    [first, *_] = endpoint.bodies
    assert [one["method"] for one in first] == ["getMultipleAccounts", "simulateTransaction"]


TRANSACTIONS = [
    {"signature": str(Signature.default()), "slot": 4, "err": None, "blockTime": 7},
    {"signature": str(Signature.default()), "slot": 3, "err": "AccountInUse", "blockTime": None},
]


@pytest.mark.parametrize(
    ("answer", "batched"),
    [
        (lambda ids: [result(ids[0], READS), result(ids[1], TRANSACTIONS)], [True]),
        (lambda ids: [result(ids[0], {}), result(ids[1], TRANSACTIONS)], [True, False, False]),
        (lambda ids: [result(ids[0], READS), result(ids[1], [{}])], [True, False, False]),
        (lambda ids: error(None), [True, False, False]),
    ],
    ids=["in one batch", "invalid accounts", "invalid transactions", "rejected batch"],
)
def test_accounts_are_read_with_the_newest_transactions(answer: Answer, batched: list[bool]) -> None:
    endpoint = Endpoint(answer, {"getMultipleAccounts": READS, "getSignaturesForAddress": TRANSACTIONS})
    [account], transactions = RpcClient(endpoint, FakeClock()).accounts_and_signatures([B], A, limit=2)
    assert account is not None
    assert account.address == B
    assert [(one.slot, one.err, one.block_time) for one in transactions] == [(4, None, 7), (3, "AccountInUse", None)]
    assert [isinstance(body, list) for body in endpoint.bodies] == batched
    params = endpoint.bodies[-1][1]["params"] if len(batched) == 1 else endpoint.bodies[-1]["params"]
    assert params == [str(A), {"commitment": "confirmed", "limit": 2}]


def test_no_batch_after_the_deadline() -> None:
    clock = FakeClock()
    endpoint = Endpoint(lambda ids: [])
    rpc = RpcClient(endpoint, clock, deadline=Deadline(clock, 1.0))
    clock.now += 1
    with pytest.raises(TimedOut):
        rpc.simulate_and_identify(b"transaction")
    assert endpoint.bodies == []


def test_one_attempt_at_several_reads() -> None:
    endpoint = Endpoint(lambda ids: [result(ids[1], 7), error(ids[0])])
    rpc = RpcClient(endpoint, FakeClock())
    refused, found = rpc.attempt(("getSlot", []), ("getBlockHeight", [{}]))
    assert isinstance(refused, RpcError)
    assert (refused.rpc_code, refused.method, found) == (-32600, "getSlot", 7)
    assert rpc.attempt(("getGenesisHash", [])) == [GENESIS]
    assert [isinstance(body, list) for body in endpoint.bodies] == [True, False]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda ids: error(None), RpcError),
        (lambda ids: [], BadRpcResponse),
        (lambda ids: b"no JSON", BadRpcResponse),
        (raising(HttpStatusError("429", status=429)), HttpStatusError),
    ],
)
def test_an_attempt_that_fails_is_not_repeated(answer: Answer, kind: type[NetworkError]) -> None:
    endpoint = Endpoint(answer)
    with pytest.raises(kind):
        RpcClient(endpoint, FakeClock()).attempt(("getSlot", []), ("getBlockHeight", []))
    assert len(endpoint.bodies) == 1


def test_an_attempt_at_a_single_read_that_is_rejected() -> None:
    rpc, cluster = client("getSlot", RpcFault(-32603, "no"))
    [refused] = rpc.attempt(("getSlot", []))
    assert isinstance(refused, RpcError)
    assert refused.rpc_code == -32603
    assert cluster.count("getSlot") == 1
