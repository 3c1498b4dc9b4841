"""PubSub over real WebSockets: each kind of subscription, its end, and subscribers that misbehave."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse
from solders.account import Account
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import CreateAccountParams, create_account

from psyche_cli.localnet.server import websocket as websocket_module
from psyche_cli.localnet.server.pubsub import PubSub
from tests.localnet.harness import SOL, Chain, start_chain, text
from tests.localnet.servers import serving
from tests.support.patience import PATIENCE


class Client:
    """One WebSocket to a server that runs in the same loop as the test, and the chain behind it."""

    def __init__(self, chain: Chain, websocket: ClientWebSocketResponse[Any]) -> None:
        self.chain, self.websocket = chain, websocket

    async def ask(self, method: str, *params: Any) -> Any:
        await self.websocket.send_json({"jsonrpc": "2.0", "id": 5, "method": method, "params": list(params)})
        answer = await self.next()
        assert answer["id"] == 5
        return answer

    async def subscribe(self, method: str, *params: Any) -> int:
        identity = (await self.ask(method, *params))["result"]
        assert isinstance(identity, int)
        return identity

    async def next(self) -> Any:
        return json.loads(await self.websocket.receive_str(timeout=PATIENCE))

    async def notification(self, method: str, identity: int) -> Any:
        message = await self.next()
        assert (message["method"], message["params"]["subscription"]) == (method, identity), message
        return message["params"]["result"]


def in_session(scenario: Callable[[Client], Awaitable[None]]) -> None:
    """Run a scenario with one client on a fresh chain."""

    async def run() -> None:
        chain = start_chain()
        async with serving(chain) as server, ClientSession() as session, session.ws_connect(server.ws_url) as websocket:
            await scenario(Client(chain, websocket))

    asyncio.run(run())


def test_account_notifications_until_unsubscribed() -> None:
    async def scenario(client: Client) -> None:
        to = Pubkey.new_unique()
        identity = await client.subscribe("accountSubscribe", str(to), {"encoding": "base64"})
        client.chain.send(client.chain.transfer(to, SOL))
        result = await client.notification("accountNotification", identity)
        assert result["context"] == {"slot": 1}
        assert result["value"]["lamports"] == SOL
        client.chain.send(client.chain.transfer(to, 2 * SOL))
        assert (await client.notification("accountNotification", identity))["value"]["lamports"] == 3 * SOL
        assert (await client.ask("accountUnsubscribe", identity))["result"] is True
        client.chain.send(client.chain.transfer(to, 4 * SOL))
        gone = await client.ask("accountUnsubscribe", identity)
        assert gone["error"] == {"code": -32602, "message": "Invalid subscription id."}

    in_session(scenario)


def test_closed_account_is_shown_empty() -> None:
    async def scenario(client: Client) -> None:
        other = Keypair()
        client.chain.status(client.chain.send(client.chain.transfer(other.pubkey(), SOL)))
        identity = await client.subscribe("accountSubscribe", str(other.pubkey()), {"encoding": "base64"})
        client.chain.send(client.chain.transfer(client.chain.payer.pubkey(), SOL - 5000, payer=other))
        value = (await client.notification("accountNotification", identity))["value"]
        assert (value["lamports"], value["data"]) == (0, ["", "base64"])

    in_session(scenario)


def test_signature_is_notified_once_whether_it_landed_before_or_after() -> None:
    async def scenario(client: Client) -> None:
        later = client.chain.transfer(Pubkey.new_unique(), SOL)
        identity = await client.subscribe("signatureSubscribe", str(later.signatures[0]))
        client.chain.send(later)
        assert await client.notification("signatureNotification", identity) == {
            "context": {"slot": 1},
            "value": {"err": None},
        }
        assert "error" in await client.ask("signatureUnsubscribe", identity)

        earlier = client.chain.send(client.chain.transfer(Pubkey.new_unique(), 1000 * SOL), skipPreflight=True)
        identity = await client.subscribe("signatureSubscribe", earlier, {"enableReceivedNotification": True})
        assert (await client.notification("signatureNotification", identity))["value"] == {
            "err": {"InstructionError": [0, {"Custom": 1}]}
        }

    in_session(scenario)


def test_program_notifications_with_filters() -> None:
    async def scenario(client: Client) -> None:
        chain, owner = client.chain, Pubkey.new_unique()
        every = await client.subscribe("programSubscribe", str(owner), {"encoding": "base64"})
        await client.subscribe("programSubscribe", str(owner), {"encoding": "base64", "filters": [{"dataSize": 99}]})
        new = Keypair()
        creation = CreateAccountParams(
            from_pubkey=chain.payer.pubkey(), to_pubkey=new.pubkey(), lamports=SOL, space=10, owner=owner
        )
        chain.send(chain.sign(create_account(creation), others=(new,)))
        value = (await client.notification("programNotification", every))["value"]
        assert value["pubkey"] == str(new.pubkey())
        assert base64.b64decode(value["account"]["data"][0]) == bytes(10)
        # The filtered subscription stayed silent: the next message is the answer to the next request.
        assert (await client.ask("programUnsubscribe", every))["result"] is True

    in_session(scenario)


def test_logs_of_all_and_of_one_address() -> None:
    async def scenario(client: Client) -> None:
        to = Pubkey.new_unique()
        every = await client.subscribe("logsSubscribe", "all")
        mentioned = await client.subscribe("logsSubscribe", {"mentions": [str(to)]})
        signature = client.chain.send(client.chain.transfer(to, SOL))
        for identity in (every, mentioned):
            value = (await client.notification("logsNotification", identity))["value"]
            assert (value["signature"], value["err"]) == (signature, None)
            assert value["logs"][0] == "Program 11111111111111111111111111111111 invoke [1]"
        client.chain.send(client.chain.transfer(Pubkey.new_unique(), SOL))
        await client.notification("logsNotification", every)
        wrong: Any
        for wrong in ({"mentions": []}, {"mentions": [str(to)] * 2}, "some", None):
            assert (await client.ask("logsSubscribe", wrong))["error"]["code"] == -32602

    in_session(scenario)


def test_slots_and_roots() -> None:
    async def scenario(client: Client) -> None:
        slots = await client.subscribe("slotSubscribe")
        roots = await client.subscribe("rootSubscribe")
        client.chain.pass_slots(2)
        client.chain.result("getSlot")
        for slot in (2, 3):
            assert await client.notification("slotNotification", slots) == {
                "slot": slot,
                "parent": slot - 1,
                "root": slot,
            }
            assert await client.notification("rootNotification", roots) == slot

    in_session(scenario)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", -32700),
        ("[", -32700),
        ("5", -32700),
        ("[5]", -32700),
        ('{"id":1,"jsonrpc":"2.0"}', -32600),
        ('{"id":1,"method":"slotSubscribe"}', -32600),
        ('{"id":{},"jsonrpc":"2.0","method":"slotSubscribe"}', -32700),
        ('{"id":1e999,"jsonrpc":"2.0","method":"slotSubscribe"}', -32700),
        ('{"id":1,"jsonrpc":"2.0","method":"getSlot"}', -32601),
        ('{"id":1,"jsonrpc":"2.0","method":"accountSubscribe"}', -32602),
        ('{"id":1,"jsonrpc":"2.0","method":"accountSubscribe","params":{}}', -32602),
        ('{"id":1,"jsonrpc":"2.0","method":"accountSubscribe","params":["x"]}', -32602),
        ('{"id":1,"jsonrpc":"2.0","method":"accountSubscribe","params":7}', -32600),
        ('{"id":1,"jsonrpc":"2.0","method":"signatureSubscribe","params":["x"]}', -32602),
        ('{"id":1,"jsonrpc":"2.0","method":"accountUnsubscribe","params":[]}', -32602),
        ('{"id":1,"jsonrpc":"2.0","method":"accountUnsubscribe","params":["x"]}', -32602),
        ('{"id":1,"jsonrpc":"2.0","method":"accountUnsubscribe","params":[true]}', -32602),
    ],
)
def test_wrong_messages_get_errors(message: str, code: int) -> None:
    async def scenario(client: Client) -> None:
        await client.websocket.send_str(message)
        assert (await client.next())["error"]["code"] == code
        await client.subscribe("slotSubscribe")

    in_session(scenario)


def test_thousand_subscriptions_are_all_notified_and_removed() -> None:
    async def run() -> None:
        chain, to = start_chain(), Pubkey.new_unique()
        async with serving(chain) as server, ClientSession() as session:
            pubsub = next(one for one in chain.dispatcher.context.bank.listeners if isinstance(one, PubSub))
            sockets = [await session.ws_connect(server.ws_url) for _ in range(10)]
            clients = [Client(chain, websocket) for websocket in sockets]
            for client in clients:
                for length in range(100):
                    part = {"offset": 0, "length": length}
                    await client.subscribe("accountSubscribe", str(to), {"encoding": "base64", "dataSlice": part})
            assert len(pubsub) == 1000
            chain.send(chain.transfer(to, SOL))
            for client in clients:
                told = {(await client.next())["params"]["subscription"] for _ in range(100)}
                assert len(told) == 100
            for websocket in sockets:
                await websocket.close()
            await _until(lambda: len(pubsub) == 0)

    asyncio.run(run())


async def _until(condition: Callable[[], bool]) -> None:
    async def come_about() -> None:
        while not condition():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(come_about(), PATIENCE)


def test_slow_subscriber_is_dropped_and_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_module, "MAX_QUEUED_BYTES", 1_000_000)

    async def run() -> None:
        chain = start_chain()
        big = Pubkey.new_unique()
        bank = chain.dispatcher.context.bank
        async with serving(chain) as server, ClientSession() as session:
            pubsub = next(one for one in bank.listeners if isinstance(one, PubSub))
            slow_reader, slow_writer = await _raw_subscriber(server.ws_port, big)
            async with session.ws_connect(server.ws_url) as websocket:
                quick = Client(chain, websocket)
                identity = await quick.subscribe("slotSubscribe")
                assert len(pubsub) == 2
                for number in range(400):
                    bank.set_account(big, Account(SOL + number, bytes(100_000), Pubkey.new_unique()))
                    await asyncio.sleep(0)
                await _until(lambda: len(pubsub) == 1)
                chain.pass_slots(1)
                chain.result("getSlot")
                await quick.notification("slotNotification", identity)
            slow_writer.close()
            del slow_reader

    asyncio.run(run())


async def _raw_subscriber(port: int, address: Pubkey) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A WebSocket that subscribes to an account and then never reads again."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    key = base64.b64encode(bytes(16)).decode()
    writer.write(
        f"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    request = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "accountSubscribe",
        "params": [str(address), {"encoding": "base64"}],
    }
    payload = json.dumps(request).encode()
    assert 125 < len(payload) < 65536
    # A masked text frame; a mask of zeros leaves the payload as it is.
    writer.write(b"\x81\xfe" + len(payload).to_bytes(2, "big") + bytes(4) + payload)
    await reader.read(1)
    return reader, writer


def test_unknown_signature_stays_silent() -> None:
    async def scenario(client: Client) -> None:
        identity = await client.subscribe("signatureSubscribe", str(Signature.new_unique()))
        client.chain.result(
            "sendTransaction", text(client.chain.transfer(Pubkey.new_unique(), SOL)), {"encoding": "base64"}
        )
        assert (await client.ask("signatureUnsubscribe", identity))["result"] is True

    in_session(scenario)


def test_plain_http_on_the_websocket_port() -> None:
    async def run() -> None:
        async with (
            serving(start_chain()) as server,
            ClientSession() as session,
            session.get(f"http://127.0.0.1:{server.ws_port}") as answer,
        ):
            assert answer.status == 426

    asyncio.run(run())
