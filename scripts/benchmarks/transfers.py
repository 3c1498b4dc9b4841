"""Transfers, and a client of their validator."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from http.client import HTTPConnection
from urllib.parse import urlsplit

from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import Transaction

CONNECTIONS = 16
RECEIVER = Pubkey.from_bytes(bytes([9] * 32))


class Client:
    """A JSON-RPC client on one keep-alive HTTP connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._http = HTTPConnection(parts.hostname or "", parts.port)

    def call(self, method: str, *params: object) -> object:
        """The result of a method. Fails on an error response."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        self._http.request("POST", "/", body, {"Content-Type": "application/json"})
        answer = json.loads(self._http.getresponse().read())
        assert "error" not in answer, answer
        return answer["result"]

    def blockhash(self) -> Hash:
        """The latest blockhash."""
        latest = self.call("getLatestBlockhash")
        assert isinstance(latest, dict)
        return Hash.from_string(latest["value"]["blockhash"])


def seconds_of_senders(send_all: Callable[[Keypair], None], payers: Sequence[Keypair]) -> float:
    """How long it takes to send the transactions of all payers, each in a thread."""
    threads = [threading.Thread(target=send_all, args=(payer,)) for payer in payers]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


def signed_transfer(payer: Keypair, number: int, blockhash: Hash) -> Transaction:
    """A transfer whose amount depends on ``number``."""
    instruction = transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=RECEIVER, lamports=1_000_000 + number))
    return Transaction([payer], Message.new_with_blockhash([instruction], payer.pubkey(), blockhash), blockhash)


def transfer_bytes(payer: Keypair, number: int, blockhash: Hash) -> bytes:
    """The bytes of a transfer."""
    return bytes(signed_transfer(payer, number, blockhash))
