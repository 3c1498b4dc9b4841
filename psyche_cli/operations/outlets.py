"""Outlets, which take the transactions of an operation. The usual one sends them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from solders.instruction import Instruction

from psyche_cli.receipts import Receipt
from psyche_cli.results import Result
from psyche_cli.solana.sending.sender import Sender
from psyche_cli.solana.wallet import Wallet


class PlannedTransaction(NamedTuple):
    """A transaction that an operation requests.

    ``extra_signers`` sign it besides the wallet. ``creates`` are the accounts with their own key that it creates:
    address to role. ``pays_again`` is whether a repetition of the command would pay again. ``follows`` is whether it
    depends on the transaction before it, so that it cannot be simulated until that one has landed.
    """

    instructions: Sequence[Instruction]
    label: str
    extra_signers: Sequence[Wallet] = ()
    creates: Mapping[str, str] | None = None
    pays_again: bool = False
    follows: bool = False


class Outlet(Protocol):
    """Takes the transactions of an operation."""

    def deliver(self, transactions: Sequence[PlannedTransaction]) -> Iterator[Receipt]:
        """Yield the receipt of each transaction once it has landed, in order.

        An outlet that sends nothing takes all of them at once and raises Diverted.
        """
        ...


class Diverted(Exception):
    """Ends an operation whose transactions were not sent. ``result`` is the result of the command instead."""

    def __init__(self, result: Result) -> None:
        super().__init__("nothing was sent")
        self.result = result


class SendingOutlet:
    """Sends each transaction, signed by the wallet and its extra signers, before it takes the next one."""

    def __init__(self, sender: Sender, wallet: Wallet) -> None:
        self._sender = sender
        self._wallet = wallet

    def deliver(self, transactions: Sequence[PlannedTransaction]) -> Iterator[Receipt]:
        """Yield the receipt of each transaction once it has landed. Raises the errors of ``Sender.send``."""
        for transaction in transactions:
            yield self._sender.send(
                transaction.instructions,
                self._wallet,
                transaction.extra_signers,
                label=transaction.label,
                creates=transaction.creates,
                pays_again=transaction.pays_again,
            )
