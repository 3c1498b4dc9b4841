"""Every way in which a transaction can go: a scripted cluster, and a clock that only waiting moves."""

import base64
import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import TransferParams, transfer
from solders.transaction import Transaction

from psyche_cli.errors import (
    BadRpcResponse,
    HttpStatusError,
    InsufficientFunds,
    Interrupted,
    NetworkError,
    ProgramRefused,
    PsycheError,
    RpcError,
    TimedOut,
    TransactionExpired,
    TransactionTooLarge,
    TransactionUnknown,
    Unreachable,
)
from psyche_cli.results import Receipt
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.deadline import Deadline
from psyche_cli.solana.sending.sender import WRITING_SECONDS, Sender
from psyche_cli.solana.wallet import Wallet

from .scripted import FakeClock, RawAnswer, RpcFault, ScriptedCluster, scripted_answers

WALLET = Wallet(Keypair.from_seed(bytes(range(32))), "a test")
PAYMENT = transfer(TransferParams(from_pubkey=WALLET.address, to_pubkey=Pubkey.from_bytes(bytes(32)), lamports=5))
CUSTOM = {"InstructionError": [0, {"Custom": 1}]}
REFUSED = Unreachable("refused", request_sent=False)
BROKEN = Unreachable("broke", request_sent=True)
SLOW = TimedOut("slow", request_sent=True)


class Stage:
    """A sender before a scripted cluster, and what the user was told."""

    def __init__(self, deadline: float = WRITING_SECONDS, **settings: Any) -> None:
        self.clock = FakeClock()
        self.cluster = ScriptedCluster(self.clock)
        self.notes: list[str] = []
        self.sender = Sender(
            RpcClient(self.cluster, self.clock), self.clock, self.notes.append, deadline_seconds=deadline, **settings
        )

    def on(self, method: str, *answers: Any) -> None:
        self.cluster.handlers[method] = scripted_answers(list(answers))

    def status(self, known: bool, reached: str = "confirmed", err: Any = None, slot: int | None = None) -> Any:
        return lambda params: self.cluster.status(known, reached, err, slot)

    def accepting_then(self, *answers: Any) -> None:
        """Take the bytes each time, and answer sendTransaction as told."""
        turns = scripted_answers(list(answers))

        def handler(params: list[Any]) -> Any:
            signature = self.cluster.accept(params)
            answer = turns(params)
            return signature if answer is None else answer

        self.cluster.handlers["sendTransaction"] = handler

    def send(self, *instructions: Instruction, label: str = "payment") -> Receipt:
        return self.sender.send(instructions or [PAYMENT], WALLET, label=label)

    def fails(self, kind: type[PsycheError]) -> Any:
        """The error that sending ends in, of exactly this kind."""
        with pytest.raises(PsycheError) as caught:
            self.send()
        assert type(caught.value) is kind, caught.value
        return caught.value

    @property
    def elapsed(self) -> float:
        return self.clock.now - self.cluster.started

    @property
    def signature(self) -> str:
        return str(self.last("sendTransaction").signatures[0])

    def last(self, method: str) -> Transaction:
        """The transaction of the last request that asked to send or simulate one."""
        [*_, params] = [params for name, params in self.cluster.calls if name == method]
        return Transaction.from_bytes(base64.b64decode(params[0]))


def assert_one_transaction(stage: Stage) -> None:
    """However often something was sent, it was the same bytes, and their message was simulated, blockhash apart."""
    assert len(set(stage.cluster.sent)) <= 1
    simulated = stage.last("simulateTransaction")
    assert simulated.signatures == [Signature.default()] * len(simulated.signatures)
    assert simulated.message.recent_blockhash == Hash.default()
    for raw in stage.cluster.sent:
        sent = Transaction.from_bytes(raw)
        sent.verify()
        message = bytes(sent.message).replace(bytes(sent.message.recent_blockhash), bytes(32))
        assert message == bytes(simulated.message)


