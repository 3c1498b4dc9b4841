"""A sender with a journal: what is recorded before and after sending, and how a record is settled."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import pytest
from solders.hash import Hash

from psyche_cli.errors import (
    AlreadySent,
    Interrupted,
    JournalError,
    ProgramRefused,
    PsycheError,
    TransactionExpired,
    TransactionUnknown,
    Unreachable,
)
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.types import Blockhash
from psyche_cli.solana.sending.journal import Journal, JournalEntry, RecordState
from psyche_cli.solana.sending.recording import Recorder, intent_text
from psyche_cli.solana.sending.sender import Sender
from psyche_cli.solana.sending.settle import how_to_settle, settle
from psyche_cli.solana.sending.transaction import SignedTransaction, sign_transaction
from psyche_cli.suggestions import GivenOptions
from tests.solana.scripted import RpcFault
from tests.solana.stage import BROKEN, CUSTOM, PAYMENT, REFUSED, SLOW, WALLET, Stage

GENESIS = "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY"


class RecordedStage(Stage):
    """A sender with a journal, on an endpoint that rejects batches."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.after_output: list[Callable[[], None]] = []
        super().__init__(**settings)
        self.journal = Journal(folder, self.clock)
        self.recorder = Recorder(
            self.journal,
            self.clock,
            command="test",
            intent='{"pay": 5}',
            run_id="my-run",
            wallet=str(WALLET.address),
            redacted=lambda text: text.replace("cluster", "(hidden)"),
            warn=self.notes.append,
            after_output=self.after_output.append,
        )
        self.sender = Sender(
            RpcClient(self.cluster, self.clock),
            self.clock,
            self.notes.append,
            recorder=self.recorder,
            advise="settle {}".format,
        )
        self.cluster.handlers["getGenesisHash"] = lambda params: GENESIS
        inner = self.cluster.send

        def send(body: bytes, *, timeout: float) -> bytes:
            if isinstance(json.loads(body), list):
                raise Unreachable("no batches")
            return inner(body, timeout=timeout)

        self.cluster.send = send  # type: ignore[method-assign]

    @property
    def record(self) -> JournalEntry:
        [record] = self.journal.entries()
        return record


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[RecordedStage]:
    stage = RecordedStage(tmp_path)
    yield stage
    stage.journal.close()


def test_the_record_is_there_before_the_first_byte_leaves(stage: RecordedStage) -> None:
    seen: list[JournalEntry] = []

    def sending(params: list[Any]) -> Any:
        seen.append(stage.record)
        return stage.cluster.accept(params)

    stage.cluster.handlers["sendTransaction"] = sending
    receipt = stage.sender.send([PAYMENT], WALLET, label="payment", creates={"an address": "an account"})
    [before] = seen
    assert before.state is RecordState.UNSETTLED
    assert before.raw == stage.cluster.sent[0]
    assert (before.genesis_hash, before.endpoint) == (GENESIS, "scripted://(hidden)")
    assert before.created_accounts == (("an address", "an account"),)
    assert (before.label, before.command, before.run_id) == ("payment", "test", "my-run")
    assert before.recorded_slot == 150
    assert stage.record.state is RecordState.LANDED
    assert stage.record.slot == receipt.slot == 77
    stage.cluster.handlers["sendTransaction"] = stage.cluster.accept
    stage.send()
    assert stage.cluster.count("getGenesisHash") == 1


def test_what_landed_is_found_by_its_label_latest_first(stage: RecordedStage) -> None:
    stage.send()
    assert stage.recorder.landed("other") == []
    record = stage.record
    later = record._replace(signature="later", slot=78)
    for entry in (
        later,
        record._replace(signature="of another wallet", wallet="other"),
        record._replace(signature="failed", state=RecordState.FAILED),
    ):
        stage.journal.record(entry)
    assert stage.recorder.landed(record.label) == [later, record]


def test_the_reason_is_recorded_and_its_callback_sees_each_signature_before(stage: RecordedStage) -> None:
    seen: list[tuple[str, JournalEntry | None]] = []
    with stage.recorder.because("the vault was low", lambda one: seen.append((one, stage.recorder.entry(one)))):
        stage.send()
    record = stage.record
    assert record.reason == "the vault was low"
    assert seen == [(record.signature, None)]
    assert stage.recorder.entry(record.signature) == record
    stage.clock.now += 1
    stage.send()
    assert sorted(entry.reason for entry in stage.journal.entries()) == ["", "the vault was low"]
    assert len(seen) == 1


