"""The delivery of a transaction that lands, with various responses of the endpoint."""

from typing import Any

import pytest

from psyche_cli.errors import (
    HttpStatusError,
    ProgramRefused,
    TransactionExpired,
    TransactionUnknown,
)
from psyche_cli.receipts import Receipt

from .scripted import RawAnswer, RpcFault
from .stage import BROKEN, CUSTOM, REFUSED, SLOW, Stage, assert_one_transaction

# --- landed -----------------------------------------------------------------------------------------------------------


def test_a_transaction_that_lands() -> None:
    stage = Stage()
    receipt = stage.send()
    assert receipt == Receipt(
        "payment",
        stage.signature,
        slot=77,
        logs=("first", "second"),
        fee_lamports=5000,
    )
    assert stage.notes == [f"Sending payment: {receipt.signature}"]
    assert [method for method, _ in stage.cluster.calls] == [
        *["simulateTransaction", "sendTransaction", "getTransaction"]
    ]
    assert_one_transaction(stage)
    assert stage.clock.sleeps == []
    assert stage.cluster.timeouts == [10.0, 5.0, 5.0]
    [options] = [params[1] for method, params in stage.cluster.calls if method == "sendTransaction"]
    assert options == {
        "encoding": "base64",
        "skipPreflight": True,
        "preflightCommitment": "confirmed",
        "maxRetries": 0,
    }


def test_the_same_bytes_are_sent_again_every_two_seconds_until_they_land() -> None:
    stage = Stage()

    def status(params: list[Any]) -> Any:
        return stage.cluster.status(stage.elapsed > 7)

    stage.on("getSignatureStatuses", status)
    assert stage.send().slot == 77
    assert len(stage.cluster.sent) == 4
    assert_one_transaction(stage)
    assert stage.cluster.count("getLatestBlockhash") == 0
    assert stage.cluster.count("simulateTransaction") == 1


def test_the_pauses_between_polls_grow_by_half_up_to_a_fifth_of_a_second() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", *[stage.status(False)] * 8, stage.status(True))
    stage.send()
    assert stage.clock.sleeps[:7] == pytest.approx([0.05, 0.075, 0.1125, 0.16875, 0.2, 0.2, 0.2])


def test_processed_is_not_enough() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", *[stage.status(True, "processed")] * 3, stage.status(True, "confirmed"))
    stage.send()
    assert stage.cluster.count("getSignatureStatuses") == 4


def test_a_failure_already_in_the_ledger_is_found_by_the_first_poll() -> None:
    stage = Stage()
    stage.on("getTransaction", {"slot": 78, "meta": {"err": CUSTOM, "fee": 5000, "logMessages": ["a log"]}})
    error = stage.fails(ProgramRefused)
    assert (error.sent, error.signature, error.logs) == (True, stage.signature, ("a log",))
    assert stage.cluster.count("getSignatureStatuses") == 0
    assert stage.cluster.count("getTransaction") == 1


@pytest.mark.parametrize("answer", [REFUSED, BROKEN, SLOW, RawAnswer(b""), RpcFault(-32602, "confirmed only"), None])
def test_a_first_poll_without_result_is_not_conclusive(answer: Any) -> None:
    stage = Stage()
    stage.on("getTransaction", answer)
    stage.on("getSignatureStatuses", stage.status(False), stage.status(True))
    assert stage.send().slot == 77
    assert stage.cluster.count("getSignatureStatuses") == 2


def test_the_ledger_is_not_queried_first_if_the_transaction_may_not_have_been_accepted() -> None:
    stage = Stage()
    stage.accepting_then(BROKEN)
    stage.send()
    assert [method for method, _ in stage.cluster.calls][-2:] == ["getSignatureStatuses", "getTransaction"]
    assert stage.clock.sleeps == []


def test_a_late_confirmation_is_polled_for_every_fifth_of_a_second() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", lambda params: stage.cluster.status(stage.elapsed > 20))
    stage.send()
    assert max(stage.clock.sleeps) == 0.2
    assert stage.elapsed <= 20.2


def test_after_half_a_minute_polling_slows_down_to_every_second() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", lambda params: stage.cluster.status(stage.elapsed > 50))
    stage.send()
    pauses = stage.clock.sleeps
    begun = [(sum(pauses[:count]), pause) for count, pause in enumerate(pauses)]
    assert {pause for moment, pause in begun if 1 < moment < 30} == {0.2}
    assert {pause for moment, pause in begun if moment >= 30} == {1.0}


def test_finalized_is_more_than_enough() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", stage.status(True, "finalized"))
    assert stage.send().slot == 77


@pytest.mark.parametrize(
    "answer",
    [
        BROKEN,
        SLOW,
        HttpStatusError("gateway", status=502),
        RawAnswer(b"garbage"),
        "5" * 10,
        RpcFault(-32603, "Internal error"),
        RpcFault(-32002, "This transaction has already been processed", {"err": "AlreadyProcessed"}),
    ],
)
def test_a_lost_answer_to_sending_does_not_matter_when_the_bytes_arrived(answer: Any) -> None:
    stage = Stage()
    stage.accepting_then(answer)
    assert stage.send().slot == 77
    assert_one_transaction(stage)


@pytest.mark.parametrize(
    "answer",
    [
        REFUSED,
        HttpStatusError("busy", status=429, retry_after=None),
        RpcFault(-32005, "Node is behind by 42 slots"),
        RpcFault(-32002, "Blockhash not found", {"err": "BlockhashNotFound"}),
    ],
)
def test_a_transaction_that_was_not_accepted_is_sent_again(answer: Any) -> None:
    stage = Stage()
    stage.on("sendTransaction", answer, stage.cluster.accept)
    assert stage.send().slot == 77
    assert stage.cluster.count("sendTransaction") == 2
    assert_one_transaction(stage)


