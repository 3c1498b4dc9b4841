"""What is notified of the events of a bank."""

from __future__ import annotations

from typing import Protocol

from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.history import TransactionRecord


class BankListener(Protocol):
    """Listener for bank events, called right after each event."""

    def on_transaction(self, record: TransactionRecord) -> None:
        """A transaction was executed."""
        ...

    def on_account(self, address: Pubkey) -> None:
        """An account was written without a transaction, or is the leader's and has earned fees in a slot that ends."""
        ...

    def on_block(self, block: Block) -> None:
        """A slot began."""
        ...

    def on_restore(self) -> None:
        """An earlier state was restored; every changed account has already been reported."""
        ...
