"""Several endpoints of one cluster: which is asked, which is left alone, and when another one is used."""

from __future__ import annotations

import json
from typing import Any

import pytest
from solders.pubkey import Pubkey

from psyche_cli.errors import (
    BadRpcResponse,
    HttpStatusError,
    NetworkError,
    RpcError,
    TimedOut,
    Unreachable,
    UsageError,
)
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.failover import MOST_LAG, SURVEY_INTERVAL, FailoverTransport

from .scripted import FakeClock, ScriptedCluster
from .stage import WALLET

GENESIS = "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY"
OTHER_GENESIS = "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"
A = Pubkey.from_bytes(bytes(31) + b"\1")
DEAD = Unreachable("refused", request_sent=False)
LOST = Unreachable("broke", request_sent=True)

Fault = NetworkError | dict[str, Any] | bytes | None


class Node:
    """An endpoint with a ``fault``: an exception, a JSON-RPC error object, or the bytes of its response."""

    def __init__(self, name: str, clock: FakeClock, cluster: ScriptedCluster, **settings: Any) -> None:
        self.label = f"http://{name}"
        self.clock = clock
        self.cluster = cluster
        self.genesis: Any = settings.get("genesis", GENESIS)
        self.lag = settings.get("lag", 0)
        self.fault: Fault = settings.get("fault")
        self.faults: dict[str, Fault] = {}
        self.takes_batches = settings.get("takes_batches", True)
        self.stalls = False
        self.delay = 0.0
        self.asked: list[str] = []
        self.closed = False

    def send(self, body: bytes, *, timeout: float) -> bytes:
        assert timeout > 0
        request = json.loads(body)
        batch = isinstance(request, list)
        method = "+".join(one["method"] for one in request) if batch else request["method"]
        self.asked.append(method)
        self.clock.now += self.delay
        if self.stalls:
            self.clock.now += timeout
            raise TimedOut("no answer", endpoint=self.label, request_sent=True)
        fault = self.faults.get(method, self.fault)
        if isinstance(fault, NetworkError):
            raise type(fault)(**{**vars(fault), "endpoint": self.label})
        if isinstance(fault, bytes):
            return fault
        if isinstance(fault, dict):
            return json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": fault}).encode()
        if batch:
            if not self.takes_batches:
                raise HttpStatusError("no batches", endpoint=self.label, status=400)
            return json.dumps([self._result(one) for one in request]).encode()
        if method in ("getGenesisHash", "getSlot", "getBalance", "getFirstAvailableBlock", "requestAirdrop"):
            return json.dumps(self._result(request)).encode()
        return self.cluster.send(body, timeout=timeout)

    def _result(self, request: Any) -> Any:
        slot = self.cluster.slot - self.lag
        results = {
            "getGenesisHash": self.genesis,
            "getSlot": slot,
            "getBalance": {"context": {"slot": slot}, "value": 7},
            "getFirstAvailableBlock": 0,
            "requestAirdrop": str(PAYMENT_SIGNATURE),
        }
        if request["method"] not in results:
            return json.loads(self.cluster.send(json.dumps(request).encode(), timeout=1))
        return {"jsonrpc": "2.0", "id": request["id"], "result": results[request["method"]]}

    def close(self) -> None:
        self.closed = True

    @property
    def reads(self) -> int:
        return self.asked.count("getBalance")


PAYMENT_SIGNATURE = WALLET.sign_message(b"any")
SURVEY = "getGenesisHash+getSlot"


class Net:
    """Nodes named a, b and c, and a client of all of them."""

    def __init__(self, *settings: dict[str, Any]) -> None:
        self.clock = FakeClock()
        self.cluster = ScriptedCluster(self.clock)
        self.nodes = [Node(name, self.clock, self.cluster, **each) for name, each in zip("abc", settings, strict=False)]
        self.warnings: list[str] = []
        self.transport = FailoverTransport(self.nodes, self.clock, "confirmed", self.warnings.append)
        self.rpc = RpcClient(self.transport, self.clock)

    def balance(self) -> int:
        return self.rpc.balance(A)


