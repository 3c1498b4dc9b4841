"""The delivery of a transaction that never lands: when its expiry is established."""

from typing import Any

from psyche_cli.errors import (
    HttpStatusError,
    ProgramRefused,
    TransactionExpired,
    TransactionUnknown,
)

from .scripted import RpcFault
from .stage import CUSTOM, Stage, assert_one_transaction


def test_a_transaction_that_never_lands_expires_with_its_blockhash() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", stage.status(False))
    error = stage.fails(TransactionExpired)
    assert error.context == {
        "sent": True,
        "signature": stage.signature,
        "last_valid_block_height": 250,
        "endpoint": "scripted://cluster",
    }
    # 151 blocks of 0.4 seconds, 32 until the last is finalized, and a second look 5 seconds later.
    assert 60.4 + 12.8 + 5 <= stage.elapsed < 82
    assert_one_transaction(stage)
    *_, (method, params) = stage.cluster.calls
    assert (method, params[1]) == ("getSignatureStatuses", {"searchTransactionHistory": True})


def test_a_blockhash_lives_up_to_and_including_its_last_block_height() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", stage.status(False))
    heights: list[int] = []

    def position(params: list[Any]) -> Any:
        heights.append(250 if len(heights) < 5 else 251)
        return {"absoluteSlot": 300, "blockHeight": heights[-1]}

    stage.on("getEpochInfo", position)
    stage.on("getSignatureStatuses", stage.status(False, slot=300))
    stage.fails(TransactionExpired)
    assert heights == [250] * 5 + [251]
    assert {params[0]["commitment"] for method, params in stage.cluster.calls if method == "getEpochInfo"} == {
        "finalized"
    }


def test_one_response_does_not_establish_expiry() -> None:
    # The node that answers first is on a minority fork and does not know the transaction.
    stage = Stage()
    stage.on("getEpochInfo", {"absoluteSlot": 300, "blockHeight": 251})
    stage.on("getSignatureStatuses", *[stage.status(False, slot=300)] * 12, stage.status(True))
    assert stage.send().slot == 77


def test_the_two_responses_are_five_seconds_apart() -> None:
    stage = Stage()
    moments: list[float] = []

    def status(params: list[Any]) -> Any:
        if params[1]["searchTransactionHistory"]:
            moments.append(stage.elapsed)
        return stage.cluster.status(False, slot=300)

    stage.on("getEpochInfo", {"absoluteSlot": 300, "blockHeight": 251})
    stage.on("getSignatureStatuses", status)
    stage.fails(TransactionExpired)
    assert 5 <= moments[-1] - moments[0] < 5.3


def test_exactly_five_seconds_are_enough() -> None:
    stage = Stage()
    moments = [1010.0, 1015.0]

    def status(params: list[Any]) -> Any:
        if params[1]["searchTransactionHistory"]:
            stage.clock.now = moments.pop(0)
        return stage.cluster.status(False, slot=300)

    stage.on("getEpochInfo", {"absoluteSlot": 300, "blockHeight": 251})
    stage.on("getSignatureStatuses", status)
    stage.fails(TransactionExpired)
    assert moments == []


def test_after_a_known_status_five_seconds_begin_anew() -> None:
    stage = Stage()
    responses = [(1010.0, False), (1014.0, True), (1016.0, False), (1021.0, False)]

    def status(params: list[Any]) -> Any:
        known = False
        if params[1]["searchTransactionHistory"]:
            stage.clock.now, known = responses.pop(0)
        return stage.cluster.status(known, "processed", slot=300)

    stage.on("getEpochInfo", {"absoluteSlot": 300, "blockHeight": 251})
    stage.on("getSignatureStatuses", status)
    stage.fails(TransactionExpired)
    assert responses == []


def test_a_failed_resend_is_not_reported_after_a_send_that_was_accepted() -> None:
    stage = Stage()
    stage.accepting_then(None, HttpStatusError("busy", status=503))
    stage.on("getSignatureStatuses", stage.status(False))
    assert stage.fails(TransactionExpired).hint.startswith("Nothing was executed")


def test_a_known_status_restarts_the_check_of_expiry() -> None:
    stage = Stage()
    stage.on("getEpochInfo", {"absoluteSlot": 300, "blockHeight": 251})
    unknown, pending = stage.status(False, slot=300), stage.status(True, "processed")
    stage.on("getSignatureStatuses", *[unknown] * 9, pending, *[unknown] * 4, pending, unknown)
    stage.fails(TransactionExpired)
    answers = stage.cluster.count("getSignatureStatuses")
    assert answers >= 9 + 1 + 4 + 1 + 6


def test_a_transaction_found_by_the_last_poll_has_landed() -> None:
    stage = Stage()

    def status(params: list[Any]) -> Any:
        return stage.cluster.status(params[1]["searchTransactionHistory"])

    stage.on("getSignatureStatuses", status)
    assert stage.send().slot == 77


def test_a_failure_found_by_the_last_poll_is_a_failure() -> None:
    stage = Stage()

    def status(params: list[Any]) -> Any:
        return stage.cluster.status(params[1]["searchTransactionHistory"], err=CUSTOM)

    stage.on("getSignatureStatuses", status)
    stage.fails(ProgramRefused)


def test_a_node_that_lags_behind_the_expiry_cannot_declare_it() -> None:
    # One URL, two nodes: one says that the blockhash is too old, the other has not seen the last blocks yet and does
    # not know the transaction. It has landed in one of those.
    stage = Stage()
    behind = stage.status(False, slot=120)
    stage.on("getSignatureStatuses", *[behind] * 110, stage.status(True))
    assert stage.send().slot == 77


def test_after_the_expiry_nothing_is_sent() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", stage.status(False, slot=120))
    stage.on("getEpochInfo", {"absoluteSlot": 300, "blockHeight": 251})
    stage.fails(TransactionUnknown)
    assert len(stage.cluster.sent) == 1
    assert stage.cluster.count("getEpochInfo") == 1


def test_a_node_without_history_answers_from_its_recent_memory() -> None:
    stage = Stage()

    def status(params: list[Any]) -> Any:
        if params[1]["searchTransactionHistory"]:
            raise RpcFault(-32011, "Transaction history is not available from this node")
        return stage.cluster.status(False)

    stage.on("getSignatureStatuses", status)
    stage.fails(TransactionExpired)


def test_another_error_in_the_last_poll_does_not_establish_expiry() -> None:
    stage = Stage()

    def status(params: list[Any]) -> Any:
        if params[1]["searchTransactionHistory"]:
            raise RpcFault(-32603, "Internal error")
        return stage.cluster.status(False)

    stage.on("getSignatureStatuses", status)
    stage.fails(TransactionUnknown)


def test_an_unreadable_block_height_does_not_establish_expiry() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", stage.status(False))
    stage.on("getEpochInfo", RpcFault(-32601, "Method not found"))
    error = stage.fails(TransactionUnknown)
    assert "could not be determined within 118 seconds" in error.message
    assert_one_transaction(stage)
