"""Sending before and after the delivery: simulation, refusals, failures on-chain, interruptions."""

import base64
from typing import Any

import pytest
from solders.instruction import Instruction
from solders.signature import Signature
from solders.system_program import TransferParams, transfer
from solders.transaction import Transaction

from psyche_cli.errors import (
    BadRpcResponse,
    HttpStatusError,
    InsufficientFunds,
    Interrupted,
    ProgramRefused,
    PsycheError,
    RpcError,
    TimedOut,
    TransactionTooLarge,
    Unreachable,
)

from .scripted import RawAnswer, RpcFault
from .stage import CUSTOM, PAYMENT, REFUSED, SLOW, WALLET, Stage, assert_one_transaction

# --- refused in simulation --------------------------------------------------------------------------------------------


def simulation(err: Any) -> dict[str, Any]:
    """The response of a node that does not report the replacement blockhash."""
    return {"context": {"slot": 1}, "value": {"err": err, "logs": ["a log"]}}


def test_a_transaction_that_fails_in_simulation_is_never_sent() -> None:
    seen: list[Any] = []

    def describe(err: Any, logs: Any, program_ids: Any) -> PsycheError:
        seen.append((err, logs, program_ids))
        return ProgramRefused("No.", program="system")

    stage = Stage(describe_failure=describe)
    stage.on("simulateTransaction", simulation(CUSTOM))
    error = stage.fails(ProgramRefused)
    assert error.message == "No."
    assert error.context == {
        "program": "system",
        "program_code": None,
        "instruction_index": None,
        "sent": False,
        "logs": ["a log"],
    }
    assert seen == [(CUSTOM, ("a log",), (PAYMENT.program_id,))]
    assert stage.cluster.count("sendTransaction") == 0
    assert stage.notes == []


def test_an_empty_wallet_is_reported() -> None:
    stage = Stage()
    stage.on("simulateTransaction", simulation("AccountNotFound"))
    assert stage.fails(InsufficientFunds).context["wallet"] == str(WALLET.address)
    assert stage.cluster.count("sendTransaction") == 0


@pytest.mark.parametrize("err", ["BlockhashNotFound", "AlreadyProcessed"])
def test_a_simulation_is_repeated_with_a_newer_blockhash(err: str) -> None:
    stage = Stage()
    stage.on("simulateTransaction", simulation(err), simulation(err), lambda params: stage.cluster.simulation())
    assert stage.send().slot == 77
    assert stage.clock.sleeps == [0.4, 0.4]
    assert_one_transaction(stage)


@pytest.mark.parametrize("err", ["BlockhashNotFound", "AlreadyProcessed", None])
def test_without_a_reported_blockhash_the_transaction_is_simulated_again_unsigned(err: Any) -> None:
    stage = Stage()
    stage.on("simulateTransaction", simulation(None), simulation(err), simulation(None))
    assert stage.send().slot == 77
    assert stage.clock.sleeps == ([0.4] if err else [])
    assert stage.cluster.count("getLatestBlockhash") == (2 if err else 1)
    simulated, [sent] = stage.last("simulateTransaction"), stage.cluster.sent
    assert simulated.message == Transaction.from_bytes(sent).message
    [*_, params] = [params for method, params in stage.cluster.calls if method == "simulateTransaction"]
    options = {"commitment": "confirmed", "encoding": "base64", "sigVerify": False, "replaceRecentBlockhash": False}
    assert params[1] == options


def test_no_signature_is_sent_before_the_transaction() -> None:
    stage = Stage()
    stage.on("simulateTransaction", simulation(None))
    stage.on("sendTransaction", RpcFault(-32602, "no"))
    stage.fails(RpcError)
    for method, params in stage.cluster.calls:
        if method == "simulateTransaction":
            assert Transaction.from_bytes(base64.b64decode(params[0])).signatures == [Signature.default()]
    assert stage.cluster.count("simulateTransaction") == 2