# --- landed ---------------------------------------------------------------------------------------------------------


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


def test_a_failure_that_is_in_the_ledger_already_is_found_at_the_first_look() -> None:
    stage = Stage()
    stage.on("getTransaction", {"slot": 78, "meta": {"err": CUSTOM, "fee": 5000, "logMessages": ["a log"]}})
    error = stage.fails(ProgramRefused)
    assert (error.sent, error.signature, error.logs) == (True, stage.signature, ("a log",))
    assert stage.cluster.count("getSignatureStatuses") == 0
    assert stage.cluster.count("getTransaction") == 1


@pytest.mark.parametrize("answer", [REFUSED, BROKEN, SLOW, RawAnswer(b""), RpcFault(-32602, "confirmed only"), None])
def test_a_first_look_that_finds_nothing_decides_nothing(answer: Any) -> None:
    stage = Stage()
    stage.on("getTransaction", answer)
    stage.on("getSignatureStatuses", stage.status(False), stage.status(True))
    assert stage.send().slot == 77
    assert stage.cluster.count("getSignatureStatuses") == 2


def test_the_ledger_is_not_asked_first_for_what_was_perhaps_not_taken() -> None:
    stage = Stage()
    stage.accepting_then(BROKEN)
    stage.send()
    assert [method for method, _ in stage.cluster.calls][-2:] == ["getSignatureStatuses", "getTransaction"]


def test_a_late_confirmation_is_looked_for_every_fifth_of_a_second() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", lambda params: stage.cluster.status(stage.elapsed > 20))
    stage.send()
    assert max(stage.clock.sleeps) == 0.2
    assert stage.elapsed <= 20.2


def test_after_half_a_minute_it_is_looked_for_every_second() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", lambda params: stage.cluster.status(stage.elapsed > 50))
    stage.send()
    moments = [sum(stage.clock.sleeps[: count + 1]) for count in range(len(stage.clock.sleeps))]
    assert {pause for pause, end in zip(stage.clock.sleeps, moments, strict=True) if 1 < end < 30} == {0.2}
    assert {pause for pause, end in zip(stage.clock.sleeps, moments, strict=True) if end > 31} == {1.0}


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
def test_what_was_not_taken_is_sent_again(answer: Any) -> None:
    stage = Stage()
    stage.on("sendTransaction", answer, stage.cluster.accept)
    assert stage.send().slot == 77
    assert stage.cluster.count("sendTransaction") == 2
    assert_one_transaction(stage)


def test_already_processed_on_resending_is_progress() -> None:
    stage = Stage()
    stage.accepting_then(None, RpcFault(-32002, "already been processed", {"err": "AlreadyProcessed"}))
    stage.on("getSignatureStatuses", *[stage.status(False)] * 14, stage.status(True))
    assert stage.send().slot == 77
    assert len(stage.cluster.sent) == 2


def test_a_refusal_of_a_resend_changes_nothing() -> None:
    stage = Stage()
    stage.accepting_then(None, RpcFault(-32002, "preflight", {"err": CUSTOM}), HttpStatusError("no", status=403))
    stage.on("getSignatureStatuses", *[stage.status(False)] * 10, stage.status(True))
    assert stage.send().slot == 77


def test_flapping_status_polls_are_lived_through() -> None:
    stage = Stage()
    stage.on(
        "getSignatureStatuses",
        *[BROKEN, SLOW, RawAnswer(b""), HttpStatusError("busy", status=503), RpcFault(-32603, "x"), REFUSED],
        stage.status(False),
        stage.status(True),
    )
    assert stage.send().slot == 77


def test_retry_after_of_a_status_poll_is_honoured() -> None:
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


def test_logs_that_come_late_are_waited_for() -> None:
    stage = Stage()
    stage.on("getTransaction", None, None, {"slot": 77, "meta": {"err": None, "fee": 7, "logMessages": ["late"]}})
    receipt = stage.send()
    assert (receipt.logs, receipt.fee_lamports) == (("late",), 7)


