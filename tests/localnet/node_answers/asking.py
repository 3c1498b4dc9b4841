"""Requests to a validator over HTTP, as bytes or as calls."""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.transaction import Transaction


class Asker:
    """One connection to a validator."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def post(self, body: bytes) -> tuple[int, str]:
        """The HTTP status and the text of the response."""
        self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
        with self._connection.getresponse() as response:
            return response.status, response.read().decode()

    def call(self, method: str, *params: Any) -> Any:
        """The response to a call, success or error."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        status, text = self.post(json.dumps(request).encode())
        answer = json.loads(text)
        assert (status, answer.pop("id"), answer.pop("jsonrpc")) == (200, 1, "2.0")
        return answer

    def result(self, method: str, *params: Any) -> Any:
        """The result of a call that must succeed."""
        answer = self.call(method, *params)
        assert "result" in answer, answer
        return answer["result"]

    def error(self, method: str, *params: Any) -> Any:
        """The error of a call that must fail."""
        answer = self.call(method, *params)
        assert "error" in answer, (method, params, answer)
        return answer["error"]

    def blockhash(self) -> Hash:
        """The latest one."""
        return Hash.from_string(self.result("getLatestBlockhash")["value"]["blockhash"])

    def signed(self, *instructions: Instruction, signers: list[Keypair], at: Hash | None = None) -> str:
        """The base64 text of a transaction whose payer is the first signer."""
        blockhash = at or self.blockhash()
        message = Message.new_with_blockhash(list(instructions), signers[0].pubkey(), blockhash)
        return base64.b64encode(bytes(Transaction(signers, message, blockhash))).decode()

    def land(self, *instructions: Instruction, signers: list[Keypair], **options: Any) -> str:
        """The signature of a transaction that is accepted."""
        text = self.signed(*instructions, signers=signers)
        signature: str = self.result("sendTransaction", text, {"encoding": "base64", **options})
        return signature