def test_a_node_that_has_not_seen_the_previous_transaction_does_not_simulate_the_next() -> None:
    # One URL, two nodes, of which one has not reached the slot in which the first transaction landed.
    stage = Stage()
    stage.send()
    behind = RpcFault(-32016, "Minimum context slot has not been reached", {"contextSlot": 76})
    stage.on("simulateTransaction", behind, lambda params: stage.cluster.simulation())
    stage.send(transfer(TransferParams(from_pubkey=WALLET.address, to_pubkey=WALLET.address, lamports=6)))
    options = [params[1] for method, params in stage.cluster.calls if method == "simulateTransaction"]
    assert [each.get("minContextSlot") for each in options] == [None, 77, 77]


def test_a_transaction_that_fails_in_the_second_simulation_is_never_sent() -> None:
    stage = Stage()
    stage.on("simulateTransaction", simulation(None), simulation(CUSTOM))
    stage.fails(ProgramRefused)
    assert stage.cluster.count("sendTransaction") == 0


def test_a_blockhash_is_waited_for_up_to_15_seconds() -> None:
    stage = Stage()

    def simulate(params: list[Any]) -> Any:
        stage.clock.now += 15
        return simulation("BlockhashNotFound")

    stage.on("simulateTransaction", simulate)
    stage.fails(TimedOut)
    assert stage.cluster.count("simulateTransaction") == 1


def test_without_a_usable_blockhash_nothing_is_sent() -> None:
    stage = Stage()
    stage.on("simulateTransaction", simulation("BlockhashNotFound"))
    error = stage.fails(TimedOut)
    assert "no usable new blockhash within 15 seconds" in error.message
    assert error.hint.startswith("The transaction was not sent.")
    assert error.context == {"endpoint": "scripted://cluster", "sent": False}
    assert stage.cluster.count("sendTransaction") == 0


def test_two_equal_payments_are_two_transactions() -> None:
    # Within one slot the blockhash is the same, and so would be the signature: the cluster would pay once.
    stage = Stage()
    first, second = stage.send(), stage.send()
    assert first.signature != second.signature
    assert stage.clock.sleeps == [0.4]
    assert len(set(stage.cluster.sent)) == 2


def test_simulating_alone_sends_nothing() -> None:
    stage = Stage()
    assert stage.sender.simulate([PAYMENT], WALLET).logs == ("simulated",)
    assert stage.cluster.count("sendTransaction") == 0
    stage.on("simulateTransaction", simulation(CUSTOM))
    with pytest.raises(ProgramRefused):
        stage.sender.simulate([PAYMENT], WALLET)


@pytest.mark.parametrize(
    ("method", "answer", "kind"),
    [
        ("simulateTransaction", REFUSED, Unreachable),
        ("simulateTransaction", RawAnswer(b"x"), BadRpcResponse),
        ("simulateTransaction", SLOW, TimedOut),
        ("simulateTransaction", RpcFault(-32003, "Transaction signature verification failure"), RpcError),
    ],
)
def test_network_errors_before_sending_are_network_errors(method: str, answer: Any, kind: type[PsycheError]) -> None:
    stage = Stage()
    stage.on(method, answer)
    stage.fails(kind)
    assert stage.cluster.count("sendTransaction") == 0


def test_a_transaction_that_is_too_large_is_not_simulated() -> None:
    stage = Stage()
    with pytest.raises(TransactionTooLarge):
        stage.send(Instruction(PAYMENT.program_id, bytes(1300), []))
    assert stage.cluster.count("simulateTransaction") == 0


# --- never sent -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 415])
def test_an_http_status_that_proves_rejection_ends_the_delivery(status: int) -> None:
    stage = Stage()
    stage.on("sendTransaction", HttpStatusError("no", status=status))
    error = stage.fails(HttpStatusError)
    assert stage.cluster.count("sendTransaction") == 1
    assert stage.cluster.count("getSignatureStatuses") == 0
    assert error.context == {"sent": False, "status": status, "retry_after": None}


def test_a_json_rpc_rejection_of_the_request_ends_the_delivery() -> None:
    stage = Stage()
    stage.on("sendTransaction", RpcFault(-32601, "Method not found"))
    assert stage.fails(RpcError).sent is False
    assert stage.cluster.count("sendTransaction") == 1


