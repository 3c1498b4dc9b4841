"""What a validator in this process did to a run: what it was after each transaction that changed it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.model.from_account import state_from_account
from psyche_cli.operations.runs.find import token_amount
from psyche_cli.protocol.accounts.coordinator_account import decode_coordinator_account
from psyche_cli.protocol.accounts.small_accounts import decode_treasurer_run
from psyche_cli.solana.raw_account import RawAccount

if TYPE_CHECKING:
    from psyche_cli.model.states import CoordinatorState


class RunMoment(NamedTuple):
    """A run at one time. ``money`` are the treasurer's Run and the balance of its vault; empty without a treasurer."""

    state: CoordinatorState
    money: tuple[object, ...]


class RunHistory:
    """A listener of the bank. ``first`` is the run at ``address`` at the beginning, and ``moments`` are those after it.

    ``treasury`` are the addresses of the treasurer's Run and its vault.
    """

    def __init__(self, bank: Bank, address: Pubkey, treasury: tuple[Pubkey, Pubkey] | None = None) -> None:
        self.moments: list[RunMoment] = []
        self._bank = bank
        self._address = address
        self._treasury = treasury
        first = self._latest = self._read()
        assert first is not None
        self.first = first
        bank.listeners.append(self)

    def on_transaction(self, record: TransactionRecord) -> None:
        """Record the run, unless the transaction has left it as it was."""
        if not {self._address, *(self._treasury or ())} & {*record.changed}:
            return
        moment = self._read()
        if moment is not None and moment != self._latest:
            self.moments.append(moment)
        self._latest = moment

    @property
    def states(self) -> list[CoordinatorState]:
        """The state at each of the moments."""
        return [moment.state for moment in self.moments]

    @property
    def is_closed(self) -> bool:
        """Whether the run was closed."""
        return self._latest is None

    def on_account(self, address: Pubkey) -> None: ...

    def on_block(self, block: Block) -> None: ...

    def on_restore(self) -> None: ...

    def _read(self) -> RunMoment | None:
        raw = self._account(self._address)
        if raw is None:
            return None
        state = state_from_account(decode_coordinator_account(raw))
        if self._treasury is None:
            return RunMoment(state, ())
        run, vault = map(self._account, self._treasury)
        assert run is not None
        return RunMoment(state, (decode_treasurer_run(run), token_amount(vault)))

    def _account(self, address: Pubkey) -> RawAccount | None:
        account = self._bank.accounts.get(address)
        if account is None:
            return None
        return RawAccount(address, account.owner, account.lamports, bytes(account.data), executable=False)