def status(number: int, retry_after: int | None = None) -> HttpStatusError:
    return HttpStatusError(f"status {number}", status=number, retry_after=retry_after)


def test_reads_go_to_the_first_endpoint_after_one_survey() -> None:
    net = Net({}, {})
    a, b = net.nodes
    assert [net.balance(), net.balance()] == [7, 7]
    assert a.asked == [SURVEY, "getBalance", "getBalance"]
    assert b.asked == [SURVEY]
    assert (net.rpc.label, net.transport.changes, net.warnings) == ("http://a", 0, [])
    net.transport.close()
    assert a.closed
    assert b.closed


@pytest.mark.parametrize(
    "fault",
    [
        DEAD,
        LOST,
        TimedOut("slow", request_sent=True),
        status(429),
        status(429, 30),
        status(500),
        status(502),
        status(503),
        status(403),
        {"code": -32005, "message": "behind"},
        {"code": -32016, "message": "context slot"},
        {"code": 429, "message": "rate"},
        b"<html>502</html>",
        b"",
        b'{"jsonrpc":"2.0","id":999,"result":7}',
    ],
    ids=repr,
)
def test_a_read_that_fails_goes_to_the_next_endpoint_at_once(fault: Fault) -> None:
    net = Net({}, {})
    a, b = net.nodes
    net.balance()
    a.fault = fault
    assert net.balance() == 7
    assert net.clock.sleeps == []
    assert (b.reads, net.rpc.label, net.transport.changes) == (1, "http://b", 1)
    # The first one is left alone for a while.
    assert net.balance() == 7
    assert (a.reads, b.reads) == (2, 2)


def test_an_error_that_every_node_would_give_is_the_answer() -> None:
    net = Net({"fault": None}, {})
    net.nodes[0].faults["getBalance"] = {"code": -32602, "message": "invalid"}
    with pytest.raises(RpcError, match="invalid"):
        net.balance()
    assert net.nodes[1].reads == 0


def test_an_endpoint_is_tried_again_after_a_rest_that_doubles() -> None:
    net = Net({}, {})
    a, _ = net.nodes
    net.balance()
    a.fault = status(503)
    tries = []
    for _ in range(40):
        net.clock.now += 1
        before = a.reads
        net.balance()
        if a.reads > before:
            tries.append(net.clock.now - 1000)
    assert tries[:4] == [1, 3, 7, 15]
    a.fault = None
    net.clock.now += 60
    net.balance()
    assert net.rpc.label == "http://a"


def test_a_retry_after_is_honored_while_another_endpoint_is_used() -> None:
    net = Net({}, {})
    a, b = net.nodes
    net.balance()
    a.fault = status(429, 20)
    net.balance()
    a.fault = None
    net.clock.now += 19
    net.balance()
    assert (a.reads, b.reads) == (2, 2)
    net.clock.now += 1
    net.balance()
    assert (a.reads, b.reads) == (3, 2)


def test_if_all_say_how_long_to_wait_the_shortest_wait_is_kept() -> None:
    net = Net({}, {})
    net.balance()
    net.nodes[0].fault, net.nodes[1].fault = status(429, 9), status(429, 5)
    requests = []
    original = net.clock.sleep

    def sleep(seconds: float) -> None:
        requests.append(seconds)
        original(seconds)
        net.nodes[0].fault = net.nodes[1].fault = None

    net.clock.sleep = sleep  # type: ignore[method-assign]
    assert net.balance() == 7
    assert requests == [5]
    assert net.rpc.label == "http://b"


def test_while_all_wait_nothing_is_asked() -> None:
    net = Net({}, {})
    net.balance()
    net.nodes[0].fault, net.nodes[1].fault = status(429, 90), status(429, 50)
    for _ in range(2):
        with pytest.raises(HttpStatusError) as caught:
            net.balance()
        assert caught.value.retry_after == 50
    assert [node.reads for node in net.nodes] == [2, 1]


