"""Typed RPC calls: what is asked, how answers are checked, and which failures are asked again."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
import zstandard
from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.errors import (
    BadRpcResponse,
    HttpStatusError,
    NetworkError,
    PsycheError,
    RpcError,
    TimedOut,
    Unreachable,
)
from psyche_cli.limits import MAX_ACCOUNT_BYTES
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.deadline import Deadline
from psyche_cli.solana.rpc.retry import RetryPolicy
from psyche_cli.solana.rpc.types import (
    Blockhash,
    ChainPosition,
    LandedTransaction,
    SignatureStatus,
    Simulation,
    TokenAmount,
)

from .scripted import FakeClock, RawAnswer, RpcFault, ScriptedCluster, scripted_answers

A, B, OWNER = (Pubkey.new_unique() for _ in range(3))
SIGNATURE = Signature.default()
HASH = Hash(bytes(range(32)))


def client(method: str, *answers: Any, **settings: Any) -> tuple[RpcClient, ScriptedCluster]:
    """A client of a cluster that gives these answers to ``method``."""
    cluster = ScriptedCluster(FakeClock())
    cluster.handlers[method] = scripted_answers(list(answers))
    return RpcClient(cluster, cluster.clock, **settings), cluster


def valued(value: Any) -> dict[str, Any]:
    return {"context": {"slot": 1, "apiVersion": "2.0.0"}, "value": value}


def account_json(data: bytes, encoding: str = "base64+zstd", **changes: Any) -> dict[str, Any]:
    packed = zstandard.ZstdCompressor(write_content_size=False).compress(data) if encoding == "base64+zstd" else data
    fields = {
        "data": [base64.b64encode(packed).decode(), encoding],
        "executable": False,
        "lamports": 830244480,
        "owner": str(OWNER),
        "rentEpoch": 18446744073709551615,
        "space": len(data),
    }
    return {**fields, **changes}


# --- what is asked and read -----------------------------------------------------------------------------------------


def test_accounts_are_asked_compressed_in_one_call() -> None:
    data = bytes(119160)
    rpc, cluster = client("getMultipleAccounts", valued([account_json(data), None]))
    assert rpc.accounts([A, B]) == [RawAccount(A, OWNER, 830244480, data), None]
    assert cluster.calls == [
        ("getMultipleAccounts", [[str(A), str(B)], {"commitment": "confirmed", "encoding": "base64+zstd"}])
    ]
    assert cluster.timeouts == [10.0]


def test_accounts_in_plain_base64_are_read_as_well() -> None:
    rpc, _ = client("getMultipleAccounts", valued([account_json(b"abc", "base64", executable=True)]))
    assert rpc.account(A) == RawAccount(A, OWNER, 830244480, b"abc", executable=True)


def test_more_than_100_accounts_take_several_calls_and_none_takes_no_call() -> None:
    cluster = ScriptedCluster(FakeClock())
    cluster.handlers["getMultipleAccounts"] = lambda params: valued([None] * len(params[0]))
    rpc = RpcClient(cluster, cluster.clock)
    assert rpc.accounts([Pubkey.new_unique() for _ in range(201)]) == [None] * 201
    assert [len(params[0]) for _, params in cluster.calls] == [100, 100, 1]
    assert rpc.accounts([]) == []
    assert len(cluster.calls) == 3


@pytest.mark.parametrize(
    ("call", "method", "result", "params", "value"),
    [
        (lambda rpc: rpc.balance(A), "getBalance", valued(5), [str(A), {"commitment": "confirmed"}], 5),
        (
            lambda rpc: rpc.rent_exempt_minimum(119160),
            "getMinimumBalanceForRentExemption",
            830244480,
            [119160, {"commitment": "confirmed"}],
            830244480,
        ),
        (
            lambda rpc: rpc.token_account_balance(A),
            "getTokenAccountBalance",
            valued({"amount": "18446744073709551615", "decimals": 6, "uiAmount": 1.8e13, "uiAmountString": "x"}),
            [str(A), {"commitment": "confirmed"}],
            TokenAmount(18446744073709551615, 6),
        ),
        (
            lambda rpc: rpc.latest_blockhash(),
            "getLatestBlockhash",
            valued({"blockhash": str(HASH), "lastValidBlockHeight": 250}),
            [{"commitment": "confirmed"}],
            Blockhash(HASH, 250),
        ),
        (lambda rpc: rpc.block_height(), "getBlockHeight", 100, [{"commitment": "confirmed"}], 100),
        (
            lambda rpc: rpc.chain_position(),
            "getEpochInfo",
            {"absoluteSlot": 120, "blockHeight": 100, "epoch": 0, "slotIndex": 120, "slotsInEpoch": 432000},
            [{"commitment": "confirmed"}],
            ChainPosition(slot=120, block_height=100),
        ),
        (lambda rpc: rpc.genesis_hash(), "getGenesisHash", str(HASH), [], HASH),
        (
            lambda rpc: rpc.fee_for_message(b"message"),
            "getFeeForMessage",
            valued(5000),
            ["bWVzc2FnZQ==", {"commitment": "confirmed"}],
            5000,
        ),
        (
            lambda rpc: rpc.fee_for_message(b"message"),
            "getFeeForMessage",
            valued(None),
            ["bWVzc2FnZQ==", {"commitment": "confirmed"}],
            None,
        ),
        (
            lambda rpc: rpc.simulate(b"bytes"),
            "simulateTransaction",
            valued({"err": None, "logs": ["a", "b"], "unitsConsumed": 7, "accounts": None}),
            ["Ynl0ZXM=", {"commitment": "confirmed", "encoding": "base64", "sigVerify": True}],
            Simulation(None, ("a", "b"), 7),
        ),
        (
            lambda rpc: rpc.simulate(b"bytes"),
            "simulateTransaction",
            valued({"err": "AccountNotFound", "logs": None}),
            ["Ynl0ZXM=", {"commitment": "confirmed", "encoding": "base64", "sigVerify": True}],
            Simulation("AccountNotFound", (), None),
        ),
        (
            lambda rpc: rpc.send_transaction(b"bytes"),
            "sendTransaction",
            str(SIGNATURE),
            [
                "Ynl0ZXM=",
                {"encoding": "base64", "skipPreflight": False, "preflightCommitment": "confirmed", "maxRetries": 0},
            ],
            SIGNATURE,
        ),
        (
            lambda rpc: rpc.signature_status(SIGNATURE),
            "getSignatureStatuses",
            valued([None]),
            [[str(SIGNATURE)], {"searchTransactionHistory": False}],
            None,
        ),
        (
            lambda rpc: rpc.signature_status(SIGNATURE, search_history=True),
            "getSignatureStatuses",
            valued([{"slot": 5, "confirmations": None, "err": {"a": 1}, "confirmationStatus": "finalized"}]),
            [[str(SIGNATURE)], {"searchTransactionHistory": True}],
            SignatureStatus(5, {"a": 1}, "finalized"),
        ),
        (
            lambda rpc: rpc.signature_status(SIGNATURE),
            "getSignatureStatuses",
            valued([{"slot": 5, "confirmations": 3, "err": None}]),
            [[str(SIGNATURE)], {"searchTransactionHistory": False}],
            SignatureStatus(5, None, "processed"),
        ),
        (
            lambda rpc: rpc.signature_status(SIGNATURE),
            "getSignatureStatuses",
            valued([{"slot": 5, "confirmations": None, "err": None, "confirmationStatus": None}]),
            [[str(SIGNATURE)], {"searchTransactionHistory": False}],
            SignatureStatus(5, None, "finalized"),
        ),
        (
            lambda rpc: rpc.landed_transaction(SIGNATURE),
            "getTransaction",
            {"slot": 5, "meta": {"err": None, "fee": 10000, "logMessages": ["x"]}, "blockTime": None},
            [
                str(SIGNATURE),
                {"commitment": "confirmed", "encoding": "json", "maxSupportedTransactionVersion": 0},
            ],
            LandedTransaction(5, None, ("x",), 10000),
        ),
        (
            lambda rpc: rpc.request_airdrop(A, 10),
            "requestAirdrop",
            str(SIGNATURE),
            [str(A), 10, {"commitment": "confirmed"}],
            SIGNATURE,
        ),
        (
            lambda rpc: rpc.program_accounts(OWNER, [{"dataSize": 173}]),
            "getProgramAccounts",
            [{"pubkey": str(A), "account": account_json(b"abc")}],
            [str(OWNER), {"commitment": "confirmed", "encoding": "base64+zstd", "filters": [{"dataSize": 173}]}],
            [RawAccount(A, OWNER, 830244480, b"abc")],
        ),
    ],
)
def test_calls(call: Callable[[RpcClient], Any], method: str, result: Any, params: Any, value: Any) -> None:
    rpc, cluster = client(method, result)
    assert call(rpc) == value
    assert cluster.calls == [(method, params)]


def test_logs_of_a_transaction() -> None:
    landed = {"slot": 5, "meta": {"err": None, "fee": 5000, "logMessages": None}}
    rpc, _ = client("getTransaction", None, landed)
    assert rpc.transaction_logs(SIGNATURE) is None
    assert rpc.transaction_logs(SIGNATURE) == ()


def test_the_commitment_and_timeout_of_the_client_are_used() -> None:
    rpc, cluster = client("getBalance", valued(1), commitment="finalized", timeout=3.0)
    rpc.balance(A)
    assert cluster.calls == [("getBalance", [str(A), {"commitment": "finalized"}])]
    assert cluster.timeouts == [3.0]
    assert (rpc.commitment, rpc.label) == ("finalized", "scripted://cluster")
    rpc.close()
    assert cluster.closed


# --- answers that make no sense -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        *[b"", b"<html>502</html>", b"\xff\xfe", b"null", b"[]", b'"x"', b"{}", b"[" * 100000],
        b'{"jsonrpc":"2.0","result":5}',
        b'{"jsonrpc":"2.0","id":99,"result":5}',
        b'{"jsonrpc":"2.0","id":"1","result":5}',
        b'{"jsonrpc":"2.0","id":true,"result":5}',
        b'{"jsonrpc":"2.0","id":null,"result":5}',
        b'{"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"2.0","id":1,"result":NaN}',
        b'{"jsonrpc":"2.0","id":1,"result":' + b"1" * 5000 + b"}",
        b'{"jsonrpc":"2.0","id":1,"error":"no"}',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":"x","message":"no"}}',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":1}}',
        b'{"jsonrpc":"2.0","id":2,"error":{"code":1,"message":"for somebody else"}}',
    ],
)
def test_what_is_no_answer_to_the_request_is_refused(body: bytes) -> None:
    rpc, cluster = client("getGenesisHash", RawAnswer(body))
    with pytest.raises(BadRpcResponse, match=r"^Invalid response from scripted://cluster to getGenesisHash: "):
        rpc.genesis_hash()
    assert len(cluster.calls) == 1


@pytest.mark.parametrize(
    ("method", "call", "result"),
    [
        ("getBalance", lambda rpc: rpc.balance(A), 5),
        ("getBalance", lambda rpc: rpc.balance(A), valued("5")),
        ("getBalance", lambda rpc: rpc.balance(A), valued(5.0)),
        ("getBalance", lambda rpc: rpc.balance(A), valued(True)),
        ("getBalance", lambda rpc: rpc.balance(A), valued(-1)),
        ("getBalance", lambda rpc: rpc.balance(A), valued(2**64)),
        ("getBalance", lambda rpc: rpc.balance(A), {"value": 5}),
        ("getBalance", lambda rpc: rpc.balance(A), {"context": {"slot": 1}}),
        ("getGenesisHash", lambda rpc: rpc.genesis_hash(), "0OIl"),
        ("getGenesisHash", lambda rpc: rpc.genesis_hash(), 5),
        ("getLatestBlockhash", lambda rpc: rpc.latest_blockhash(), valued({"blockhash": str(HASH)})),
        ("getMultipleAccounts", lambda rpc: rpc.account(A), valued([])),
        ("getMultipleAccounts", lambda rpc: rpc.account(A), valued([None, None])),
        ("getMultipleAccounts", lambda rpc: rpc.account(A), valued([5])),
        ("getMultipleAccounts", lambda rpc: rpc.account(A), valued([account_json(b"", owner="x")])),
        ("getMultipleAccounts", lambda rpc: rpc.account(A), valued([account_json(b"", executable=None)])),
        ("getMultipleAccounts", lambda rpc: rpc.account(A), valued([{**account_json(b""), "data": "abc"}])),
        ("getMultipleAccounts", lambda rpc: rpc.account(A), valued([{**account_json(b""), "data": ["abc"]}])),
        (
            "getMultipleAccounts",
            lambda rpc: rpc.account(A),
            valued([{**account_json(b""), "data": ["a*b=", "base64"]}]),
        ),
        ("getMultipleAccounts", lambda rpc: rpc.account(A), valued([{**account_json(b""), "data": ["", "base58"]}])),
        (
            "getMultipleAccounts",
            lambda rpc: rpc.account(A),
            valued([{**account_json(b""), "data": ["", "base64+zstd"]}]),
        ),
        ("getProgramAccounts", lambda rpc: rpc.program_accounts(A), [{"pubkey": str(A), "account": None}]),
        ("getProgramAccounts", lambda rpc: rpc.program_accounts(A), [{"account": account_json(b"")}]),
        ("simulateTransaction", lambda rpc: rpc.simulate(b""), valued({"logs": []})),
        ("simulateTransaction", lambda rpc: rpc.simulate(b""), valued({"err": None, "logs": [5]})),
        ("sendTransaction", lambda rpc: rpc.send_transaction(b""), "not a signature"),
        ("getSignatureStatuses", lambda rpc: rpc.signature_status(SIGNATURE), valued([])),
        ("getSignatureStatuses", lambda rpc: rpc.signature_status(SIGNATURE), valued([{"slot": 5}])),
        (
            "getSignatureStatuses",
            lambda rpc: rpc.signature_status(SIGNATURE),
            valued([{"slot": 5, "err": None, "confirmationStatus": "sure"}]),
        ),
        ("getTransaction", lambda rpc: rpc.landed_transaction(SIGNATURE), {"slot": 5, "meta": None}),
        ("getTransaction", lambda rpc: rpc.landed_transaction(SIGNATURE), {"slot": 5, "meta": {"fee": 1}}),
        ("getTokenAccountBalance", lambda rpc: rpc.token_account_balance(A), valued({"amount": "1.5", "decimals": 1})),
        ("getTokenAccountBalance", lambda rpc: rpc.token_account_balance(A), valued({"amount": "9" * 20})),
    ],
)
def test_results_that_the_method_does_not_allow_are_refused(
    method: str, call: Callable[[RpcClient], Any], result: Any
) -> None:
    rpc, _ = client(method, result)
    with pytest.raises(BadRpcResponse) as caught:
        call(rpc)
    assert caught.value.context["method"] == method


def account_of_packed(packed: bytes) -> dict[str, Any]:
    return {**account_json(b""), "data": [base64.b64encode(packed).decode(), "base64+zstd"]}


@pytest.mark.parametrize("tells_size", [True, False])
def test_the_largest_account_is_unfolded_and_a_larger_one_is_not(tells_size: bool) -> None:
    packer = zstandard.ZstdCompressor(write_content_size=tells_size)
    rpc, _ = client(
        "getMultipleAccounts",
        valued([account_of_packed(packer.compress(bytes(MAX_ACCOUNT_BYTES)))]),
        valued([account_of_packed(packer.compress(bytes(MAX_ACCOUNT_BYTES + 1)))]),
        valued([account_of_packed(packer.compress(bytes(MAX_ACCOUNT_BYTES * 20)))]),
    )
    account = rpc.account(A)
    assert account is not None
    assert len(account.data) == MAX_ACCOUNT_BYTES
    for _ in range(2):
        with pytest.raises(BadRpcResponse):
            rpc.account(A)


def test_an_account_that_is_too_large_in_plain_base64_is_refused() -> None:
    rpc, _ = client("getMultipleAccounts", valued([account_json(bytes(MAX_ACCOUNT_BYTES + 1), "base64")]))
    with pytest.raises(BadRpcResponse, match="exceeds the maximum account size"):
        rpc.account(A)


def test_a_frame_that_announces_too_much_is_refused_by_its_header() -> None:
    packed = zstandard.ZstdCompressor(write_content_size=True).compress(bytes(MAX_ACCOUNT_BYTES * 20))
    rpc, _ = client("getMultipleAccounts", valued([account_of_packed(packed[:20])]))
    with pytest.raises(BadRpcResponse, match="exceeds the maximum account size"):
        rpc.account(A)


def test_a_truncated_frame_is_refused() -> None:
    packed = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(range(256)) * 4)
    rpc, _ = client("getMultipleAccounts", valued([account_of_packed(packed[:-5])]))
    with pytest.raises(BadRpcResponse, match="could not be decompressed"):
        rpc.account(A)


# --- errors of the endpoint -----------------------------------------------------------------------------------------


def test_an_error_object_keeps_code_message_and_data() -> None:
    rpc, cluster = client("getBalance", RpcFault(-32601, "Method not found", {"a": [1, None]}))
    with pytest.raises(RpcError) as caught:
        rpc.balance(A)
    assert caught.value.message == "scripted://cluster rejected getBalance: Method not found (-32601)."
    assert caught.value.context == {
        "rpc_code": -32601,
        "method": "getBalance",
        "endpoint": "scripted://cluster",
        "rpc_data": '{"a":[1,null]}',
    }
    assert "does not support this method" in caught.value.hint
    assert len(cluster.calls) == 1


def test_an_overlong_message_is_cut() -> None:
    rpc, _ = client("getBalance", RpcFault(-32603, "x" * 100_000))
    with pytest.raises(RpcError) as caught:
        rpc.balance(A)
    assert caught.value.message == f"scripted://cluster rejected getBalance: {'x' * 500}... (-32603)."


def test_an_error_may_come_without_an_id() -> None:
    rpc, _ = client(
        "getBalance", RawAnswer(b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}')
    )
    with pytest.raises(RpcError) as caught:
        rpc.balance(A)
    assert caught.value.context["rpc_code"] == -32700
    assert "rpc_data" not in caught.value.context


# --- retries --------------------------------------------------------------------------------------------------------


def refused() -> Unreachable:
    return Unreachable("no", request_sent=False)


def status(code: int, retry_after: int | None = None) -> HttpStatusError:
    return HttpStatusError("no", status=code, retry_after=retry_after)


@pytest.mark.parametrize(
    "error",
    [
        refused(),
        Unreachable("broke", request_sent=True),
        TimedOut("slow", request_sent=True),
        TimedOut("no connection", request_sent=False),
        *[status(code) for code in (429, 502, 503, 504)],
        RpcFault(-32005, "Node is behind by 42 slots"),
        RpcFault(-32016, "Minimum context slot has not been reached"),
        RpcFault(429, "Too many requests"),
    ],
)
def test_transient_failures_of_reads_are_asked_again(error: Exception) -> None:
    rpc, cluster = client("getBalance", error, error, valued(5))
    assert rpc.balance(A) == 5
    assert cluster.clock.sleeps == [0.25, 0.5]


@pytest.mark.parametrize(
    "error",
    [
        *[status(code) for code in (301, 400, 401, 403, 404, 413, 500)],
        *[RpcFault(code, "no") for code in (-32600, -32601, -32602, -32603, -32002)],
        RawAnswer(b"garbage"),
    ],
)
def test_definitive_failures_are_not_asked_again(error: Exception) -> None:
    rpc, cluster = client("getBalance", error, valued(5))
    with pytest.raises(NetworkError):
        rpc.balance(A)
    assert len(cluster.calls) == 1


def test_an_endpoint_that_is_not_there_is_given_up_within_three_seconds() -> None:
    rpc, cluster = client("getBalance", refused())
    with pytest.raises(Unreachable):
        rpc.balance(A)
    assert cluster.clock.sleeps == [0.25, 0.5, 1.0]


def test_a_busy_endpoint_gets_twenty_seconds_with_growing_pauses() -> None:
    rpc, cluster = client("getBalance", status(503))
    with pytest.raises(HttpStatusError):
        rpc.balance(A)
    assert cluster.clock.sleeps == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0]


def test_retry_after_is_honoured_and_never_shortens_a_pause() -> None:
    rpc, cluster = client("getBalance", status(429, 7), status(429, 0), valued(5))
    assert rpc.balance(A) == 5
    assert cluster.clock.sleeps == [7.0, 0.5]


def test_a_retry_after_beyond_the_deadline_ends_the_attempts() -> None:
    rpc, cluster = client("getBalance", status(429, 60), valued(5))
    with pytest.raises(HttpStatusError):
        rpc.balance(A)
    assert cluster.clock.sleeps == []


def test_time_spent_in_attempts_counts() -> None:
    cluster = ScriptedCluster(FakeClock())

    def slow(params: list[Any]) -> Any:
        cluster.clock.now += 10
        raise TimedOut("slow", request_sent=True)

    cluster.handlers["getBalance"] = slow
    with pytest.raises(TimedOut):
        RpcClient(cluster, cluster.clock).balance(A)
    assert len(cluster.calls) == 2


def test_what_changes_something_is_asked_once() -> None:
    rpc, cluster = client("sendTransaction", refused(), str(SIGNATURE))
    cluster.handlers["requestAirdrop"] = scripted_answers([refused(), str(SIGNATURE)])
    with pytest.raises(Unreachable):
        rpc.send_transaction(b"bytes")
    with pytest.raises(Unreachable):
        rpc.request_airdrop(A, 1)
    assert len(cluster.calls) == 2


def test_no_two_requests_on_one_transport_have_the_same_id() -> None:
    """Else the late answer to one of them would pass for that to the other."""
    ids: list[int] = []

    class Numbered(ScriptedCluster):
        def send(self, body: bytes, *, timeout: float) -> bytes:
            ids.append(json.loads(body)["id"])
            return super().send(body, timeout=timeout)

    cluster = Numbered(FakeClock())
    cluster.handlers["getBalance"] = lambda _params: {"context": {"slot": 1}, "value": 5}
    rpc = RpcClient(cluster, cluster.clock)
    bounded = rpc.within(Deadline(cluster.clock, 10))
    for other in (rpc, bounded, bounded.without_retries(), rpc.without_retries(1), rpc):
        other.balance(A)
    assert len(set(ids)) == 5


def test_a_client_without_retries_asks_once() -> None:
    rpc, cluster = client("getBalance", refused(), commitment="processed")
    once = rpc.without_retries(5.0)
    with pytest.raises(Unreachable):
        once.balance(A)
    assert cluster.timeouts == [5.0]
    assert once.commitment == "processed"
    with pytest.raises(Unreachable):
        rpc.without_retries().balance(A)
    assert cluster.timeouts == [5.0, 10.0]


def test_any_method_can_be_asked_unchecked() -> None:
    rpc, cluster = client("getVersion", {"solana-core": "2.0"})
    assert rpc.request("getVersion") == {"solana-core": "2.0"}
    assert cluster.calls == [("getVersion", [])]


def test_every_request_has_an_id_of_its_own() -> None:
    bodies: list[bytes] = []
    cluster = ScriptedCluster(FakeClock())

    class Recorder(ScriptedCluster):
        def send(self, body: bytes, *, timeout: float) -> bytes:
            bodies.append(body)
            return super().send(body, timeout=timeout)

    recorder = Recorder(cluster.clock)
    recorder.handlers["getHealth"] = scripted_answers([status(503), "ok"])
    assert RpcClient(recorder, cluster.clock).request("getHealth") == "ok"
    assert [json.loads(body)["id"] for body in bodies] == [1, 2]


def test_a_policy_says_nothing_of_errors_that_it_does_not_know() -> None:
    assert RetryPolicy().delay(NetworkError("other"), 0, 0.0) is None
    assert issubclass(NetworkError, PsycheError)


def test_no_attempt_and_no_pause_goes_beyond_the_deadline() -> None:
    rpc, cluster = client("getBalance", status(503, retry_after=4))
    bounded = rpc.within(Deadline(cluster.clock, 10))
    started = cluster.clock.now
    with pytest.raises(HttpStatusError):
        bounded.balance(A)
    assert cluster.clock.now - started == 8
    assert cluster.timeouts == [10.0, 6.0, 2.0]


def test_after_the_deadline_nothing_is_asked() -> None:
    rpc, cluster = client("getBalance", cluster_value(5))
    bounded = rpc.within(Deadline(cluster.clock, 10)).without_retries()
    assert bounded.balance(A) == 5
    cluster.clock.sleep(10)
    with pytest.raises(TimedOut, match="time limit of 10 seconds expired") as caught:
        bounded.balance(A)
    assert caught.value.request_sent is False
    assert cluster.count("getBalance") == 1


def cluster_value(value: int) -> Any:
    return {"context": {"slot": 1}, "value": value}