def test_an_endpoint_lost_before_anything_left_means_nothing_was_sent() -> None:
    stage = Stage()
    for method in ("sendTransaction", "getSignatureStatuses", "getEpochInfo"):
        stage.on(method, Unreachable("refused", hint="Is it running?", request_sent=False))
    error = stage.fails(Unreachable)
    assert error.hint == "Is it running? The transaction was not sent."
    assert error.context == {"sent": False, "request_sent": False}
    assert 5 <= stage.elapsed < 5.3


def test_an_endpoint_that_cannot_be_connected_to_for_sending_means_nothing_was_sent() -> None:
    stage = Stage()
    stage.on("sendTransaction", REFUSED)
    error = stage.fails(Unreachable)
    assert error.sent is False
    assert 73 <= stage.elapsed < 84, "when the end of the blockhash is finalized, and a second look later"


# --- failed on-chain --------------------------------------------------------------------------------------------------


def test_an_on_chain_failure_reports_the_paid_fee() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", stage.status(True, err=CUSTOM))
    error = stage.fails(ProgramRefused)
    assert error.context["sent"] is True
    assert error.context["signature"] == stage.signature
    assert error.context["logs"] == ["first", "second"]
    assert error.hint.endswith(f"Transaction {stage.signature} failed on-chain; its fee was paid.")


def test_a_failure_below_the_commitment_is_not_final() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", stage.status(True, "processed", err=CUSTOM), stage.status(True))
    assert stage.send().slot == 77


def test_a_failure_without_logs_is_still_a_failure() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", stage.status(True, err=CUSTOM))
    stage.on("getTransaction", REFUSED)
    assert stage.fails(ProgramRefused).context["logs"] == []


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------


def test_ctrl_c_before_sending() -> None:
    stage = Stage()
    stage.on("simulateTransaction", KeyboardInterrupt())
    error = stage.fails(Interrupted)
    assert error.message == "Interrupted before sending payment."
    assert error.context == {"sent": False}
    assert error.__suppress_context__


@pytest.mark.parametrize("method", ["sendTransaction", "getTransaction", "getSignatureStatuses"])
def test_ctrl_c_during_the_delivery_reports_the_signature(method: str) -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", stage.status(False))
    stage.on(method, KeyboardInterrupt())
    error = stage.fails(Interrupted)
    assert (
        error.message == f"Interrupted while waiting for payment, transaction {stage.signature}, which may still land."
    )
    assert error.context == {"sent": True, "signature": stage.signature}
    assert "before trying again" in error.hint


def test_ctrl_c_while_nothing_can_have_been_sent() -> None:
    stage = Stage()
    stage.on("sendTransaction", REFUSED)
    stage.on("getSignatureStatuses", KeyboardInterrupt())
    assert stage.fails(Interrupted).context == {"sent": False}


def test_ctrl_c_while_fetching_the_logs_reports_that_it_landed() -> None:
    stage = Stage()
    stage.on("getTransaction", None, KeyboardInterrupt())
    error = stage.fails(Interrupted)
    assert error.message == f"Interrupted after payment landed in transaction {stage.signature}."
    assert error.context == {"sent": True, "signature": stage.signature, "landed": [stage.signature]}


def test_ctrl_c_while_fetching_the_logs_of_a_failure_reports_that_it_failed() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", stage.status(True, err=CUSTOM))
    stage.on("getTransaction", None, KeyboardInterrupt())
    error = stage.fails(Interrupted)
    assert error.message == f"Interrupted after payment failed on-chain in transaction {stage.signature}."
    assert error.context == {"sent": True, "signature": stage.signature}


def test_ctrl_c_reports_the_last_of_two_transactions() -> None:
    stage = Stage()
    first = stage.send()
    stage.on("getTransaction", None)
    stage.on("getSignatureStatuses", KeyboardInterrupt())
    error = stage.fails(Interrupted)
    assert error.signature == stage.signature != first.signature
    assert error.message == (
        f"Interrupted while waiting for payment, transaction {stage.signature}, which may still land."
    )
