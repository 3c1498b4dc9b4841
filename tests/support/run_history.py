"""What a validator in this process did to a run: its state after each transaction that changed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.model.from_account import state_from_account
from psyche_cli.protocol.accounts.coordinator_account import decode_coordinator_account
from psyche_cli.solana.raw_account import RawAccount

if TYPE_CHECKING:
    from psyche_cli.model.states import CoordinatorState


class RunHistory:
    """A listener of the bank. ``first`` is the state of the run at ``address``, and ``states`` are those after it."""

    def __init__(self, bank: Bank, address: Pubkey) -> None:
        self.states: list[CoordinatorState] = []
        self._bank = bank
        self._address = address
        first = self._latest = self._read()
        assert first is not None
        self.first = first
        bank.listeners.append(self)

    def on_transaction(self, record: TransactionRecord) -> None:
        """Record the state, unless the transaction has left it as it was."""
        if self._address not in record.changed:
            return
        state = self._read()
        if state is not None and state != self._latest:
            self.states.append(state)
        self._latest = state

    @property
    def is_closed(self) -> bool:
        """Whether the run was closed."""
        return self._latest is None

    def on_account(self, address: Pubkey) -> None: ...

    def on_block(self, block: Block) -> None: ...

    def on_restore(self) -> None: ...

    def _read(self) -> CoordinatorState | None:
        account = self._bank.accounts.get(self._address)
        if account is None:
            return None
        raw = RawAccount(self._address, account.owner, account.lamports, bytes(account.data), executable=False)
        return state_from_account(decode_coordinator_account(raw))
