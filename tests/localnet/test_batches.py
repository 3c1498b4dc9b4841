"""Batches: their limits, and what other connections get while one is answered."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from solders.pubkey import Pubkey

from psyche_cli.localnet.rpc import dispatcher as dispatcher_module
from psyche_cli.localnet.rpc.requests import MAX_BATCH
from psyche_cli.localnet.rpc.steps import completed
from psyche_cli.localnet.server import slices
from tests.localnet.harness import HEALTH, PAGE, SOL, Chain, start_chain, text
from tests.localnet.servers import serving


def ask(method: str, *params: Any, identity: int = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identity, "method": method, "params": list(params)}


def answers(chain: Chain, requests: list[Any]) -> Any:
    return json.loads(chain.dispatcher.handle(json.dumps(requests).encode()))


def test_batch_has_a_maximum_of_requests(chain: Chain) -> None:
    assert [each["result"] for each in answers(chain, [ask("getHealth")] * MAX_BATCH)] == ["ok"] * MAX_BATCH
    assert answers(chain, [ask("getHealth")] * (MAX_BATCH + 1)) == {
        "jsonrpc": "2.0",
        "error": {"code": -32600, "message": "Too many requests in a batch; max 1000"},
        "id": None,
    }
    assert "at most 1,000 requests" in " ".join(PAGE.split())


def test_requests_after_a_large_response_are_refused_and_not_executed(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher_module, "MAX_ANSWER_BYTES", 1_000_000)
    to = Pubkey.new_unique()
    send = ask("sendTransaction", text(chain.transfer(to, SOL)), {"encoding": "base64"}, identity=7)
    large = [ask("getSlotLeaders", 1, 5000)] * 5
    found = answers(chain, [*large, send])
    assert all("result" in each for each in found[:5])
    assert [(each["id"], each["error"]["code"]) for each in found[5:]] == [(7, -32600)]
    assert "Use smaller batches" in found[5]["error"]["message"]
    assert chain.balance(to) == 0
    assert "result" in answers(chain, [send])[0]
    assert chain.balance(to) == SOL


def test_other_connections_are_answered_before_a_long_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "SLICE_SECONDS", 0.0)

    async def run() -> None:
        done: list[str] = []

        async def request(port: int, name: str, body: bytes) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**26)
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
            writer.write(body)
            head, _, answer = (await reader.read()).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert json.loads(answer)
            done.append(name)
            writer.close()

        async with serving(start_chain()) as server:
            batch = asyncio.create_task(
                request(server.rpc_port, "batch", json.dumps([ask("getSlotLeaders", 1, 100)] * 1000).encode())
            )
            for _ in range(5):
                await request(server.rpc_port, "health", HEALTH)
            await batch
        assert done == ["health"] * 5 + ["batch"]

    asyncio.run(run())


def test_requests_of_a_batch_see_the_ones_before_and_what_others_do_between(chain: Chain) -> None:
    to = Pubkey.new_unique()
    balance = ask("getBalance", str(to))
    send = ask("sendTransaction", text(chain.transfer(to, SOL)), {"encoding": "base64"})
    steps = chain.dispatcher.answer(json.dumps([balance, send, balance, balance]).encode())
    assert not isinstance(steps, bytes)
    for _ in range(3):
        next(steps)
    chain.send(chain.transfer(to, 2 * SOL))
    found = json.loads(completed(steps))
    assert [found[index]["result"]["value"] for index in (0, 2, 3)] == [0, SOL, 3 * SOL]
