"""Executing recorded sequences on the built programs."""

from __future__ import annotations

from solders.pubkey import Pubkey

from .chain import ASSOCIATED_TOKEN, AUTHORIZER, COORDINATOR, SYSTEM, TOKEN, TREASURER, Chain
from .recorded_answers import NOTHING, Answer, Call, Image, Put, Sequence, comparable

PROGRAMS = {COORDINATOR, AUTHORIZER, TREASURER, TOKEN, ASSOCIATED_TOKEN, SYSTEM}
"""They never change, even if an instruction lists them as writable."""


class Replay:
    """A chain on which sequences are executed one after another."""

    def __init__(self) -> None:
        self.chain = Chain()
        self.touched: set[Pubkey] = set()

    def begin(self) -> None:
        """Remove all accounts that the steps have touched."""
        for address in self.touched:
            self._put(address, NOTHING)
        self.touched.clear()

    def execute(self, step: Put | Call) -> Answer | None:
        """Execute one step; its outcome if it is an instruction."""
        if isinstance(step, Put):
            self._put(step.address, step.image)
            return None
        chain, instruction = self.chain, step.instruction
        chain.set_clock(step.unix_timestamp, step.slot)
        outcome = chain.send(instruction)
        after: dict[Pubkey, Image] = {}
        for meta in instruction.accounts if outcome.code is None else ():
            if meta.is_writable and meta.pubkey not in PROGRAMS:
                self.touched.add(meta.pubkey)
                after[meta.pubkey] = self._image(meta.pubkey)
        return Answer(outcome.code, comparable(outcome.logs, outcome.code), after)

    def answers(self, sequence: Sequence) -> Sequence:
        """The same sequence with the outcomes of the built programs."""
        self.begin()
        steps: list[Put | tuple[Call, Answer]] = []
        for step in sequence.steps:
            if isinstance(step, Put):
                self.execute(step)
                steps.append(step)
                continue
            answer = self.execute(step[0])
            assert answer is not None
            steps.append((step[0], answer))
        return Sequence(sequence.title, tuple(steps))

    def _put(self, address: Pubkey, image: Image) -> None:
        self.touched.add(address)
        self.chain.put(address, image.data, image.owner, image.lamports)

    def _image(self, address: Pubkey) -> Image:
        account = self.chain.svm.get_account(address)
        if account is None or account.lamports == 0:
            return NOTHING
        return Image(account.lamports, account.owner, bytes(account.data))
