"""A sender in front of a scripted cluster, for all tests of sending."""

import base64
from typing import Any

import pytest
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import TransferParams, transfer
from solders.transaction import Transaction

from psyche_cli.errors import (
    PsycheError,
    TimedOut,
    Unreachable,
)
from psyche_cli.receipts import Receipt
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.sending.sender import WRITING_SECONDS, Sender
from psyche_cli.solana.wallet import Wallet

from .scripted import FakeClock, ScriptedCluster, scripted_answers

WALLET = Wallet(Keypair.from_seed(bytes(range(32))), "a test")
PAYMENT = transfer(TransferParams(from_pubkey=WALLET.address, to_pubkey=Pubkey.from_bytes(bytes(32)), lamports=5))
CUSTOM = {"InstructionError": [0, {"Custom": 1}]}
REFUSED = Unreachable("refused", request_sent=False)
BROKEN = Unreachable("broke", request_sent=True)
SLOW = TimedOut("slow", request_sent=True)


class Stage:
    """A sender with a scripted cluster, and its notices."""

    def __init__(self, deadline: float = WRITING_SECONDS, **settings: Any) -> None:
        self.clock = FakeClock()
        self.cluster = ScriptedCluster(self.clock)
        self.notes: list[str] = []
        self.sender = Sender(
            RpcClient(self.cluster, self.clock), self.clock, self.notes.append, deadline_seconds=deadline, **settings
        )

    def on(self, method: str, *answers: Any) -> None:
        self.cluster.handlers[method] = scripted_answers(list(answers))

    def status(self, known: bool, reached: str = "confirmed", err: Any = None, slot: int | None = None) -> Any:
        return lambda params: self.cluster.status(known, reached, err, slot)

    def accepting_then(self, *answers: Any) -> None:
        """Accept the transaction each time, with the given responses to sendTransaction."""
        turns = scripted_answers(list(answers))

        def handler(params: list[Any]) -> Any:
            signature = self.cluster.accept(params)
            answer = turns(params)
            return signature if answer is None else answer

        self.cluster.handlers["sendTransaction"] = handler

    def send(self, *instructions: Instruction, label: str = "payment") -> Receipt:
        return self.sender.send(instructions or [PAYMENT], WALLET, label=label)

    def fails(self, kind: type[PsycheError]) -> Any:
        """The error raised by sending, of exactly this type."""
        with pytest.raises(PsycheError) as caught:
            self.send()
        assert type(caught.value) is kind, caught.value
        return caught.value

    @property
    def elapsed(self) -> float:
        return self.clock.now - self.cluster.started

    @property
    def signature(self) -> str:
        return str(self.last("sendTransaction").signatures[0])

    def last(self, method: str) -> Transaction:
        """The transaction of the last request that asked to send or simulate one."""
        [*_, params] = [params for name, params in self.cluster.calls if name == method]
        return Transaction.from_bytes(base64.b64decode(params[0]))


def assert_one_transaction(stage: Stage) -> None:
    """Assert that all sent bytes are the same, and that their message was simulated, except for its blockhash."""
    assert len(set(stage.cluster.sent)) <= 1
    simulated = stage.last("simulateTransaction")
    assert simulated.signatures == [Signature.default()] * len(simulated.signatures)
    assert simulated.message.recent_blockhash == Hash.default()
    for raw in stage.cluster.sent:
        sent = Transaction.from_bytes(raw)
        sent.verify()
        message = bytes(sent.message).replace(bytes(sent.message.recent_blockhash), bytes(32))
        assert message == bytes(simulated.message)


def slowly(stage: Stage, method: str, seconds: float) -> None:
    """Delay every response to ``method`` by the given time, at most until the timeout."""
    inner = stage.cluster.handlers[method]

    def handler(params: list[Any]) -> Any:
        allowed = stage.cluster.timeouts[-1]
        stage.clock.now += min(seconds, allowed)
        if seconds > allowed:
            raise SLOW
        return inner(params)

    stage.cluster.handlers[method] = handler
