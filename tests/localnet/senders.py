"""Parallel senders of transfers to a validator that may die or refuse, and what they know of each transfer."""

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


class Client:
    """JSON-RPC over one connection. Raises Unreachable when the validator is dead."""

    def __init__(self, url: str) -> None:
        self._transport = HttpTransport(url)

    def call(self, method: str, *params: Any) -> Any:
        """The whole answer, success or error."""
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
    """One wallet that pays one receiver, each time a lamport more."""

    payer: Keypair = field(default_factory=Keypair, repr=False)
    to: Pubkey = field(default_factory=Pubkey.new_unique)
    sent: int = 0
    landed: dict[str, int] = field(default_factory=dict)
    """Lamports by signature of what was answered as landed."""
    refused: list[str] = field(default_factory=list)
    """Signatures of what was answered as not executed."""
    unanswered: dict[str, int] = field(default_factory=dict)
    """What was sent when the validator died."""

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
                    assert answer["error"]["code"] == UNHEALTHY, answer
                    self.refused.append(signature)
                else:
                    self.landed[signature] = lamports
        except Unreachable:
            pass
        finally:
            client.close()

    def check(self, client: Client) -> None:
        """Raise AssertionError unless the chain has what was answered as landed and not what was refused."""
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
    """What getSignatureStatuses says of any number of transactions."""
    found: list[Any] = []
    for first in range(0, len(signatures), 256):
        found += client.result("getSignatureStatuses", signatures[first : first + 256])["value"]
    return found


def ledger_words(folder: str, senders: list[Sender]) -> list[str]:
    """The options of a validator with a ledger, in which every sender has 1,000 SOL at the beginning."""
    airdrops = [word for sender in senders for word in ("--airdrop", f"{sender.payer.pubkey()}=1000")]
    return ["--quiet", "--ledger", folder, *airdrops]


def total_landed(senders: list[Sender]) -> int:
    """How many transactions were answered as landed."""
    return sum(len(sender.landed) for sender in senders)


def load(
    validator: Running,
    senders: list[Sender],
    *,
    landed: int,
    then: Callable[[], None] = lambda: None,
    enough: Callable[[], bool] = lambda: False,
) -> None:
    """Let all send at the same time until the validator dies or ``enough``; after ``landed`` do something."""
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