# --- refused in simulation ------------------------------------------------------------------------------------------


def simulation(err: Any) -> dict[str, Any]:
    """What a node answers that does not say which blockhash it put in."""
    return {"context": {"slot": 1}, "value": {"err": err, "logs": ["a log"]}}


def test_what_fails_in_simulation_is_never_sent() -> None:
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


def test_an_empty_wallet_is_told() -> None:
    stage = Stage()
    stage.on("simulateTransaction", simulation("AccountNotFound"))
    assert stage.fails(InsufficientFunds).context["wallet"] == str(WALLET.address)
    assert stage.cluster.count("sendTransaction") == 0


@pytest.mark.parametrize("err", ["BlockhashNotFound", "AlreadyProcessed"])
def test_a_simulation_that_wants_a_newer_blockhash_gets_one(err: str) -> None:
    stage = Stage()
    stage.on("simulateTransaction", simulation(err), simulation(err), lambda params: stage.cluster.simulation())
    assert stage.send().slot == 77
    assert stage.clock.sleeps == [0.4, 0.4]
    assert_one_transaction(stage)


@pytest.mark.parametrize("err", ["BlockhashNotFound", "AlreadyProcessed", None])
def test_a_node_that_does_not_name_the_blockhash_is_asked_for_one_and_simulates_the_signed_bytes(err: Any) -> None:
    stage = Stage()
    stage.on("simulateTransaction", simulation(None), simulation(err), simulation(None))
    assert stage.send().slot == 77
    assert stage.clock.sleeps == ([0.4] if err else [])
    assert stage.cluster.count("getLatestBlockhash") == (2 if err else 1)
    assert stage.cluster.sent == [bytes(stage.last("simulateTransaction"))]
    [*_, params] = [params for method, params in stage.cluster.calls if method == "simulateTransaction"]
    assert params[1] == {"commitment": "confirmed", "encoding": "base64", "sigVerify": True}


def test_what_fails_when_the_signed_bytes_are_simulated_is_never_sent() -> None:
    stage = Stage()
    stage.on("simulateTransaction", simulation(None), simulation(CUSTOM))
    stage.fails(ProgramRefused)
    assert stage.cluster.count("sendTransaction") == 0


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


# --- failed on-chain ------------------------------------------------------------------------------------------------


def test_what_fails_on_chain_was_paid_for_and_says_so() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", stage.status(True, err=CUSTOM))
    error = stage.fails(ProgramRefused)
    assert error.context["sent"] is True
    assert error.context["signature"] == stage.signature
    assert error.context["logs"] == ["first", "second"]
    assert error.hint.endswith(f"Transaction {stage.signature} failed on-chain; its fee was paid.")


def test_a_failure_below_the_commitment_does_not_count_yet() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", stage.status(True, "processed", err=CUSTOM), stage.status(True))
    assert stage.send().slot == 77


def test_a_failure_without_logs_is_still_a_failure() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", stage.status(True, err=CUSTOM))
    stage.on("getTransaction", REFUSED)
    assert stage.fails(ProgramRefused).context["logs"] == []


# --- never sent -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 415])
def test_an_http_status_that_proves_that_nothing_was_taken_ends_it(status: int) -> None:
    stage = Stage()
    stage.on("sendTransaction", HttpStatusError("no", status=status))
    error = stage.fails(HttpStatusError)
    assert stage.cluster.count("sendTransaction") == 1
    assert stage.cluster.count("getSignatureStatuses") == 0
    assert error.context == {"sent": False, "status": status, "retry_after": None}


def test_a_json_rpc_refusal_of_the_request_itself_ends_it() -> None:
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


# --- perhaps sent ---------------------------------------------------------------------------------------------------

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
def test_once_the_bytes_may_have_left_no_later_refusal_makes_them_unsent(answer: Any, later: Any) -> None:
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


