"""A chain without sockets, with a clock controlled by the test, and helpers to call it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.message import Message
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.timekeeping import ClockMode, Timekeeper
from psyche_cli.localnet.rpc.context import RpcContext
from psyche_cli.localnet.rpc.dispatcher import Dispatcher

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "local-validator.md").read_text(encoding="utf-8")
"""The documented limits of the local validator."""

BASE64 = {"encoding": "base64"}
PARSED = {"encoding": "jsonParsed"}
HEALTH = b'{"jsonrpc":"2.0","id":1,"method":"getHealth"}'
SOL = 1_000_000_000
FEE = 5000
START = 1_700_000_000
MEMO = Pubkey.from_string("Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo")


class HandClock:
    """A clock that advances only on request."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def unix_time(self) -> float:
        return START + self.now - 1000.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Chain:
    """A dispatcher with a controlled clock, and a wallet with 100 SOL at genesis."""

    dispatcher: Dispatcher
    clock: HandClock
    payer: Keypair = field(repr=False)  # its repr is the secret
    log: list[str] = field(default_factory=list)

    def call(self, method: str, *params: Any) -> Any:
        """The complete response, success or error."""
        request = {"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)}
        answer = json.loads(self.dispatcher.handle(json.dumps(request).encode()))
        assert answer["id"] == 7
        return answer

    def result(self, method: str, *params: Any) -> Any:
        """The result of a call that must succeed."""
        answer = self.call(method, *params)
        assert "error" not in answer, answer
        return answer["result"]

    def value(self, method: str, *params: Any) -> Any:
        """The value of a result with a context."""
        return self.result(method, *params)["value"]

    def error(self, method: str, *params: Any) -> Any:
        """The error of a call that must fail."""
        answer = self.call(method, *params)
        assert "result" not in answer, answer
        return answer["error"]

    def raw(self, method: str, *params: Any) -> str:
        """The text of the response, with the id that solders' parsers expect."""
        request = {"jsonrpc": "2.0", "id": 0, "method": method, "params": list(params)}
        return self.dispatcher.handle(json.dumps(request).encode()).decode()

    def blockhash(self) -> Hash:
        """The latest one."""
        return Hash.from_string(self.value("getLatestBlockhash")["blockhash"])

    def sign(
        self,
        *instructions: Instruction,
        payer: Keypair | None = None,
        others: tuple[Keypair, ...] = (),
        at: Hash | None = None,
    ) -> VersionedTransaction:
        """A signed legacy transaction."""
        payer = payer or self.payer
        message = Message.new_with_blockhash(list(instructions), payer.pubkey(), at or self.blockhash())
        return VersionedTransaction(message, [payer, *others])

    def transfer(
        self, to: Pubkey, lamports: int, *, payer: Keypair | None = None, at: Hash | None = None
    ) -> VersionedTransaction:
        """A signed transfer from the payer."""
        return self.sign(move(payer or self.payer, to, lamports), payer=payer, at=at)

    def send(self, transaction: VersionedTransaction, **options: Any) -> str:
        """Send a transaction that must be accepted; its signature."""
        signature: str = self.result("sendTransaction", text(transaction), {"encoding": "base64", **options})
        return signature

    def balance(self, address: Pubkey) -> int:
        """Lamports."""
        lamports: int = self.value("getBalance", str(address))
        return lamports

    def status(self, signature: str) -> Any:
        """The result of getSignatureStatuses, with a search of the whole history."""
        return self.value("getSignatureStatuses", [signature], {"searchTransactionHistory": True})[0]

    def pass_slots(self, count: int) -> None:
        """Advance the clock by slots."""
        self.clock.sleep(count * self.dispatcher.context.bank.timekeeper.slot_seconds)


def start_chain(*, mode: ClockMode | None = None, slot_seconds: float = 0.5, history_capacity: int = 1000) -> Chain:
    """A new chain without the Psyche programs."""
    clock, payer, log = HandClock(), Keypair(), list[str]()
    timekeeper = Timekeeper(clock, slot_seconds=slot_seconds, mode=mode)
    genesis = Genesis(programs={}, balances={payer.pubkey(): 100 * SOL})
    bank = Bank(genesis, timekeeper, history_capacity=history_capacity)
    return Chain(Dispatcher(RpcContext(bank, log=log.append, notice=log.append)), clock, payer, log)


def move(sender: Keypair, to: Pubkey, lamports: int) -> Instruction:
    """A system transfer."""
    return transfer(TransferParams(from_pubkey=sender.pubkey(), to_pubkey=to, lamports=lamports))


def text(transaction: VersionedTransaction) -> str:
    """The base64 text of a transaction."""
    return base64.b64encode(bytes(transaction)).decode()


def some_program() -> bytes:
    """The ELF bytes of a real SBPF program: the memo program bundled with LiteSVM."""
    account = LiteSVM().get_account(MEMO)
    assert account is not None
    return account.data
