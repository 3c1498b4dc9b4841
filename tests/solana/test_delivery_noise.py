"""The verdict of a delivery under random network faults."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from psyche_cli.errors import (
    HttpStatusError,
    NetworkError,
    ProgramRefused,
    PsycheError,
    TransactionExpired,
    TransactionUnknown,
)
from psyche_cli.receipts import Receipt
from psyche_cli.solana.sending.sender import WRITING_SECONDS
from tests.support.counts import repetitions

from .scripted import RawAnswer, RpcFault
from .stage import BROKEN, CUSTOM, REFUSED, SLOW, Stage, assert_one_transaction

NOISE = st.sampled_from(
    [
        *[REFUSED, BROKEN, SLOW, RawAnswer(b"\x00"), RpcFault(-32603, "x"), RpcFault(-32005, "behind")],
        *[HttpStatusError("busy", status=429, retry_after=2), HttpStatusError("down", status=503)],
        *[HttpStatusError("no", status=403), HttpStatusError("moved", status=302, retry_after=9999)],
    ]
)


@settings(max_examples=repetitions(150), deadline=None)
@given(
    sends=st.lists(st.tuples(st.booleans(), st.one_of(st.none(), NOISE)), min_size=1, max_size=8),
    polls=st.lists(st.one_of(st.none(), NOISE), max_size=30),
    latency=st.floats(0, 100),
    err=st.sampled_from([None, CUSTOM]),
)
def test_whatever_the_network_does_the_verdict_is_true(sends: Any, polls: Any, latency: float, err: Any) -> None:
    """A model of the cluster: a received transaction lands after ``latency``, unless its blockhash has expired."""
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