def test_the_retries_of_a_read_try_all_endpoints_again() -> None:
    net = Net({}, {})
    net.balance()
    net.nodes[0].fault = net.nodes[1].fault = status(503)
    with pytest.raises(HttpStatusError) as caught:
        net.balance()
    assert 15 < net.clock.now - 1000 < 20
    assert caught.value.message == "status 503"
    assert min(node.reads for node in net.nodes) > 2


def test_the_error_names_what_the_others_said_and_waits_for_a_busy_one() -> None:
    net = Net({}, {})
    net.balance()
    net.nodes[0].fault, net.nodes[1].fault = status(503), DEAD
    with pytest.raises(HttpStatusError) as caught:
        net.rpc.without_retries().balance(A)
    assert caught.value.hint == "Other endpoints failed, too: refused"


def test_an_endpoint_that_stalls_leaves_time_for_the_next() -> None:
    net = Net({}, {})
    net.balance()
    net.nodes[0].stalls = True
    before = net.clock.now
    assert net.balance() == 7
    assert net.clock.now - before == 5


def test_an_endpoint_that_stalls_from_the_start_delays_the_command_once() -> None:
    net = Net({}, {})
    net.nodes[0].stalls = True
    assert net.balance() == 7
    assert net.clock.now - 1000 <= 4
    before = net.clock.now
    assert net.balance() == 7
    assert net.clock.now == before


def test_endpoints_that_are_all_down_are_reported_as_one_would_be() -> None:
    net = Net({"fault": DEAD}, {"fault": DEAD})
    with pytest.raises(Unreachable, match="refused"):
        net.balance()
    assert net.clock.now - 1000 < 3
    assert len(net.nodes[0].asked) > 2


def test_endpoints_that_all_stall_use_up_the_time() -> None:
    net = Net({}, {})
    for node in net.nodes:
        node.stalls = True
    with pytest.raises(TimedOut):
        net.rpc.without_retries(timeout=1.0).balance(A)
    assert net.clock.now - 1000 <= 1 + 1e-9


def test_a_process_that_was_suspended_during_the_survey_sends_nothing_more() -> None:
    net = Net({}, {})
    net.nodes[0].delay = 100
    with pytest.raises(TimedOut) as caught:
        net.rpc.without_retries().balance(A)
    assert caught.value.message == "None of the endpoints http://a, http://b responded in time."
    assert caught.value.request_sent is False
    assert [node.asked for node in net.nodes] == [[SURVEY], []]


def test_without_time_for_the_survey_nothing_is_sent() -> None:
    net = Net({}, {})
    for node in net.nodes:
        node.stalls = True
    with pytest.raises(NetworkError):
        net.rpc.without_retries(timeout=0.5).request_airdrop(A, 1)
    assert all("requestAirdrop" not in node.asked for node in net.nodes)


def test_an_endpoint_that_comes_up_later_is_used() -> None:
    net = Net({"fault": DEAD}, {"fault": DEAD})
    with pytest.raises(Unreachable):
        net.balance()
    net.nodes[1].fault = None
    assert net.balance() == 7
    net.nodes[0].fault = None
    net.clock.now += 60
    assert net.balance() == 7
    assert net.rpc.label == "http://a"


# --- clusters ---------------------------------------------------------------------------------------------------------


def test_endpoints_of_different_clusters_are_refused_every_time_before_anything_else() -> None:
    net = Net({}, {"genesis": OTHER_GENESIS})
    for _ in range(2):
        with pytest.raises(UsageError) as caught:
            net.balance()
        assert caught.value.message == (
            f"http://a and http://b are endpoints of different clusters (genesis hashes {GENESIS} and {OTHER_GENESIS})."
        )
    assert [node.asked for node in net.nodes] == [[SURVEY], [SURVEY]]