def test_already_processed_on_a_resend_is_not_an_error() -> None:
    stage = Stage()
    stage.accepting_then(None, RpcFault(-32002, "already been processed", {"err": "AlreadyProcessed"}))
    stage.on("getSignatureStatuses", *[stage.status(False)] * 14, stage.status(True))
    assert stage.send().slot == 77
    assert len(stage.cluster.sent) == 2


def test_a_rejected_resend_is_ignored() -> None:
    stage = Stage()
    stage.accepting_then(None, RpcFault(-32002, "preflight", {"err": CUSTOM}), HttpStatusError("no", status=403))
    stage.on("getSignatureStatuses", *[stage.status(False)] * 10, stage.status(True))
    assert stage.send().slot == 77


def test_intermittent_failures_of_status_polls_are_tolerated() -> None:
    stage = Stage()
    stage.on(
        "getSignatureStatuses",
        *[BROKEN, SLOW, RawAnswer(b""), HttpStatusError("busy", status=503), RpcFault(-32603, "x"), REFUSED],
        stage.status(False),
        stage.status(True),
    )
    assert stage.send().slot == 77


def test_retry_after_of_a_failed_send_is_honored() -> None:
    stage = Stage()
    stage.on("sendTransaction", HttpStatusError("busy", status=429, retry_after=3), stage.cluster.accept)
    stage.on("getSignatureStatuses", stage.status(False), stage.status(True))
    stage.send()
    assert stage.clock.sleeps[0] == 3.0


@pytest.mark.parametrize("method", ["getTransaction", "getEpochInfo"])
def test_retry_after_of_other_requests_is_honored(method: str) -> None:
    stage = Stage()
    stage.on(method, HttpStatusError("busy", status=429, retry_after=3))
    stage.on("getSignatureStatuses", lambda params: stage.cluster.status(stage.elapsed > 4))
    stage.send()
    assert 3.0 in stage.clock.sleeps


def test_polling_is_slow_once_exactly_thirty_seconds_have_passed() -> None:
    stage = Stage()
    stage.on("getTransaction", HttpStatusError("busy", status=429, retry_after=30), None)
    stage.on("getSignatureStatuses", stage.status(False), stage.status(True))
    stage.send()
    assert stage.clock.sleeps[:2] == [30.0, 1.0]


def test_retry_after_of_a_status_poll_is_honored() -> None:
    stage = Stage()
    stage.on(
        "getSignatureStatuses",
        *[HttpStatusError("busy", status=429, retry_after=6), HttpStatusError("busy", status=429, retry_after=9999)],
        *[stage.status(False), stage.status(True)],
    )
    stage.send()
    assert stage.clock.sleeps[1:3] == [6.0, 30.0]
    assert stage.clock.sleeps[3] == 1.0  # half a minute has passed


@pytest.mark.parametrize("answers", [[None], [REFUSED], [RawAnswer(b"")], [RpcFault(-32601, "Method not found")]])
def test_missing_logs_never_turn_success_into_failure(answers: list[Any]) -> None:
    stage = Stage()
    stage.on("getTransaction", *answers)
    receipt = stage.send()
    assert (receipt.slot, receipt.logs, receipt.fee_lamports) == (77, (), None)
    assert stage.cluster.count("getTransaction") == 1 + 3


def test_delayed_logs_are_awaited() -> None:
    stage = Stage()
    stage.on("getTransaction", None, None, {"slot": 77, "meta": {"err": None, "fee": 7, "logMessages": ["late"]}})
    receipt = stage.send()
    assert (receipt.logs, receipt.fee_lamports) == (("late",), 7)
    assert stage.clock.sleeps == [0.05, 0.2]


# --- perhaps sent -----------------------------------------------------------------------------------------------------


MAY_HIDE_A_PAYMENT = [
    *[HttpStatusError("gateway", status=status) for status in (202, 204, 302, 408, 409, 429, 499, 500, 502, 503)],
    *[RpcFault(-32005, "Node is behind by 42 slots"), RpcFault(-32016, "Minimum context slot"), RpcFault(429, "Busy")],
    RpcFault(-32002, "Blockhash not found", {"err": "BlockhashNotFound"}),
    RpcFault(-32002, "preflight", {"err": CUSTOM, "logs": ["a log"]}),
]


@pytest.mark.parametrize("answer", MAY_HIDE_A_PAYMENT, ids=str)
def test_a_gateway_that_executes_and_then_fails_never_hides_the_payment(answer: Any) -> None:
    stage = Stage()
    stage.accepting_then(answer)
    assert stage.send().slot == 77
    assert len(stage.cluster.sent) == 1


@pytest.mark.parametrize("answer", MAY_HIDE_A_PAYMENT, ids=str)
@pytest.mark.parametrize("later", [None, HttpStatusError("no", status=403), REFUSED], ids=["again", "403", "refused"])
def test_a_later_rejection_does_not_make_a_possibly_sent_transaction_unsent(answer: Any, later: Any) -> None:
    stage = Stage()
    stage.on("sendTransaction", answer, *([] if later is None else [later]))
    stage.on("getSignatureStatuses", HttpStatusError("gone", status=404))
    error = stage.fails(TransactionUnknown)
    assert (error.sent, error.signature) == (True, stage.signature)
    stage = Stage()
    stage.on("sendTransaction", answer, *([] if later is None else [later]))
    stage.on("getSignatureStatuses", stage.status(False))
    error = stage.fails(TransactionExpired)
    assert error.context["sent"] is True
    assert error.context["signature"] == stage.signature
    assert error.hint.startswith("Every attempt to send it failed: ")
