"""The deadline of a delivery, which is never exceeded."""

import contextlib
from typing import Any

import pytest

from psyche_cli.errors import (
    HttpStatusError,
    TimedOut,
    TransactionUnknown,
)
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.deadline import Deadline
from psyche_cli.solana.sending.sender import WRITING_SECONDS, Sender

from .stage import REFUSED, SLOW, Stage, slowly


def test_a_deadline_ends_in_unknown_with_the_signature() -> None:
    stage = Stage(deadline=10)
    stage.on("getSignatureStatuses", stage.status(True, "processed"))
    error = stage.fails(TransactionUnknown)
    assert error.message.startswith(f"Transaction {stage.signature} was sent, but its outcome could not be determined")
    assert "Check the signature" in error.hint
    assert error.context["signature"] == stage.signature
    assert 10 <= stage.elapsed < 11.1


BUSY = HttpStatusError("busy", status=429, retry_after=30)


@pytest.mark.parametrize("retry_after", [1, 29, 30, 31, 119, 9999])
@pytest.mark.parametrize("methods", [("getSignatureStatuses",), ("sendTransaction", "getSignatureStatuses")])
def test_no_retry_after_goes_beyond_the_deadline(methods: tuple[str, ...], retry_after: int) -> None:
    stage = Stage()
    for method in (*methods, "getEpochInfo"):
        stage.on(method, HttpStatusError("busy", status=429, retry_after=retry_after))
    assert stage.fails(TransactionUnknown).signature == stage.signature
    assert WRITING_SECONDS - 1 < stage.elapsed <= WRITING_SECONDS


def test_after_the_longest_pause_there_is_time_for_a_last_poll() -> None:
    stage = Stage()

    def status(params: list[Any]) -> Any:
        if stage.elapsed < 112:
            raise BUSY
        return stage.cluster.status(True)

    stage.on("getSignatureStatuses", status)
    assert stage.send().slot == 77
    assert 112 <= stage.elapsed <= WRITING_SECONDS


def test_polling_resumes_five_seconds_before_the_deadline_whatever_pause_is_requested() -> None:
    stage = Stage(deadline=20)
    stage.on("getTransaction", None)
    stage.on("getSignatureStatuses", BUSY)
    stage.fails(TransactionUnknown)
    assert stage.clock.sleeps[:3] == pytest.approx([0.05, 14.95, 0.1125])


@pytest.mark.parametrize("seconds", [0.5, 3, 4.9, 20, 10_000])
@pytest.mark.parametrize("silent", ["sendTransaction", "getSignatureStatuses", "getEpochInfo", "getTransaction"])
def test_a_slow_endpoint_does_not_stretch_the_deadline(silent: str, seconds: float) -> None:
    stage = Stage()
    if silent != "getTransaction":
        stage.on("getSignatureStatuses", stage.status(False, slot=1))
    slowly(stage, silent, seconds)
    with contextlib.suppress(TransactionUnknown):
        stage.send()
    assert stage.elapsed <= WRITING_SECONDS


def test_a_transaction_prepared_too_slowly_is_not_sent() -> None:
    stage = Stage()
    slowly(stage, "simulateTransaction", 9.5)
    stage.sender = Sender(RpcClient(stage.cluster, stage.clock), stage.clock, stage.notes.append, deadline_seconds=10)
    error = stage.fails(TimedOut)
    assert error.sent is False
    assert stage.cluster.count("sendTransaction") == 0
    assert stage.elapsed <= 10


@pytest.mark.parametrize(("seconds", "is_sent"), [(4.5, True), (4.6, False)])
def test_with_less_than_a_tenth_of_the_time_left_nothing_is_sent(seconds: float, is_sent: bool) -> None:
    stage = Stage(deadline=10)
    slowly(stage, "simulateTransaction", 2 * seconds)
    if is_sent:
        assert stage.send().slot == 77
        return
    error = stage.fails(TimedOut)
    assert error.message == (
        "scripted://cluster is so slow that only 0.8 seconds of 10 are left to send and confirm payment."
    )
    assert error.hint.startswith("The transaction was not sent.")
    assert error.context == {"endpoint": "scripted://cluster", "sent": False}
    assert stage.cluster.sent == []


def test_one_deadline_for_two_transactions() -> None:
    stage = Stage()
    rpc = RpcClient(stage.cluster, stage.clock).within(Deadline(stage.clock, WRITING_SECONDS))
    stage.sender = Sender(rpc, stage.clock, stage.notes.append)

    def status(params: list[Any]) -> Any:
        if stage.elapsed < 60 or len(set(stage.cluster.sent)) > 1:
            raise BUSY
        return stage.cluster.status(True)

    stage.on("getSignatureStatuses", status)
    first = stage.send()
    error = stage.fails(TransactionUnknown)
    assert error.signature == stage.signature != first.signature
    assert error.landed == (first.signature,)
    assert stage.elapsed <= WRITING_SECONDS


def test_an_endpoint_that_accepts_the_transaction_again_and_again_is_not_lost() -> None:
    stage = Stage()
    for method in ("getTransaction", "getSignatureStatuses", "getEpochInfo"):
        stage.on(method, REFUSED)
    error = stage.fails(TransactionUnknown)
    assert "could not be determined within 118 seconds" in error.message


def test_exactly_thirty_seconds_without_a_response_are_enough() -> None:
    stage = Stage()

    def refuse(params: list[Any]) -> Any:
        stage.clock.now = max(stage.clock.now, stage.cluster.started + 30)
        raise REFUSED

    stage.on("getTransaction", REFUSED)
    stage.on("getSignatureStatuses", refuse)
    assert "stopped responding" in stage.fails(TransactionUnknown).message
    assert stage.cluster.count("getSignatureStatuses") == 1


def test_an_endpoint_that_still_reports_its_block_height_is_not_lost() -> None:
    stage = Stage()
    stage.accepting_then(None, REFUSED)
    for method in ("getTransaction", "getSignatureStatuses"):
        stage.on(method, REFUSED)
    stage.on("getEpochInfo", {"absoluteSlot": 100, "blockHeight": 200})
    assert "could not be determined within 118 seconds" in stage.fails(TransactionUnknown).message


def test_an_endpoint_is_lost_thirty_seconds_after_its_last_response() -> None:
    stage = Stage()
    stage.accepting_then(None, REFUSED)
    stage.on("getTransaction", None)
    slowly(stage, "getTransaction", 4)
    for method in ("getSignatureStatuses", "getEpochInfo"):
        stage.on(method, REFUSED)
    stage.fails(TransactionUnknown)
    assert 34 <= stage.elapsed < 36


def test_an_endpoint_lost_after_sending_ends_in_unknown() -> None:
    stage = Stage()
    stage.accepting_then(None, REFUSED)
    stage.on("getSignatureStatuses", REFUSED)
    stage.on("getEpochInfo", REFUSED)
    error = stage.fails(TransactionUnknown)
    assert "because scripted://cluster stopped responding" in error.message
    assert 30 <= stage.elapsed < 34


def test_a_send_that_may_have_arrived_and_then_nothing_is_unknown() -> None:
    stage = Stage()
    for method in ("sendTransaction", "getSignatureStatuses", "getEpochInfo"):
        stage.on(method, SLOW)
    stage.fails(TransactionUnknown)
