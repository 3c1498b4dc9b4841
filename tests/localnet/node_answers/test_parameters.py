"""Every parameter of every method is read, and wrong values are refused with the messages of a node."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import Message
from solders.system_program import TransferParams, transfer

from psyche_cli.localnet.rpc.dispatcher import all_methods
from tests.localnet.node_answers import parameters
from tests.localnet.node_answers.asking import Asker
from tests.localnet.node_answers.parameters import INVALID_PARAMS, KEY, METHODS, WITHOUT_PARAMETERS, wrong_values

FAR = 10**9
"""A slot, epoch or limit beyond the end."""


@pytest.fixture(scope="module")
def right(asker: Asker) -> dict[str, list[Any]]:
    """The right parameters of each method."""
    payer = Keypair()
    instruction = transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=payer.pubkey(), lamports=1))
    text = asker.signed(instruction, signers=[payer])
    message = Message.new_with_blockhash([instruction], payer.pubkey(), Hash.default())
    found = {method: copy.deepcopy(params) for method, (params, _) in METHODS.items()}
    found["getFeeForMessage"] = [base64.b64encode(bytes(message)).decode()]
    found["sendTransaction"] = [text, {"encoding": "base64"}]
    found["simulateTransaction"] = [text, {"encoding": "base64"}]
    return found


BELOW_CONFIRMED = "Method does not support commitment below `confirmed`"
_WITH_REQUIRED_FIELDS = {"plain struct CommitmentConfig", "plain struct RpcSignatureStatusConfig"}


def with_value(params: list[Any], index: int, field: str, value: Any) -> list[Any]:
    """The parameters with one of them, or a field of one, replaced; those before it are there, too."""
    changed = [*copy.deepcopy(params), *[None] * (index + 1 - len(params))]
    if field:
        changed[index] = {**(changed[index] if isinstance(changed[index], dict) else {}), field: value}
    else:
        changed[index] = value
    return changed


def test_the_table_has_every_method() -> None:
    described = {*METHODS, *WITHOUT_PARAMETERS}
    assert described == {name for name in all_methods() if not name.startswith("localnet_")}


@pytest.mark.parametrize("method", METHODS)
def test_wrong_values_are_refused(asker: Asker, right: dict[str, list[Any]], method: str) -> None:
    for index, (kind, fields) in enumerate(METHODS[method][1]):
        for field, wrong in (("", wrong_values(kind)), *((name, wrong_values(of)) for name, of in fields.items())):
            for value, message in wrong:
                error = asker.error(method, *with_value(right[method], index, field, value))
                assert (error["code"], error["message"][: len(message)]) == (INVALID_PARAMS, message), (field, value)


@pytest.mark.parametrize("method", METHODS)
def test_unknown_commitments_and_fields_are_passed_over(asker: Asker, right: dict[str, list[Any]], method: str) -> None:
    plain = asker.call(method, *right[method])
    for index, (kind, fields) in enumerate(METHODS[method][1]):
        if fields and kind not in _WITH_REQUIRED_FIELDS:
            for field in ("unknown", *(name for name, kind in fields.items() if kind == "commitment")):
                answer = asker.call(method, *with_value(right[method], index, field, "wrong"))
                assert answer.keys() == plain.keys()
                assert answer.get("error") == plain.get("error")


def test_required_fields_of_options(asker: Asker) -> None:
    for method, index, field in (
        ("getInflationGovernor", 0, "commitment"),
        ("getTokenSupply", 1, "commitment"),
        ("getMinimumBalanceForRentExemption", 1, "commitment"),
        ("getSignatureStatuses", 1, "searchTransactionHistory"),
    ):
        error = asker.error(method, *METHODS[method][0][:index], {"unknown": 1})
        assert error == {"code": INVALID_PARAMS, "message": f"Invalid params: missing field `{field}`."}


@pytest.mark.parametrize("method", METHODS)
def test_a_far_slot_of_the_context_is_refused(asker: Asker, right: dict[str, list[Any]], method: str) -> None:
    slot = asker.result("getSlot")
    for index, (_, fields) in enumerate(METHODS[method][1]):
        if "minContextSlot" in fields:
            error = asker.error(method, *with_value(right[method], index, "minContextSlot", FAR))
            assert slot <= error["data"]["contextSlot"] <= asker.result("getSlot")  # slots pass meanwhile
            assert error == {
                "code": -32016,
                "message": "Minimum context slot has not been reached",
                "data": {"contextSlot": error["data"]["contextSlot"]},
            }
            reached = asker.call(method, *with_value(right[method], index, "minContextSlot", slot))
            assert reached.get("error", {}).get("code") != -32016


@pytest.mark.parametrize("method", METHODS)
def test_the_number_of_parameters_is_checked(asker: Asker, right: dict[str, list[Any]], method: str) -> None:
    params, most = right[method], len(METHODS[method][1])
    least = (
        len(METHODS[method][0]) if method not in ("getLeaderSchedule", "sendTransaction", "simulateTransaction") else 0
    )
    if method in ("getFeeForMessage", "sendTransaction", "simulateTransaction"):
        least = 1
    error = asker.error(method, *params, *[None] * (most + 1 - len(params)))
    if method in ("getBlockCommitment", "getBlockTime", "getSlotLeaders"):
        expected = f"Invalid params: invalid length {most + 1}, expected fewer elements in array."
        assert error == {"code": INVALID_PARAMS, "message": expected}
        error = asker.error(method)
        expected = f"Invalid params: invalid length 0, expected a tuple of size {least}."
        assert error == {"code": INVALID_PARAMS, "message": expected}
        return
    assert error == {
        "code": INVALID_PARAMS,
        "message": f"Invalid parameters: Expected from {least} to {most} parameters.",
        "data": f'"Got: {most + 1}"',
    }
    if least:
        error = asker.error(method)
        assert error == {"code": INVALID_PARAMS, "message": f"`params` should have at least {least} argument(s)"}


@pytest.mark.parametrize("method", WITHOUT_PARAMETERS)
def test_methods_without_parameters_take_none(asker: Asker, method: str) -> None:
    for params, shown in (
        ([7], "Array([Number(7)])"),
        ([None], "Array([Null])"),
        (
            [{"minContextSlot": FAR, "commitment": "x"}],
            f'Array([Object {{"commitment": String("x"), "minContextSlot": Number({FAR})}}])',
        ),
        ([[True, 1.5, 'a"b'], {}], 'Array([Array [Bool(true), Number(1.5), String("a\\"b")], Object {}])'),
    ):
        assert asker.error(method, *params) == {
            "code": INVALID_PARAMS,
            "message": "Invalid parameters: No parameters were expected",
            "data": shown,
        }


@pytest.mark.parametrize(
    ("method", "params", "error"),
    [
        ("getMultipleAccounts", [[KEY] * 101], "Too many inputs provided; max 100"),
        ("getSignatureStatuses", [[parameters.SIGNATURE] * 257], "Too many inputs provided; max 256"),
        ("getRecentPrioritizationFees", [[KEY] * 129], "Too many inputs provided; max 128"),
        ("getSignaturesForAddress", [KEY, {"limit": 0}], "Invalid limit; max 1000"),
        ("getSignaturesForAddress", [KEY, {"limit": 1001}], "Invalid limit; max 1000"),
        ("getRecentPerformanceSamples", [721], "Invalid limit; max 720"),
        ("getSlotLeaders", [0, 5001], "Invalid limit; max 5000"),
        ("getSlotLeaders", [FAR, 3], "Invalid slot range: leader schedule for epoch 2314 is unavailable"),
        ("getSlotLeaders", [863_999, 2], "Invalid slot range: leader schedule for epoch 2 is unavailable"),
        ("getBlocksWithLimit", [0, 500_001], "Limit too large; max 500000"),
        ("getBlockProduction", [{"range": {"firstSlot": 0, "lastSlot": FAR}}],
         "lastSlot, 1000000000, is too large; max {slot}"),
        ("getSignaturesForAddress", [KEY, {"commitment": "processed"}], BELOW_CONFIRMED),
        ("getTransaction", [parameters.SIGNATURE, {"commitment": "processed"}], BELOW_CONFIRMED),
        ("getBlock", [0, {"commitment": "processed"}], BELOW_CONFIRMED),
        ("getBlocks", [0, 1, {"commitment": "processed"}], BELOW_CONFIRMED),
        ("getBlocksWithLimit", [0, 1, {"commitment": "processed"}], BELOW_CONFIRMED),
    ],
)  # fmt: skip
def test_limits(asker: Asker, method: str, params: list[Any], error: str) -> None:
    expected = error.format(slot=asker.result("getSlot"))
    assert asker.error(method, *params) == {"code": INVALID_PARAMS, "message": expected}


@pytest.mark.parametrize(
    ("method", "params", "code", "message"),
    [
        ("getBlock", [FAR], -32004, "Block not available for slot 1000000000"),
        ("getBlockTime", [FAR], -32004, "Block not available for slot 1000000000"),
        ("getInflationReward", [[KEY]], -32004, "Block not available for slot 432000"),
        ("getInflationReward", [[KEY], {"epoch": 99}], -32004, "Block not available for slot 43200000"),
        ("getMinimumBalanceForRentExemption", [10 * 2**20 + 1], -32600, "Invalid request"),
        ("getHighestSnapshotSlot", [], -32008, "No snapshot"),
        ("getAccountInfo", ["BPFLoaderUpgradeab1e11111111111111111111111", {"encoding": "base58"}], None, ""),
    ],
)
def test_what_does_not_exist(asker: Asker, method: str, params: list[Any], code: int | None, message: str) -> None:
    answer = asker.call(method, *params)
    assert answer.get("error") == (None if code is None else {"code": code, "message": message})


@pytest.mark.parametrize(
    ("method", "params", "result"),
    [
        ("getLeaderSchedule", [FAR], None),
        ("getLeaderSchedule", [None, {"identity": KEY}], {}),
        ("getLeaderSchedule", [{"identity": KEY}], {}),
        ("getSlotLeaders", [0, 0], []),
        ("getBlocks", [10, 5], []),
        ("getBlocks", [FAR, FAR + 1], []),
        ("getBlocksWithLimit", [FAR, 3], []),
        ("getTransaction", [parameters.SIGNATURE], None),
        ("getSignaturesForAddress", [KEY, {"before": parameters.SIGNATURE}], []),
        ("getProgramAccounts", [KEY], []),
        ("getMinimumBalanceForRentExemption", [82], 1_461_600),
    ],
)
def test_what_is_empty_or_null(asker: Asker, method: str, params: list[Any], result: Any) -> None:
    assert asker.result(method, *params) == result