def test_nothing_is_recorded_or_sent_if_the_callback_fails(stage: RecordedStage) -> None:
    def refuse(signature: str) -> NoReturn:
        raise ValueError(signature)

    with pytest.raises(ValueError), stage.recorder.because("the vault was low", refuse):
        stage.send()
    assert stage.cluster.sent == []
    assert stage.journal.entries() == []


def test_what_is_unsettled_is_found_by_label_run_and_cluster(stage: RecordedStage) -> None:
    stage.send()
    settled = stage.record
    wanted = settled._replace(signature="unsettled", wallet="other", state=RecordState.UNSETTLED)
    for entry in (
        wanted,
        wanted._replace(signature="of another run", run_id="other"),
        wanted._replace(signature="of another cluster", genesis_hash="other"),
        wanted._replace(signature="with another label", label="other"),
    ):
        stage.journal.record(entry)
    assert stage.recorder.unsettled(settled.label, GENESIS) == [wanted]


def test_without_a_record_nothing_is_sent(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    stage = RecordedStage(tmp_path / "file" / "state")
    error = stage.fails(JournalError)
    assert error.sent is False
    assert error.hint.endswith("The transaction was not sent.")
    assert stage.cluster.sent == []


def test_bytes_that_another_process_has_recorded_are_not_sent_again(stage: RecordedStage) -> None:
    stage.send()
    first = stage.record
    stage.sender._used_signatures.clear()  # like a new process
    stage.clock.now -= stage.clock.now - stage.cluster.started
    stage.send()
    one, two = stage.journal.entries()
    assert {one.state, two.state} == {RecordState.LANDED}
    assert first in (one, two)
    assert one.blockhash != two.blockhash


def test_a_payment_is_unsettled_until_the_output(stage: RecordedStage) -> None:
    stage.sender.send([PAYMENT], WALLET, pays_again=True)
    assert stage.record.is_unsettled
    [callback] = stage.after_output
    callback()
    assert stage.record.state is RecordState.LANDED


def test_a_failure_on_chain(stage: RecordedStage) -> None:
    stage.on("getTransaction", None)
    stage.on("getSignatureStatuses", stage.status(True, err=CUSTOM))
    stage.fails(ProgramRefused)
    assert (stage.record.state, stage.record.error, stage.record.slot) == (RecordState.FAILED, CUSTOM, 77)


def test_an_expiry(stage: RecordedStage) -> None:
    stage.accepting_then(None)
    stage.on("getTransaction", None)
    stage.on("getSignatureStatuses", stage.status(False))
    stage.fails(TransactionExpired)
    assert stage.record.state is RecordState.EXPIRED


def test_an_unknown_outcome_stays_unsettled(stage: RecordedStage) -> None:
    stage.on("sendTransaction", SLOW)
    stage.on("getSignatureStatuses", BROKEN)
    stage.fails(TransactionUnknown)
    assert stage.record.is_unsettled


@pytest.mark.parametrize("fault", [RpcFault(-32601, "no"), REFUSED])
def test_what_never_left_is_not_sent(stage: RecordedStage, fault: Exception) -> None:
    stage.on("sendTransaction", fault)
    stage.on("getSignatureStatuses", REFUSED)
    with pytest.raises(PsycheError):
        stage.send()
    assert stage.record.state is RecordState.NOT_SENT


def test_an_interruption_while_waiting_leaves_it_unsettled(stage: RecordedStage) -> None:
    stage.on("getTransaction", KeyboardInterrupt())
    stage.fails(Interrupted)
    assert stage.record.is_unsettled


def test_the_intent_does_not_depend_on_the_order_of_the_options() -> None:
    options = {"run_id": "é", "amount": Decimal("1.5"), "folder": Path("a")}
    expected = '{"command": "pay", "options": {"amount": "1.5", "folder": "a", "run_id": "\\u00e9"}}'
    assert intent_text("pay", options) == intent_text("pay", dict(reversed(options.items()))) == expected


# --- sending what was signed elsewhere --------------------------------------------------------------------------------


def signed_elsewhere() -> SignedTransaction:
    return sign_transaction([PAYMENT], WALLET, (), Blockhash(Hash(bytes([5] * 32)), 250))


def test_a_signed_transaction_is_simulated_with_its_signatures_and_recorded_before_it_is_sent(
    stage: RecordedStage,
) -> None:
    signed = signed_elsewhere()
    receipt = stage.sender.send_signed(signed, label="payment", creates={"an address": "an account"})
    [params] = [params for method, params in stage.cluster.calls if method == "simulateTransaction"]
    assert base64.b64decode(params[0]) == signed.raw
    assert params[1]["sigVerify"] is True
    assert "replaceRecentBlockhash" not in params[1]
    assert stage.cluster.sent == [signed.raw]
    assert receipt.signature == stage.record.signature == str(signed.signature)
    assert (stage.record.state, stage.record.created_accounts) == (
        RecordState.LANDED,
        (("an address", "an account"),),
    )


def test_a_signed_payment_is_unsettled_until_the_output(stage: RecordedStage) -> None:
    stage.sender.send_signed(signed_elsewhere(), label="payment", pays_again=True)
    assert stage.record.is_unsettled
    [callback] = stage.after_output
    callback()
    assert stage.record.state is RecordState.LANDED


def test_a_signed_transaction_that_is_refused_is_not_recorded(stage: RecordedStage) -> None:
    stage.on("simulateTransaction", stage.cluster.simulation(CUSTOM, ("why",)))
    with pytest.raises(ProgramRefused) as caught:
        stage.sender.send_signed(signed_elsewhere(), label="payment")
    assert (caught.value.sent, caught.value.logs) == (False, ("why",))
    assert stage.journal.entries() == []
    assert stage.cluster.sent == []


def test_a_signed_transaction_that_has_just_landed_is_not_refused(stage: RecordedStage) -> None:
    stage.on("simulateTransaction", stage.cluster.simulation("AlreadyProcessed"))
    stage.sender.send_signed(signed_elsewhere(), label="payment")
    assert stage.record.state is RecordState.LANDED


def test_a_signed_transaction_that_another_process_sends_is_left_to_it(stage: RecordedStage) -> None:
    signed = signed_elsewhere()
    stage.sender.send_signed(signed, label="payment")
    second = RecordedStage(stage.journal.path.parent)
    with closing(second.journal), pytest.raises(AlreadySent) as caught:
        second.sender.send_signed(signed, label="payment")
    assert (caught.value.sent, caught.value.signature) == (False, str(signed.signature))
    assert second.cluster.sent == []


# --- settling what an earlier process recorded ------------------------------------------------------------------------


@contextmanager
def later(stage: RecordedStage, seconds: float = 0.0) -> Iterator[RecordedStage]:
    """Another process, after the first was interrupted right after sending."""
    stage.on("getTransaction", KeyboardInterrupt())
    stage.fails(Interrupted)
    entry = stage.record
    stage.journal.close()
    second = RecordedStage(stage.journal.path.parent)
    second.clock.now = stage.clock.now + seconds
    second.cluster.started = stage.cluster.started
    [left] = second.recorder.left_behind()
    assert left == entry
    assert second.recorder.is_same(entry)
    assert second.recorder.concerns_run(entry)
    yield second
    second.journal.close()


def test_only_what_this_wallet_and_an_earlier_process_recorded_is_left_behind(stage: RecordedStage) -> None:
    with later(stage) as second:
        entry = second.record
        second.journal.record(entry._replace(signature="of another wallet", wallet="other"))
        second.journal.record(entry._replace(signature="of this session", session=second.journal.session))
        assert second.recorder.left_behind() == [entry]
        assert [second.recorder.is_left_behind(one) for one in second.journal.entries()] == [True, True, False]


def test_a_landed_transaction_is_settled_with_a_receipt(stage: RecordedStage) -> None:
    with later(stage) as second:
        settlement = second.sender.settle(second.record)
        assert settlement.state is RecordState.LANDED
        assert settlement.receipt is not None
        assert settlement.receipt.signature == second.record.signature
        assert second.cluster.sent == stage.cluster.sent, "the same bytes"
        assert str(second.sender.identify_cluster()) == str(second.sender.identify_cluster()) == GENESIS
        assert second.cluster.count("getGenesisHash") == 1


def test_a_refusal_to_resend_says_nothing_about_the_first_attempt(stage: RecordedStage) -> None:
    with later(stage) as second:
        second.on("sendTransaction", RpcFault(-32003, "Transaction signature verification failure"))
        second.on("getSignatureStatuses", second.status(False), second.status(True))
        second.on("getTransaction", None)
        assert second.sender.settle(second.record).state is RecordState.LANDED
        assert second.cluster.count("sendTransaction") == 1
        second.cluster.handlers["sendTransaction"] = second.cluster.accept
        second.send()
        simulations = [params for method, params in second.cluster.calls if method == "simulateTransaction"]
        assert [params[1]["minContextSlot"] for params in simulations] == [77]


def test_a_receipt_without_the_ledger(stage: RecordedStage) -> None:
    with later(stage) as second:
        second.on("getTransaction", BROKEN)
        second.on("getSignatureStatuses", second.status(True))
        receipt = second.sender.settle(second.record).receipt
        assert receipt is not None
        assert (receipt.logs, receipt.fee_lamports) == ((), None)


def test_a_failed_transaction_is_settled_with_its_error(stage: RecordedStage) -> None:
    with later(stage) as second:
        second.on("getTransaction", None)
        second.on("getSignatureStatuses", second.status(True, err=CUSTOM))
        settlement = second.sender.settle(second.record)
        assert (settlement.state, settlement.slot, settlement.error) == (RecordState.FAILED, 77, CUSTOM)
        assert settlement.receipt is None


def vanished(second: RecordedStage) -> None:
    second.accepting_then(None)
    second.on("getTransaction", None)
    second.on("getSignatureStatuses", second.status(False))


def test_a_recent_one_expires_on_any_endpoint(stage: RecordedStage) -> None:
    with later(stage) as second:
        vanished(second)
        assert second.sender.settle(second.record).state is RecordState.EXPIRED
        assert second.cluster.count("getFirstAvailableBlock") == 0


@pytest.mark.parametrize(("oldest", "expires"), [(0, True), (150, True), (151, False), (BROKEN, False)])
def test_an_old_one_expires_only_if_the_ledger_reaches_back(stage: RecordedStage, oldest: Any, expires: bool) -> None:
    with later(stage, seconds=1000.0) as second:
        assert second.record.recorded_slot == 150
        vanished(second)
        second.on("getFirstAvailableBlock", oldest)
        if expires:
            assert second.sender.settle(second.record).state is RecordState.EXPIRED
            return
        with pytest.raises(TransactionUnknown, match="does not reach back") as caught:
            second.sender.settle(second.record)
        assert caught.value.sent is True
        assert caught.value.signature == second.record.signature


class Expired:
    """A delivery whose search has found that the transaction has expired."""

    advice = ""

    def run(self) -> NoReturn:
        raise TransactionExpired("expired")


@pytest.mark.parametrize(
    ("last_valid", "slot", "height", "requests"),
    [(200, 9000, 300, 0), (200, 9000, 301, 1), (None, 400, 9000, 0), (None, 401, 9000, 1)],
)
def test_the_reach_of_the_ledger_matters_when_status_caches_have_forgotten(
    stage: RecordedStage, last_valid: int | None, slot: int, height: int, requests: int
) -> None:
    stage.send()
    entry = stage.record._replace(last_valid_block_height=last_valid)
    assert entry.recorded_slot == 150
    stage.on("getEpochInfo", {"absoluteSlot": slot, "blockHeight": height})
    stage.on("getFirstAvailableBlock", 0)
    delivery: Any = Expired()
    assert settle(entry, delivery, RpcClient(stage.cluster, stage.clock)).state is RecordState.EXPIRED
    assert stage.cluster.count("getFirstAvailableBlock") == requests


def test_equal_requests_have_equal_texts() -> None:
    text = intent_text("pay", {"to": Path("a.json"), "amount": 5})
    assert text == intent_text("pay", {"amount": 5, "to": "a.json"})
    assert json.loads(text) == {"command": "pay", "options": {"amount": 5, "to": "a.json"}}
    assert text != intent_text("pay", {"amount": 6, "to": "a.json"})


@pytest.mark.parametrize(("changes", "expires"), [(0, True), (1, False)])
def test_the_reach_of_a_ledger_says_nothing_about_another_endpoint(
    stage: RecordedStage, changes: int, expires: bool
) -> None:
    with later(stage, seconds=1000.0) as second:
        vanished(second)

        def first_available_block(params: list[Any]) -> int:
            vars(second.cluster)["changes"] = changes
            return 0

        second.cluster.handlers["getFirstAvailableBlock"] = first_available_block
        if expires:
            assert second.sender.settle(second.record).state is RecordState.EXPIRED
        else:
            with pytest.raises(TransactionUnknown, match="another endpoint was searched"):
                second.sender.settle(second.record)


def test_the_advice_on_an_unknown_outcome_names_the_cluster_and_the_journal() -> None:
    assert how_to_settle("5sig", GivenOptions(rpc="devnet", state_dir="here")) == (
        "If you know the outcome: psyche-cli tx forget 5sig --rpc devnet --state-dir here; otherwise, to determine it: "
        "psyche-cli tx resume 5sig --rpc devnet --state-dir here"
    )


def test_an_endpoint_that_falls_silent_leaves_it_unknown(stage: RecordedStage) -> None:
    with later(stage) as second:
        for method in ("sendTransaction", "getTransaction", "getSignatureStatuses", "getEpochInfo"):
            second.on(method, SLOW)
        with pytest.raises(TransactionUnknown) as caught:
            second.sender.settle(second.record)
        assert caught.value.hint.endswith(f" settle {second.record.signature}")
