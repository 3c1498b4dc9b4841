"""Requests to an endpoint: retries, deadlines and ids."""

import json
from typing import Any

import pytest

from psyche_cli.errors import (
    HttpStatusError,
    NetworkError,
    PsycheError,
    TimedOut,
    Unreachable,
)
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.deadline import Deadline
from psyche_cli.solana.rpc.retry import RetryPolicy

from .rpc_cluster import SIGNATURE, A, client, valued
from .scripted import FakeClock, RawAnswer, RpcFault, ScriptedCluster, scripted_answers


def refused() -> Unreachable:
    return Unreachable("no", request_sent=False)


def status(code: int, retry_after: int | None = None) -> HttpStatusError:
    return HttpStatusError("no", status=code, retry_after=retry_after)


@pytest.mark.parametrize(
    "error",
    [
        refused(),
        Unreachable("broke", request_sent=True),
        TimedOut("slow", request_sent=True),
        TimedOut("no connection", request_sent=False),
        *[status(code) for code in (429, 502, 503, 504)],
        RpcFault(-32005, "Node is behind by 42 slots"),
        RpcFault(-32016, "Minimum context slot has not been reached"),
        RpcFault(429, "Too many requests"),
    ],
)
def test_transient_failures_of_reads_are_retried(error: Exception) -> None:
    rpc, cluster = client("getBalance", error, error, valued(5))
    assert rpc.balance(A) == 5
    assert cluster.clock.sleeps == [0.25, 0.5]


@pytest.mark.parametrize(
    "error",
    [
        *[status(code) for code in (301, 400, 401, 403, 404, 413, 500)],
        *[RpcFault(code, "no") for code in (-32600, -32601, -32602, -32603, -32002)],
        RawAnswer(b"garbage"),
    ],
)
def test_permanent_failures_are_not_retried(error: Exception) -> None:
    rpc, cluster = client("getBalance", error, valued(5))
    with pytest.raises(NetworkError):
        rpc.balance(A)
    assert len(cluster.calls) == 1


def test_an_unreachable_endpoint_is_given_up_within_three_seconds() -> None:
    rpc, cluster = client("getBalance", refused())
    with pytest.raises(Unreachable):
        rpc.balance(A)
    assert cluster.clock.sleeps == [0.25, 0.5, 1.0]


def test_a_busy_endpoint_gets_twenty_seconds_with_growing_pauses() -> None:
    rpc, cluster = client("getBalance", status(503))
    with pytest.raises(HttpStatusError):
        rpc.balance(A)
    assert cluster.clock.sleeps == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0]


def test_retry_after_is_honored_and_never_shortens_a_pause() -> None:
    rpc, cluster = client("getBalance", status(429, 7), status(429, 0), valued(5))
    assert rpc.balance(A) == 5
    assert cluster.clock.sleeps == [7.0, 0.5]


def test_a_retry_after_beyond_the_deadline_ends_the_attempts() -> None:
    rpc, cluster = client("getBalance", status(429, 60), valued(5))
    with pytest.raises(HttpStatusError):
        rpc.balance(A)
    assert cluster.clock.sleeps == []


def test_time_spent_in_attempts_counts() -> None:
    cluster = ScriptedCluster(FakeClock())

    def slow(params: list[Any]) -> Any:
        cluster.clock.now += 10
        raise TimedOut("slow", request_sent=True)

    cluster.handlers["getBalance"] = slow
    with pytest.raises(TimedOut):
        RpcClient(cluster, cluster.clock).balance(A)
    assert len(cluster.calls) == 2


def test_calls_that_change_state_are_not_retried() -> None:
    rpc, cluster = client("sendTransaction", refused(), str(SIGNATURE))
    cluster.handlers["requestAirdrop"] = scripted_answers([refused(), str(SIGNATURE)])
    with pytest.raises(Unreachable):
        rpc.send_transaction(b"bytes")
    with pytest.raises(Unreachable):
        rpc.request_airdrop(A, 1)
    assert len(cluster.calls) == 2


