"""Parallel senders of transfers to a validator that may die or reject them, with a record of each outcome."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from psyche_cli.errors import Unreachable
from psyche_cli.solana.rpc.http import HttpTransport
from tests.localnet.harness import FEE, SOL, move, text
from tests.localnet.test_command import Running
from tests.support.patience import PATIENCE

FIRST_LAMPORTS = 1_000_000
UNHEALTHY = -32005
NOT_RECORDED = -32600


class Client:
    """JSON-RPC over one connection. Raises Unreachable if the validator is dead."""

    def __init__(self, url: str) -> None:
        self._transport = HttpTransport(url)

    def call(self, method: str, *params: Any) -> Any:
        """The complete response, success or error."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        return json.loads(self._transport.send(body, timeout=PATIENCE))

    def result(self, method: str, *params: Any) -> Any:
        answer = self.call(method, *params)
        assert "error" not in answer, answer
        return answer["result"]

    def close(self) -> None:
        self._transport.close()


@dataclass
class Sender:
    """A wallet that pays one receiver, with one more lamport each time."""

    payer: Keypair = field(default_factory=Keypair, repr=False)
    to: Pubkey = field(default_factory=Pubkey.new_unique)
    sent: int = 0
    landed: dict[str, int] = field(default_factory=dict)
    """The lamports of transfers reported as landed, by signature."""
    refused: list[str] = field(default_factory=list)
    """The signatures of transfers reported as not executed."""
    unanswered: dict[str, int] = field(default_factory=dict)
    """The transfer in flight when the validator died."""

    def send_until(self, url: str, enough: Callable[[], bool]) -> None:
        """Send until the validator dies, or ``enough``."""
        client = Client(url)
        signature, lamports = "", 0
        try:
            while not enough():
                if self.sent % 50 == 0 or not signature:
                    blockhash = Hash.from_string(client.result("getLatestBlockhash")["value"]["blockhash"])
                self.sent += 1
                lamports = FIRST_LAMPORTS + self.sent
                message = Message.new_with_blockhash(
                    [move(self.payer, self.to, lamports)], self.payer.pubkey(), blockhash
                )
                transaction = VersionedTransaction(message, [self.payer])
                signature = str(transaction.signatures[0])
                self.unanswered[signature] = lamports
                answer = client.call("sendTransaction", text(transaction), {"encoding": "base64"})
                del self.unanswered[signature]
                if "error" in answer:
                    assert answer["error"]["code"] == NOT_RECORDED, answer
                    self.refused.append(signature)
                else:
                    self.landed[signature] = lamports
        except Unreachable:
            pass
        finally:
            client.close()

    def check(self, client: Client) -> None:
        """Raise AssertionError unless the chain contains all landed transfers and none of the rejected ones."""
        for signature, lamports in list(self.unanswered.items()):
            if statuses(client, [signature])[0] is not None:
                self.landed[signature] = lamports
        self.unanswered.clear()
        assert all(status is not None and status["err"] is None for status in statuses(client, list(self.landed)))
        assert not any(statuses(client, self.refused))
        paid = sum(self.landed.values())
        assert client.result("getBalance", str(self.to))["value"] == paid
        left = client.result("getBalance", str(self.payer.pubkey()))["value"]
        assert left == 1000 * SOL - paid - FEE * len(self.landed)


def statuses(client: Client, signatures: list[str]) -> list[Any]:
    """The results of getSignatureStatuses for any number of transactions."""
    found: list[Any] = []
    for first in range(0, len(signatures), 256):
        found += client.result("getSignatureStatuses", signatures[first : first + 256])["value"]
    return found


def ledger_words(folder: str, senders: list[Sender]) -> list[str]:
    """The options of a validator with a ledger, in which every sender has 1,000 SOL at the beginning."""
    airdrops = [word for sender in senders for word in ("--airdrop", f"{sender.payer.pubkey()}=1000")]
    return ["--quiet", "--ledger", folder, *airdrops]


def total_landed(senders: list[Sender]) -> int:
    """The number of transactions reported as landed."""
    return sum(len(sender.landed) for sender in senders)


def load(
    validator: Running,
    senders: list[Sender],
    *,
    landed: int,
    then: Callable[[], None] = lambda: None,
    enough: Callable[[], bool] = lambda: False,
) -> None:
    """Run all senders in parallel until the validator dies or ``enough``; after ``landed`` transfers, run an action."""
    failures: list[BaseException] = []

    def send(sender: Sender) -> None:
        try:
            sender.send_until(validator.rpc_url, lambda: bool(failures) or enough())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=send, args=(sender,)) for sender in senders]
    for thread in threads:
        thread.start()
    while total_landed(senders) < landed and any(thread.is_alive() for thread in threads) and not failures:
        time.sleep(0.001)
    then()
    for thread in threads:
        thread.join()
    assert not failures, failures


def moment(chance: random.Random) -> float:
    """Seconds to wait before a kill, so that it comes at any moment of a request."""
    return chance.choice([0.0, chance.random() * 0.004])
