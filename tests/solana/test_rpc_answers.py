"""Invalid responses of an RPC endpoint, and its errors."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
import zstandard

from psyche_cli.errors import (
    BadRpcResponse,
    RpcError,
)
from psyche_cli.limits import MAX_ACCOUNT_BYTES
from psyche_cli.solana.rpc.client import RpcClient

from .rpc_cluster import HASH, SIGNATURE, A, account_json, client, valued
from .scripted import RawAnswer, RpcFault


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
def test_a_response_to_another_request_is_rejected(body: bytes) -> None:
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
        ("isBlockhashValid", lambda rpc: rpc.is_blockhash_valid(HASH), valued(None)),
        ("getSignaturesForAddress", lambda rpc: rpc.signatures_for_address(A), [{"signature": str(SIGNATURE)}]),
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
def test_the_largest_account_is_decompressed_and_a_larger_one_is_not(tells_size: bool) -> None:
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


def test_a_frame_that_declares_too_much_is_rejected_by_its_header() -> None:
    packed = zstandard.ZstdCompressor(write_content_size=True).compress(bytes(MAX_ACCOUNT_BYTES * 20))
    rpc, _ = client("getMultipleAccounts", valued([account_of_packed(packed[:20])]))
    with pytest.raises(BadRpcResponse, match="exceeds the maximum account size"):
        rpc.account(A)


def test_a_truncated_frame_is_refused() -> None:
    packed = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(range(256)) * 4)
    rpc, _ = client("getMultipleAccounts", valued([account_of_packed(packed[:-5])]))
    with pytest.raises(BadRpcResponse, match="could not be decompressed"):
        rpc.account(A)


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