# --- expired --------------------------------------------------------------------------------------------------------


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


def test_one_look_is_not_enough() -> None:
    # The node that answers first is on a minority fork and does not know the transaction.
    stage = Stage()
    stage.on("getEpochInfo", {"absoluteSlot": 300, "blockHeight": 251})
    stage.on("getSignatureStatuses", *[stage.status(False, slot=300)] * 12, stage.status(True))
    assert stage.send().slot == 77


def test_a_look_that_finds_something_begins_the_two_looks_anew() -> None:
    stage = Stage()
    stage.on("getEpochInfo", {"absoluteSlot": 300, "blockHeight": 251})
    unknown, pending = stage.status(False, slot=300), stage.status(True, "processed")
    stage.on("getSignatureStatuses", *[unknown] * 9, pending, *[unknown] * 4, pending, unknown)
    stage.fails(TransactionExpired)
    answers = stage.cluster.count("getSignatureStatuses")
    assert answers >= 9 + 1 + 4 + 1 + 6


def test_a_transaction_found_in_the_last_look_has_landed() -> None:
    stage = Stage()

    def status(params: list[Any]) -> Any:
        return stage.cluster.status(params[1]["searchTransactionHistory"])

    stage.on("getSignatureStatuses", status)
    assert stage.send().slot == 77


def test_a_transaction_that_failed_in_the_last_look_has_failed() -> None:
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


def test_after_the_expiry_nothing_is_sent_any_more() -> None:
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


def test_another_error_in_the_last_look_declares_nothing() -> None:
    stage = Stage()

    def status(params: list[Any]) -> Any:
        if params[1]["searchTransactionHistory"]:
            raise RpcFault(-32603, "Internal error")
        return stage.cluster.status(False)

    stage.on("getSignatureStatuses", status)
    stage.fails(TransactionUnknown)


def test_a_block_height_that_cannot_be_read_declares_nothing() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", stage.status(False))
    stage.on("getEpochInfo", RpcFault(-32601, "Method not found"))
    error = stage.fails(TransactionUnknown)
    assert "could not be determined within 118 seconds" in error.message
    assert_one_transaction(stage)


# --- unknown --------------------------------------------------------------------------------------------------------


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


def test_after_the_longest_pause_there_is_time_for_a_last_look() -> None:
    stage = Stage()

    def status(params: list[Any]) -> Any:
        if stage.elapsed < 112:
            raise BUSY
        return stage.cluster.status(True)

    stage.on("getSignatureStatuses", status)
    assert stage.send().slot == 77
    assert 112 <= stage.elapsed <= WRITING_SECONDS


def slowly(stage: Stage, method: str, seconds: float) -> None:
    """Let every answer to ``method`` take so long, or as long as is waited for it."""
    inner = stage.cluster.handlers[method]

    def handler(params: list[Any]) -> Any:
        allowed = stage.cluster.timeouts[-1]
        stage.clock.now += min(seconds, allowed)
        if seconds > allowed:
            raise SLOW
        return inner(params)

    stage.cluster.handlers[method] = handler


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


def test_what_is_prepared_too_slowly_is_not_sent_any_more() -> None:
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
        "scripted://cluster is so slow that too little of the 10 seconds is left to send and confirm payment."
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


# --- Ctrl-C ---------------------------------------------------------------------------------------------------------


def test_ctrl_c_before_sending() -> None:
    stage = Stage()
    stage.on("simulateTransaction", KeyboardInterrupt())
    error = stage.fails(Interrupted)
    assert error.message == "Interrupted before sending payment."
    assert error.context == {"sent": False}
    assert error.__suppress_context__


@pytest.mark.parametrize("method", ["sendTransaction", "getTransaction", "getSignatureStatuses"])
def test_ctrl_c_while_it_is_under_way_tells_the_signature(method: str) -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", stage.status(False))
    stage.on(method, KeyboardInterrupt())
    error = stage.fails(Interrupted)
    assert (
        error.message == f"Interrupted while waiting for payment, transaction {stage.signature}, which may still land."
    )
    assert error.context == {"sent": True, "signature": stage.signature}
    assert "before trying again" in error.hint


