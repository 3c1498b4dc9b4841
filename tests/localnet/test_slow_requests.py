"""Requests that take long: consistent although others change the chain meanwhile, bounded, and harmless to others."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from solders.account import Account
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from psyche_cli.localnet.rpc import scan
from psyche_cli.localnet.rpc.steps import completed
from psyche_cli.localnet.server import slices
from psyche_cli.solana.programs import UPGRADEABLE_LOADER
from tests.localnet.harness import FEE, HEALTH, PAGE, SOL, Chain, HandClock
from tests.localnet.lives import Life
from tests.localnet.servers import serving

OWNER = Pubkey.new_unique()
ACCOUNTS = [Pubkey.new_unique() for _ in range(200)]


@pytest.fixture
def full_chain(chain: Chain) -> Chain:
    for number, address in enumerate(ACCOUNTS):
        put(chain, address, bytes([number]))
    return chain


def put(chain: Chain, address: Pubkey, data: bytes, lamports: int = SOL) -> None:
    chain.dispatcher.context.bank.set_account(address, Account(lamports, data, OWNER))


def answer(chain: Chain, meanwhile: Callable[[], None], method: str, *params: Any) -> Any:
    """The answer to a request during which something happens."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    steps = chain.dispatcher.answer(body)
    assert not isinstance(steps, bytes)
    for _ in range(5):
        next(steps)
    meanwhile()
    return json.loads(completed(steps))["result"]


@pytest.mark.parametrize("is_archived", [False, True], ids=["in memory", "archived"])
@pytest.mark.parametrize("details", ["full", "signatures"])
def test_a_block_is_that_of_the_request(
    payer: Keypair, clock: HandClock, tmp_path: Path, details: str, is_archived: bool
) -> None:
    """Also if the state is reset while it is encoded, after which none has its transactions."""
    life = Life(tmp_path, payer, clock, indexed_at_once=8 if is_archived else 1000)
    transfers = [life.chain.transfer(Pubkey.new_unique(), SOL) for _ in range(20)]  # with one blockhash: in one slot
    sent = [life.chain.send(transfer) for transfer in transfers]
    slot = life.chain.result("getTransaction", sent[0])["slot"]
    life.chain.pass_slots(1)
    options = {"transactionDetails": details}
    before = life.chain.result("getBlock", slot, options)
    assert life.ledger.archive.newest >= (8 if is_archived else 0)

    def reset() -> None:
        life.chain.result("localnet_reset")
        assert life.chain.result("getTransaction", sent[0]) is None

    assert answer(life.chain, reset, "getBlock", slot, options) == before
    assert (before.get("signatures") or [one["transaction"]["signatures"][0] for one in before["transactions"]]) == sent
    assert before["rewards"][0]["lamports"] == 20 * FEE // 2
    life.end()


def change_all_kinds(chain: Chain) -> None:
    for address in (ACCOUNTS[0], ACCOUNTS[1], ACCOUNTS[-1]):
        put(chain, address, b"changed")
    for address in (ACCOUNTS[2], ACCOUNTS[-2]):
        put(chain, address, b"", lamports=0)
    put(chain, Pubkey.new_unique(), b"new")
    chain.dispatcher.context.bank.set_account(ACCOUNTS[3], Account(SOL, b"given away", Pubkey.new_unique()))
    chain.send(chain.transfer(Pubkey.new_unique(), SOL))
    chain.pass_slots(1)
    chain.result("getSlot")


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("getProgramAccounts", [str(OWNER), {"encoding": "base64", "withContext": True}]),
        ("getProgramAccounts", [str(OWNER), {"encoding": "base64"}]),
        ("getMultipleAccounts", [[str(address) for address in (*ACCOUNTS[:50], *ACCOUNTS[-50:])]]),
        ("getSupply", []),
        ("getLargestAccounts", []),
    ],
)
def test_answer_is_of_one_state(full_chain: Chain, method: str, params: list[Any]) -> None:
    listeners = list(full_chain.dispatcher.context.bank.listeners)
    found = answer(full_chain, lambda: change_all_kinds(full_chain), method, *params)
    assert found == full_chain.result(method, *params)
    assert full_chain.dispatcher.context.bank.listeners == listeners


def test_accounts_come_in_the_order_of_their_addresses(full_chain: Chain) -> None:
    for _ in range(5000):
        put(full_chain, Pubkey.new_unique(), b"")
    found = full_chain.result("getProgramAccounts", str(OWNER), {"encoding": "base64"})
    addresses = [bytes(Pubkey.from_string(each["pubkey"])) for each in found]
    assert addresses == sorted(addresses)
    assert len(addresses) == 5200


def test_result_that_is_too_large_is_refused(full_chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "MAX_ANSWER_BYTES", 20_000)
    listeners = list(full_chain.dispatcher.context.bank.listeners)
    options: dict[str, Any] = {"encoding": "base64"}
    refused = full_chain.error("getProgramAccounts", str(OWNER), options)
    assert (refused["code"], refused["message"]) == (
        -32012,
        "The result has more than 64 MiB. Select less, with filters or dataSlice.",
    )
    assert full_chain.result("getProgramAccounts", str(OWNER), {**options, "filters": [{"dataSize": 7}]}) == []
    assert full_chain.dispatcher.context.bank.listeners == listeners
    assert "a response at most 64 MiB" in " ".join(PAGE.split())


async def post(port: int, body: bytes) -> Any:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**26)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    content = (await reader.read()).partition(b"\r\n\r\n")[2]
    writer.close()
    return json.loads(content)