def test_an_endpoint_of_another_cluster_that_comes_up_later_is_not_used() -> None:
    net = Net({}, {"genesis": OTHER_GENESIS, "fault": DEAD})
    net.balance()
    net.nodes[1].fault = None
    net.clock.now += 60
    net.balance()
    assert len(net.warnings) == 1
    assert "http://a and http://b are endpoints of different clusters" in net.warnings[0]
    net.nodes[0].fault = LOST
    with pytest.raises(Unreachable):
        net.balance()
    assert net.nodes[1].reads == 0
    net.clock.now += 100
    net.nodes[0].fault = None
    net.balance()
    assert len(net.warnings) == 1


@pytest.mark.parametrize(
    "genesis", [None, 5, "", "main", GENESIS[:-2], f"{GENESIS}1", GENESIS.replace(GENESIS[3], "0")]
)
def test_an_endpoint_with_an_invalid_survey_is_not_used(genesis: Any) -> None:
    """A hash that is not 32 bytes in base58 is an invalid answer, not that of another cluster."""
    net = Net({"genesis": genesis}, {})
    assert net.balance() == 7
    assert net.nodes[0].reads == 0
    net.nodes[1].fault = DEAD
    with pytest.raises(NetworkError):
        net.balance()
    with pytest.raises(BadRpcResponse, match="expected a hash and a slot"):
        Net({"genesis": genesis}, {"genesis": genesis}).balance()


def test_an_endpoint_without_batches_is_asked_one_by_one() -> None:
    net = Net({"takes_batches": False}, {})
    assert net.balance() == 7
    assert net.nodes[0].asked == [SURVEY, "getGenesisHash", "getSlot", "getBalance"]


# --- lag --------------------------------------------------------------------------------------------------------------


def test_an_endpoint_that_lags_is_named_once_and_not_used_until_it_catches_up() -> None:
    net = Net({"lag": MOST_LAG + 1}, {})
    a, b = net.nodes
    for _ in range(3):
        net.balance()
    assert net.warnings == ["Warning: http://a is 31 slots behind http://b and not used until it catches up."]
    assert (a.reads, b.reads) == (0, 3)
    net.clock.now += SURVEY_INTERVAL
    net.balance()
    assert len(net.warnings) == 1
    a.lag = MOST_LAG
    net.clock.now += SURVEY_INTERVAL
    net.balance()
    assert (a.reads, b.reads) == (1, 4)


def test_an_endpoint_that_stands_still_is_noticed_during_a_command() -> None:
    net = Net({}, {})
    a, b = net.nodes
    net.balance()
    net.clock.now += SURVEY_INTERVAL
    a.lag = 75
    net.balance()
    assert b.reads == 1
    assert "http://a is 75 slots behind http://b" in net.warnings[0]


def test_a_lagging_endpoint_is_not_asked_even_if_no_other_is_left() -> None:
    net = Net({}, {"lag": 200})
    net.balance()
    net.nodes[0].fault = LOST
    for _ in range(3):
        with pytest.raises(Unreachable):
            net.balance()
        net.clock.now += SURVEY_INTERVAL
    assert net.nodes[1].reads == 0


# --- batches ----------------------------------------------------------------------------------------------------------

TOGETHER: Any = (("getGenesisHash", []), ("getSlot", []))


def test_a_batch_goes_to_the_next_endpoint_and_its_refusal_says_nothing_about_the_first() -> None:
    for fault in (status(400), b"{}", b"no"):
        net = Net({}, {})
        net.balance()
        net.nodes[0].faults[SURVEY] = fault
        assert net.rpc.try_together(*TOGETHER) is not None
        net.balance()
        assert net.nodes[0].reads == 2


def test_a_busy_endpoint_rests_after_a_batch_too() -> None:
    net = Net({}, {})
    net.balance()
    net.nodes[0].faults[SURVEY] = status(429, 10)
    assert net.rpc.try_together(*TOGETHER) is not None
    net.balance()
    assert [node.reads for node in net.nodes] == [1, 1]


def test_an_error_in_a_batch_is_left_to_the_caller() -> None:
    net = Net({}, {})
    net.balance()
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no batches"}}
    net.nodes[0].faults[SURVEY] = json.dumps(error).encode()
    assert net.rpc.try_together(*TOGETHER) is None
    assert net.nodes[1].asked == [SURVEY]