def test_ctrl_c_while_certainly_nothing_left() -> None:
    stage = Stage()
    stage.on("sendTransaction", REFUSED)
    stage.on("getSignatureStatuses", KeyboardInterrupt())
    assert stage.fails(Interrupted).context == {"sent": False}


def test_ctrl_c_while_the_logs_are_fetched_says_that_it_landed() -> None:
    stage = Stage()
    stage.on("getTransaction", None, KeyboardInterrupt())
    error = stage.fails(Interrupted)
    assert error.message == f"Interrupted after payment landed in transaction {stage.signature}."
    assert error.context == {"sent": True, "signature": stage.signature, "landed": [stage.signature]}


def test_ctrl_c_while_the_logs_of_a_failure_are_fetched_says_that_it_failed() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", stage.status(True, err=CUSTOM))
    stage.on("getTransaction", None, KeyboardInterrupt())
    error = stage.fails(Interrupted)
    assert error.message == f"Interrupted after payment failed on-chain in transaction {stage.signature}."
    assert error.context == {"sent": True, "signature": stage.signature}


# --- anything at all ------------------------------------------------------------------------------------------------

NOISE = st.sampled_from(
    [
        *[REFUSED, BROKEN, SLOW, RawAnswer(b"\x00"), RpcFault(-32603, "x"), RpcFault(-32005, "behind")],
        *[HttpStatusError("busy", status=429, retry_after=2), HttpStatusError("down", status=503)],
        *[HttpStatusError("no", status=403), HttpStatusError("moved", status=302, retry_after=9999)],
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    sends=st.lists(st.tuples(st.booleans(), st.one_of(st.none(), NOISE)), min_size=1, max_size=8),
    polls=st.lists(st.one_of(st.none(), NOISE), max_size=30),
    latency=st.floats(0, 100),
    err=st.sampled_from([None, CUSTOM]),
)
def test_whatever_the_network_does_the_verdict_is_true(sends: Any, polls: Any, latency: float, err: Any) -> None:
    """A model of the cluster: bytes that arrived land ``latency`` later unless their blockhash is too old by then."""
    stage = Stage()
    arrived: list[float] = []
    noise = iter(polls)
    attempts = iter(sends)

    def landed() -> bool:
        return bool(arrived) and arrived[0] + latency <= min(stage.elapsed, 60.0)

    def send(params: list[Any]) -> Any:
        gets_through, answer = next(attempts, (True, None))
        # What is certainly not sent cannot get through.
        certain = answer is REFUSED or (isinstance(answer, HttpStatusError) and answer.status == 403)
        signature = stage.cluster.accept(params)
        if (gets_through or answer is None) and not certain:
            arrived.append(stage.elapsed)
        if answer is not None:
            raise answer
        return signature

    def status(params: list[Any]) -> Any:
        answer = next(noise, None)
        if answer is not None:
            raise answer
        return stage.cluster.status(landed(), err=err)

    stage.on("sendTransaction", send)
    stage.on("getSignatureStatuses", status)
    outcome: Receipt | PsycheError
    try:
        outcome = stage.send()
    except PsycheError as error:
        outcome = error
    if isinstance(outcome, (Receipt, ProgramRefused)):
        assert landed()
        assert isinstance(outcome, Receipt) is (err is None)
    elif isinstance(outcome, NetworkError):
        assert not arrived
        assert outcome.sent is False
    else:
        assert isinstance(outcome, (TransactionExpired, TransactionUnknown))
        assert not (isinstance(outcome, TransactionExpired) and landed())
        assert (outcome.sent, outcome.signature) == (True, stage.signature)
    assert_one_transaction(stage)
    assert stage.elapsed <= WRITING_SECONDS + 1e-6
