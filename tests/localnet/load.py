"""Bounded load on loopback: parallel senders, mutated requests. ``python -m tests.localnet.load`` runs all of it."""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
import time
from collections.abc import Iterator

from aiohttp import ClientSession
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from psyche_cli.environment import SystemClock
from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.cluster_identity import IDENTITY
from psyche_cli.localnet.chain.genesis import Genesis, create_vm
from psyche_cli.localnet.chain.timekeeping import Timekeeper
from psyche_cli.localnet.rpc.context import RpcContext
from psyche_cli.localnet.rpc.dispatcher import Dispatcher, all_methods
from psyche_cli.localnet.server.http import LocalServer
from psyche_cli.localnet.server.ports import bind_pair
from tests.localnet.harness import SOL, move, text

MOST_GROWTH_MEGABYTES = 96
"""A history of 500, duplicates of 60 seconds, the load's own 32,000 transactions, a second VM to replay them."""


def peak_megabytes() -> float:
    """The peak memory of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


class Load:
    """A chain with wallets that pay one another. The history capacity is far below the number of transactions."""

    def __init__(self, connections: int, transactions: int, *, history: int = 500) -> None:
        self.wallets = [Keypair() for _ in range(connections)]
        self.transactions = transactions
        self.genesis = Genesis(programs={}, balances={wallet.pubkey(): 1000 * SOL for wallet in self.wallets})
        self.bank = Bank(self.genesis, Timekeeper(SystemClock()), history_capacity=history)
        self.dispatcher = Dispatcher(RpcContext(self.bank))
        self.executed: list[bytes] = []
        self.bank.listeners.append(self)

    def on_transaction(self, record: object) -> None:
        self.executed.append(record.raw)  # type: ignore[attr-defined]  # given as object

    def on_account(self, address: Pubkey) -> None:
        assert address == IDENTITY, "nobody sets accounts here"

    def on_block(self, block: object) -> None:
        pass

    def on_restore(self) -> None:
        raise AssertionError("nobody restores here")

    async def run(self) -> float:
        """Send everything over HTTP, each wallet on its own connection; confirmed transactions per second."""
        server = LocalServer(self.dispatcher, bind_pair(0))
        started, stop = asyncio.Event(), asyncio.Event()
        serving = asyncio.create_task(server.serve(started, stop))
        await started.wait()
        begin = time.perf_counter()
        async with ClientSession() as session:
            await asyncio.gather(
                *(self._send_all(session, server.rpc_url, number) for number in range(len(self.wallets)))
            )
        taken = time.perf_counter() - begin
        stop.set()
        await serving
        return len(self.executed) / taken

    async def _send_all(self, session: ClientSession, url: str, number: int) -> None:
        async def call(method: str, *params: object) -> object:
            request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            async with session.post(url, data=json.dumps(request)) as answer:
                content = await answer.json()
            assert content["id"] == number
            assert "error" not in content, content
            return content["result"]

        wallet, to = self.wallets[number], self.wallets[(number + 1) % len(self.wallets)].pubkey()
        blockhash = Hash.default()
        for count in range(self.transactions):
            if count % 50 == 0:
                latest: dict[str, dict[str, str]] = await call("getLatestBlockhash")  # type: ignore[assignment]  # JSON
                blockhash = Hash.from_string(latest["value"]["blockhash"])
            message = Message.new_with_blockhash([move(wallet, to, 1_000_000 + count)], wallet.pubkey(), blockhash)
            transaction = VersionedTransaction(message, [wallet])
            signature = await call("sendTransaction", text(transaction), {"encoding": "base64"})
            assert signature == str(transaction.signatures[0])

    def state_equals_serial_replay(self) -> bool:
        """Whether a bare VM that executes the same transactions sequentially reaches the same state."""
        vm, _ = create_vm(self.genesis)
        for raw in self.executed:
            vm.send_transaction(VersionedTransaction.from_bytes(raw))
        return all(
            vm.get_account(wallet.pubkey()) == self.bank.accounts.get(wallet.pubkey()) for wallet in self.wallets
        )


def mutated_requests(seed: int, count: int) -> Iterator[bytes]:
    """Requests of every method with some bytes changed, removed, duplicated or swapped."""
    chance = random.Random(seed)
    payer = Keypair()
    transaction = text(
        VersionedTransaction(
            Message.new_with_blockhash([move(payer, Pubkey.new_unique(), 1)], payer.pubkey(), Hash.default()), [payer]
        )
    )
    address = str(payer.pubkey())
    samples = [
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        for method in all_methods()
        if not method.startswith("localnet_warp")
        for params in (
            [],
            [address],
            [transaction, {"encoding": "base64"}],
            [[address], {"encoding": "jsonParsed"}],
            [5, 5],
        )
    ]
    for _ in range(count):
        body = bytearray(chance.choice(samples))
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(body)) if body else 0
            kind = chance.randrange(4)
            if kind == 0 and body:
                body[at] = chance.randrange(256)
            elif kind == 1:
                del body[at : at + chance.randrange(1, 30)]
            elif kind == 2:
                body[at:at] = body[at : at + chance.randrange(1, 30)]
            else:
                body[at:at] = chance.choice([b'"', b"{", b"[", b"null", b"-1", b"1e999", b"\\ud800", b"9" * 30])
        yield bytes(body)


def main(part: int = 1) -> None:
    """Run the complete load, or one ``part``-th of it, with figures on stdout."""
    transactions, requests = 2_000 // part, 100_000 // part
    # Once to warm up: what the allocator keeps is no growth.
    asyncio.run(Load(16, transactions // 4).run())
    before = peak_megabytes()
    load = Load(16, transactions)
    rate = asyncio.run(load.run())
    assert len(load.executed) == 16 * transactions
    assert load.state_equals_serial_replay()
    assert len(load.bank.history.records()) == 500
    sys.stdout.write(f"16 connections x {transactions:,} transactions: {rate:,.0f} confirmed per second\n")
    begin = time.perf_counter()
    for body in mutated_requests(1, requests):
        load.dispatcher.handle(body)
    growth = peak_megabytes() - before
    assert growth < MOST_GROWTH_MEGABYTES, growth
    sys.stdout.write(f"most memory above that after the first {4 * transactions:,} transactions: {growth:.0f} MB\n")
    sys.stdout.write(f"{requests:,} mutated requests: {requests / (time.perf_counter() - begin):,.0f} per second\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