def test_no_two_requests_on_one_transport_have_the_same_id() -> None:
    """Otherwise, a late response to one of them would be taken for the response to the other."""
    ids: list[int] = []

    class Numbered(ScriptedCluster):
        def send(self, body: bytes, *, timeout: float) -> bytes:
            ids.append(json.loads(body)["id"])
            return super().send(body, timeout=timeout)

    cluster = Numbered(FakeClock())
    cluster.handlers["getBalance"] = lambda _params: {"context": {"slot": 1}, "value": 5}
    rpc = RpcClient(cluster, cluster.clock)
    bounded = rpc.within(Deadline(cluster.clock, 10))
    for other in (rpc, bounded, bounded.without_retries(), rpc.without_retries(1), rpc):
        other.balance(A)
    assert len(set(ids)) == 5


def test_a_client_without_retries_sends_one_request() -> None:
    rpc, cluster = client("getBalance", refused(), commitment="processed")
    once = rpc.without_retries(5.0)
    with pytest.raises(Unreachable):
        once.balance(A)
    assert cluster.timeouts == [5.0]
    assert once.commitment == "processed"
    with pytest.raises(Unreachable):
        rpc.without_retries().balance(A)
    assert cluster.timeouts == [5.0, 10.0]


def test_a_restarted_deadline_has_all_its_time_again() -> None:
    clock = FakeClock()
    deadline = Deadline(clock, 10)
    clock.sleep(12)
    assert (deadline.remaining, deadline.passed) == (0, True)
    deadline.restart()
    assert (deadline.remaining, deadline.passed) == (10, False)


def test_any_method_can_be_called_without_validation() -> None:
    rpc, cluster = client("getVersion", {"solana-core": "2.0"})
    assert rpc.request("getVersion") == {"solana-core": "2.0"}
    assert cluster.calls == [("getVersion", [])]


def test_every_request_has_a_unique_id() -> None:
    bodies: list[bytes] = []
    cluster = ScriptedCluster(FakeClock())

    class Recorder(ScriptedCluster):
        def send(self, body: bytes, *, timeout: float) -> bytes:
            bodies.append(body)
            return super().send(body, timeout=timeout)

    recorder = Recorder(cluster.clock)
    recorder.handlers["getHealth"] = scripted_answers([status(503), "ok"])
    assert RpcClient(recorder, cluster.clock).request("getHealth") == "ok"
    assert [json.loads(body)["id"] for body in bodies] == [1, 2]


def test_a_policy_does_not_retry_unknown_errors() -> None:
    assert RetryPolicy().delay(NetworkError("other"), 0, 0.0) is None
    assert issubclass(NetworkError, PsycheError)


def test_a_total_deadline_is_moved_only_by_the_time_spent_waiting_for_the_user() -> None:
    clock = FakeClock()
    deadline = Deadline(clock, 10, total=True)
    clock.now += 4
    deadline.restart()
    assert deadline.remaining == 6
    clock.now += 30
    deadline.restart(waited=29)
    assert deadline.remaining == 5


def test_no_attempt_and_no_pause_goes_beyond_the_deadline() -> None:
    rpc, cluster = client("getBalance", status(503, retry_after=4))
    bounded = rpc.within(Deadline(cluster.clock, 10))
    started = cluster.clock.now
    with pytest.raises(HttpStatusError):
        bounded.balance(A)
    assert cluster.clock.now - started == 8
    assert cluster.timeouts == [10.0, 6.0, 2.0]


def test_after_the_deadline_no_request_is_sent() -> None:
    rpc, cluster = client("getBalance", valued(5))
    bounded = rpc.within(Deadline(cluster.clock, 10)).without_retries()
    assert bounded.balance(A) == 5
    cluster.clock.sleep(10)
    with pytest.raises(TimedOut, match="time limit of 10 seconds expired") as caught:
        bounded.balance(A)
    assert caught.value.request_sent is False
    assert cluster.count("getBalance") == 1
