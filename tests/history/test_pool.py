"""Many requests at the same time: batches, the pace under overload, and when it is given up."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from psyche_cli.environment import Waits
from psyche_cli.errors import BadRpcResponse, HttpStatusError, NetworkError, RpcError, TimedOut, Unreachable
from psyche_cli.history.pace import BATCH, Pace
from psyche_cli.history.pool import PATIENCE, Answer, Asked, Pool
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.deadline import Deadline
from tests.solana.scripted import FakeClock


class Echo:
    """An endpoint that responds with the parameters. ``fault`` is called before each exchange with its requests.

    It may raise a NetworkError, or return the body of the response.
    """

    label = "echo"

    def __init__(self, fault: Callable[[list[Any]], bytes | None] = lambda _: None) -> None:
        self.fault = fault
        self.sizes: list[int] = []

    def send(self, body: bytes, *, timeout: float) -> bytes:
        request = json.loads(body)
        requests = request if isinstance(request, list) else [request]
        self.sizes.append(len(requests))
        answer = self.fault(requests)
        if answer is not None:
            return answer
        answers = [{"jsonrpc": "2.0", "id": one["id"], "result": one["params"]} for one in requests]
        return json.dumps(answers if isinstance(request, list) else answers[0]).encode()

    def close(self) -> None: ...


class Stage:
    """A pool over one lane, or several, with a clock that advances by pauses only."""

    def __init__(self, *lanes: Echo, seconds: float | None = None) -> None:
        self.clock = FakeClock()
        deadline = None if seconds is None else Deadline(self.clock, seconds)
        clients = [RpcClient(lane, self.clock, deadline=deadline) for lane in lanes]
        self.pool = Pool(clients, self.clock, Waits())

    def ask(self, count: int) -> list[int]:
        """Make as many requests; returns the answers sorted."""
        found: list[Answer] = []
        self.pool.ask((Asked("echo", [number], number) for number in range(count)), found.extend)
        assert all(one.result == [one.what] and one.error is None for one in found)
        return sorted(one.what for one in found)


def once(*faults: NetworkError | bytes) -> Callable[[list[Any]], bytes | None]:
    left = list(faults)

    def fault(_: list[Any]) -> bytes | None:
        if not left:
            return None
        found = left.pop(0)
        if isinstance(found, bytes):
            return found
        raise found

    return fault


def test_requests_go_in_batches() -> None:
    lane = Echo()
    assert Stage(lane).ask(45) == list(range(45))
    assert lane.sizes == [20, 20, 5]
    assert Stage(Echo()).ask(0) == []


def test_answers_in_the_order_of_the_requests() -> None:
    found = Stage(Echo()).pool.answers(*(Asked("echo", [number], str(number)) for number in range(3)))
    assert found == [Answer(str(number), [number]) for number in range(3)]


def test_several_lanes_share_the_work() -> None:
    together = threading.Barrier(3, timeout=30)

    def meet(_: list[Any]) -> None:
        if not met.is_set():
            together.wait()
            met.set()

    met = threading.Event()
    lanes = [Echo(meet) for _ in range(3)]
    stage = Stage(*lanes)
    assert stage.ask(300) == list(range(300))
    assert all(lane.sizes for lane in lanes)
    assert stage.pool.requests == sum(len(lane.sizes) for lane in lanes)
    stage.pool.close()


@pytest.mark.parametrize(
    ("error", "sleeps"),
    [
        (HttpStatusError("429", status=429, retry_after=7), [7.0]),
        (HttpStatusError("429", status=429), [0.5]),
        (HttpStatusError("500", status=500), [0.5]),
        (HttpStatusError("503", status=503), [0.5]),
        (TimedOut("slow", request_sent=True), [0.5]),
        (Unreachable("lost"), [0.5]),
    ],
)
def test_an_overloaded_endpoint_gets_a_pause_and_half_as_much(error: NetworkError, sleeps: list[float]) -> None:
    lane = Echo(once(error))
    stage = Stage(lane)
    assert stage.ask(45) == list(range(45))
    assert stage.clock.sleeps == sleeps
    assert lane.sizes[:3] == [20, 10, 11]


def test_pauses_grow_until_the_endpoint_responds() -> None:
    stage = Stage(Echo(once(*[HttpStatusError("503", status=503)] * 4)))
    assert stage.ask(3) == [0, 1, 2]
    assert stage.clock.sleeps == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    "fault",
    [
        *(HttpStatusError(str(status), status=status) for status in (400, 403, 405, 413)),
        b"no JSON",
        b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no batches"}}',
        b"[]",
    ],
)
def test_an_endpoint_without_batches(fault: NetworkError | bytes) -> None:
    def refuse(requests: list[Any]) -> bytes | None:
        if len(requests) == 1:
            return None
        if isinstance(fault, NetworkError):
            raise fault
        return fault

    lane = Echo(refuse)
    stage = Stage(lane)
    assert stage.ask(30) == list(range(30))
    assert [size for size in lane.sizes if size > 1] == [20, 10, 5, 2]
    assert stage.clock.sleeps == []


def test_an_endpoint_that_takes_smaller_batches() -> None:
    def refuse(requests: list[Any]) -> None:
        if len(requests) > 6:
            raise HttpStatusError("413", status=413)

    lane = Echo(refuse)
    assert Stage(lane).ask(30) == list(range(30))
    assert lane.sizes == [20, 10, *[5] * 6]


def test_batches_grow_again_but_rarely_if_they_are_refused() -> None:
    lane = Echo(once(b"cut off"))
    assert Stage(lane).ask(400) == list(range(400))
    assert lane.sizes == [20, *[10] * 10, *[20] * 15]
    whole = Echo(lambda requests: b"no" if len(requests) > 1 else None)
    assert Stage(whole).ask(10_000) == list(range(10_000))
    assert len([size for size in whole.sizes if size > 1]) < 12


@pytest.mark.parametrize("error", [HttpStatusError("401", status=401), HttpStatusError("404", status=404)])
def test_an_error_that_stays_is_raised(error: HttpStatusError) -> None:
    def refuse(_: list[Any]) -> None:
        raise HttpStatusError("no", status=error.status)

    stage = Stage(Echo(refuse))
    with pytest.raises(HttpStatusError) as caught:
        stage.ask(30)
    assert caught.value.status == error.status
    assert stage.clock.sleeps == []


@pytest.mark.parametrize(("retry_after", "longest"), [(None, 31), (20, 41), (3600, 0)])
def test_an_endpoint_that_stays_overloaded_is_given_up(retry_after: int | None, longest: float) -> None:
    def refuse(_: list[Any]) -> None:
        raise HttpStatusError("429", status=429, retry_after=retry_after)

    stage = Stage(Echo(refuse))
    with pytest.raises(HttpStatusError):
        stage.ask(1)
    assert sum(stage.clock.sleeps) <= PATIENCE
    assert (max(stage.clock.sleeps) if stage.clock.sleeps else 0) <= longest


def test_the_deadline_of_a_command() -> None:
    def refuse(_: list[Any]) -> None:
        raise HttpStatusError("503", status=503)

    stage = Stage(Echo(refuse), seconds=5)
    with pytest.raises((HttpStatusError, TimedOut)):
        stage.ask(1)
    assert sum(stage.clock.sleeps) < 10


def respond(requests: Sequence[Any], errors: dict[int, int]) -> bytes:
    """Responses to a batch: an error with this code for some parameters."""
    answers = []
    for one in requests:
        code = errors.get(one["params"][0])
        outcome = {"result": one["params"]} if code is None else {"error": {"code": code, "message": "no"}}
        answers.append({"jsonrpc": "2.0", "id": one["id"], **outcome})
    return json.dumps(answers if len(answers) > 1 else answers[0]).encode()


def test_single_requests_of_a_batch_that_are_refused_for_now() -> None:
    errors = {3: 429, 4: -32005, 5: -32603}

    def fault(requests: list[Any]) -> bytes:
        body = respond(requests, errors)
        errors.clear()
        return body

    stage = Stage(Echo(fault))
    assert stage.ask(10) == list(range(10))
    assert stage.clock.sleeps == [0.5]


@pytest.mark.parametrize(("code", "times"), [(-32009, 1), (-32603, 5)])
def test_single_requests_that_are_rejected(code: int, times: int) -> None:
    asked: list[int] = []

    def fault(requests: list[Any]) -> bytes:
        asked.extend(one["params"][0] for one in requests)
        return respond(requests, {3: code})

    found: list[Answer] = []
    Stage(Echo(fault)).pool.ask((Asked("echo", [number], number) for number in range(5)), found.extend)
    [rejected] = [one for one in found if one.error is not None]
    assert isinstance(rejected.error, RpcError)
    assert (rejected.what, rejected.error.rpc_code, len(found)) == (3, code, 5)
    assert asked.count(3) == times


def test_a_bug_in_another_thread_is_raised_here() -> None:
    class Broken(Echo):
        def send(self, body: bytes, *, timeout: float) -> bytes:
            raise KeyError("bug")

    with pytest.raises(KeyError):
        Stage(Broken(), Broken()).ask(3)


def test_an_invalid_response_is_repeated_for_a_while() -> None:
    stage = Stage(Echo(once(b"<html>", b"<html>")))
    assert stage.ask(1) == [0]
    assert stage.clock.sleeps == [0.5, 1.0]
    stage = Stage(Echo(lambda _: b"<html>"))
    with pytest.raises(BadRpcResponse):
        stage.ask(1)


def test_the_pace_grows_by_one_for_each_full_limit_and_has_a_maximum() -> None:
    pace = Pace(most=25)
    assert pace.limit == 20
    for expected in (21, 22, 23, 24, 25, 25):
        pace.responded(int(pace.limit))
        assert int(pace.limit) == expected
    assert pace.room(0, lanes=1) == BATCH
    assert pace.room(20, lanes=1) == 0
    assert [pace.room(sent, lanes=4) for sent in (0, 6, 18, 20)] == [6, 6, 6, 0]


def test_failures_at_the_same_time_count_once() -> None:
    pace = Pace(most=80)
    for _ in range(3):
        pace.failed(HttpStatusError("503", status=503), sent_at=0.0, now=5.0)
    assert (pace.limit, pace.paused_until) == (10, 5.5)
    pace.failed(HttpStatusError("503", status=503), sent_at=6.0, now=7.0)
    assert (pace.limit, pace.paused_until) == (5, 8.0)
    for at in range(8, 20):
        pace.failed(HttpStatusError("503", status=503), sent_at=at, now=at)
    assert pace.limit == 1
    assert pace.room(0, lanes=4) == 1