def test_other_connections_are_answered_before_a_slow_request(
    full_chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "SLICE_SECONDS", 0.0)
    body = json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "getProgramAccounts", "params": [str(OWNER), {"encoding": "base64"}]}
    ).encode()

    async def run() -> None:
        async with serving(full_chain) as server:
            slow = asyncio.create_task(post(server.rpc_port, body))
            for _ in range(3):
                assert (await post(server.rpc_port, HEALTH))["result"] == "ok"
                assert not slow.done()
            assert len((await slow)["result"]) == 200

    asyncio.run(run())


def test_client_that_leaves_ends_its_slow_request(full_chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "SLICE_SECONDS", 0.0)

    async def run() -> None:
        async with serving(full_chain) as server:
            listeners = list(full_chain.dispatcher.context.bank.listeners)
            _, writer = await asyncio.open_connection("127.0.0.1", server.rpc_port)
            body = json.dumps([{"jsonrpc": "2.0", "id": 1, "method": "getSupply"}] * 900).encode()
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            while len(full_chain.dispatcher.context.bank.listeners) == len(listeners):
                await asyncio.sleep(0)
            writer.transport.abort()
            while len(full_chain.dispatcher.context.bank.listeners) > len(listeners):
                await asyncio.sleep(0.001)
            assert (await post(server.rpc_port, HEALTH))["result"] == "ok"

    asyncio.run(run())


async def read_until(reader: asyncio.StreamReader, end: bytes) -> bytes:
    received = b""
    while end not in received:
        received += await reader.read(65536)
    return received


def test_flood_of_one_subscriber_does_not_starve_others(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "SLICE_SECONDS", 0.0)
    count = 3000

    def frame(number: int) -> bytes:
        address = str(Pubkey(number.to_bytes(32, "little")))
        request = {"jsonrpc": "2.0", "id": number, "method": "accountSubscribe", "params": [address]}
        payload = json.dumps(request).encode()
        return (
            b"\x81"
            + bytes([0x80 | len(payload)] if len(payload) < 126 else [0xFE, 0, len(payload)])
            + bytes(4)
            + payload
        )

    async def run() -> None:
        async with serving(chain) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.ws_port)
            key = base64.b64encode(bytes(16))
            writer.write(
                b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %b\r\n"
                b"Sec-WebSocket-Version: 13\r\n\r\n" % key
            )
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"".join(map(frame, range(count))))
            flood = asyncio.create_task(read_until(reader, b'"id":%d}' % (count - 1)))
            for _ in range(3):
                assert (await post(server.rpc_port, HEALTH))["result"] == "ok"
                assert not flood.done()
            assert (await flood).count(b'"result":') == count
            writer.close()

    asyncio.run(run())


def steps_of(chain: Chain, method: str, params: list[Any]) -> tuple[Any, list[bytes]]:
    """The result of a slow request, and the pieces of its response."""
    steps = chain.dispatcher.answer(
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    )
    assert not isinstance(steps, bytes)
    count = 0
    try:
        while True:
            next(steps)
            count += 1
    except StopIteration as end:
        pieces: list[bytes] = end.value
    assert count > 2
    return json.loads(b"".join(pieces))["result"], pieces


def test_large_data_is_encoded_in_steps(chain: Chain) -> None:
    content, address, owner = bytes(range(256)) * 8192, Pubkey.new_unique(), Pubkey.new_unique()
    chain.dispatcher.context.bank.set_account(address, Account(100 * SOL, content, owner))
    asked: list[tuple[str, list[Any]]] = [
        ("getAccountInfo", [str(address), {"encoding": "base64"}]),
        ("getMultipleAccounts", [[str(address), str(Pubkey.new_unique())]]),
        ("getProgramAccounts", [str(owner), {"encoding": "base64", "withContext": True}]),
    ]
    for method, params in asked:
        result, pieces = steps_of(chain, method, params)
        value = result["value"]
        found = value[0] if isinstance(value, list) else value
        assert found.get("account", found)["data"] == [base64.b64encode(content).decode(), "base64"]
        assert max(map(len, pieces)) < 2**21 < len(content) * 4 // 3


def test_large_compressed_data_and_code_are_encoded_in_steps(chain: Chain) -> None:
    content, address = random.Random(1).randbytes(2**21), Pubkey.new_unique()
    chain.dispatcher.context.bank.set_account(address, Account(100 * SOL, content, Pubkey.new_unique()))
    result, _ = steps_of(chain, "getAccountInfo", [str(address), {"encoding": "base64+zstd"}])
    packed = base64.b64decode(result["value"]["data"][0])
    assert zstandard.ZstdDecompressor().decompress(packed, max_output_size=2**22) == content
    no_authority = bytes([1, 0, 0, 0, 0])
    buffer = Account(100 * SOL, no_authority + bytes(32) + content, UPGRADEABLE_LOADER)
    chain.dispatcher.context.bank.set_account(address, buffer)
    result, _ = steps_of(chain, "getAccountInfo", [str(address), {"encoding": "jsonParsed"}])
    code = base64.b64decode(result["value"]["data"]["parsed"]["info"]["data"][0])
    assert code.endswith(content)


def test_leader_schedule_is_encoded_in_steps(chain: Chain) -> None:
    result, _ = steps_of(chain, "getLeaderSchedule", [])
    [slots] = result.values()
    assert slots == list(range(432_000))
