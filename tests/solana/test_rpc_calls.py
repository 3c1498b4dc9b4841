"""Typed RPC calls: requests, and decoding of the responses."""

from collections.abc import Callable
from typing import Any

import pytest
from solders.pubkey import Pubkey

from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.rpc.answers import is_complete_log
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.types import (
    AddressSignature,
    Blockhash,
    ChainPosition,
    LandedTransaction,
    SignatureStatus,
    Simulation,
    TokenAmount,
)

from .rpc_cluster import HASH, OWNER, SIGNATURE, A, B, account_json, client, valued
from .scripted import FakeClock, ScriptedCluster


def test_accounts_are_requested_compressed_in_one_call() -> None:
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


def test_a_required_slot_holds_for_every_client_of_the_endpoint_and_for_reads_of_the_state() -> None:
    cluster = ScriptedCluster(FakeClock())
    cluster.handlers["getMultipleAccounts"] = lambda params: valued([None] * len(params[0]))
    cluster.handlers["getBalance"] = lambda params: valued(5)
    rpc = RpcClient(cluster, cluster.clock)
    another = rpc.without_retries()
    another.require_slot(90)
    another.require_slot(80)
    rpc.account(A)
    rpc.balance(A)
    rpc.latest_blockhash()
    rpc.landed_transaction(SIGNATURE)
    assert [params[-1].get("minContextSlot") for _, params in cluster.calls] == [90, 90, 90, None]


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
        (
            lambda rpc: rpc.is_blockhash_valid(HASH),
            "isBlockhashValid",
            valued(False),
            [str(HASH), {"commitment": "confirmed"}],
            False,
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
            Simulation(None, ("a", "b"), 7, slot=1),
        ),
        (
            lambda rpc: rpc.simulate(b"bytes"),
            "simulateTransaction",
            valued({"err": "AccountNotFound", "logs": None}),
            ["Ynl0ZXM=", {"commitment": "confirmed", "encoding": "base64", "sigVerify": True}],
            Simulation("AccountNotFound", (), None, slot=1),
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
            lambda rpc: rpc.signatures_for_address(A),
            "getSignaturesForAddress",
            [{"signature": str(SIGNATURE), "slot": 5, "err": None, "memo": None, "blockTime": 1}],
            [str(A), {"commitment": "confirmed", "limit": 1000}],
            [AddressSignature(SIGNATURE, 5, None, 1)],
        ),
        (
            lambda rpc: rpc.signatures_for_address(A, before=SIGNATURE, limit=7),
            "getSignaturesForAddress",
            [],
            [str(A), {"commitment": "confirmed", "limit": 7, "before": str(SIGNATURE)}],
            [],
        ),
        (
            lambda rpc: rpc.signatures_for_address(A, until=SIGNATURE),
            "getSignaturesForAddress",
            [{"signature": str(SIGNATURE), "slot": 5, "err": 1, "blockTime": None, "confirmationStatus": "finalized"}],
            [str(A), {"commitment": "confirmed", "limit": 1000, "until": str(SIGNATURE)}],
            [AddressSignature(SIGNATURE, 5, 1, None, "finalized")],
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
        (
            lambda rpc: rpc.block_signatures(7),
            "getBlock",
            {"signatures": [str(SIGNATURE)]},
            [
                7,
                {
                    "commitment": "confirmed",
                    "transactionDetails": "signatures",
                    "rewards": False,
                    "maxSupportedTransactionVersion": 0,
                },
            ],
            [SIGNATURE],
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


@pytest.mark.parametrize(
    ("logs", "is_complete"), [((), False), (("Program a invoke [1]",), True), (("a", "Log truncated"), False)]
)
def test_whether_a_log_is_complete(logs: tuple[str, ...], is_complete: bool) -> None:
    assert is_complete_log(logs) is is_complete
