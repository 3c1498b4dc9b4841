"""The accounts of a transaction as its plan predicts them.

An operation describes the effects of its transaction as a function that applies them to a ledger, which contains the
accounts as they were before. Every value that the programs set is predicted: a run's state by ``psyche_cli.model``,
with the clock of the simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

from solders.hash import Hash
from solders.pubkey import Pubkey

from psyche_cli.limits import TOKEN_ACCOUNT_BYTES
from psyche_cli.model.coordinator_model import apply
from psyche_cli.model.execution import Clock
from psyche_cli.model.instructions import Instruction
from psyche_cli.model.states import CoordinatorState
from psyche_cli.operations.effects.states import AccountState, Content
from psyche_cli.protocol.accounts.token_accounts import TokenAccount
from psyche_cli.solana.nonces import NONCE_BYTES, Nonce
from psyche_cli.solana.programs import NATIVE_MINT, SYSTEM_PROGRAM, TOKEN_PROGRAM
from psyche_cli.solana.rent import Rent

_Content = TypeVar("_Content")

NEW_VALUE: Final = Hash.default()
"""The planned value of a nonce that the transaction sets: any other than before, since it depends on the next block."""


class Unpredictable(Exception):
    """The effects do not apply to the accounts as they are. The text is a sentence with the reason."""


class Ledger:
    """Account states by address, None for those that do not exist.

    ``payer`` pays the fee and the rent. ``clock`` is that of the cluster. All methods raise Unpredictable if an account
    is not what they need.
    """

    def __init__(self, accounts: Mapping[Pubkey, AccountState | None], payer: Pubkey, clock: Clock) -> None:
        self.accounts = dict(accounts)
        self.payer = payer
        self.clock = clock

    def pay(self, recipient: Pubkey, lamports: int) -> None:
        """Transfer lamports from the payer; a negative amount is a refund."""
        self._add(self.payer, -lamports)
        self._add(recipient, lamports)

    def charge_fee(self, lamports: int) -> None:
        """Deduct the fee from the payer."""
        self._add(self.payer, -lamports)

    def create(self, address: Pubkey, *, owner: Pubkey, size: int, rent: Rent, content: Content) -> None:
        """Create an account with the minimum rent, which includes the lamports that the address already has."""
        present = self.accounts.get(address)
        if present is not None and (present.size > 0 or present.owner != SYSTEM_PROGRAM):
            raise Unpredictable(f"The account {address} already exists.")
        held = 0 if present is None else present.lamports
        needed = max(rent.exempt_minimum(size) - held, 0)
        self._add(self.payer, -needed)
        self.accounts[address] = AccountState(held + needed, owner, size, content)

    def resize(self, address: Pubkey, size: int, rent: Rent) -> None:
        """Change the size of an account.

        If it grows, the payer pays the missing rent. If it shrinks, the payer receives all but the minimum.
        """
        account = self._existing(address)
        if size == account.size:
            return
        missing = rent.exempt_minimum(size) - account.lamports
        self.pay(address, max(missing, 0) if size > account.size else missing)
        self.accounts[address] = self._existing(address)._replace(size=size)

    def close(self, address: Pubkey, recipient: Pubkey) -> None:
        """Delete an account; its lamports go to ``recipient``."""
        lamports = self._existing(address).lamports
        self.accounts[address] = None
        self._add(recipient, lamports)

    def change(self, address: Pubkey, change: Callable[[Any], Content]) -> None:
        """Replace the content of an account by what ``change`` makes of it."""
        account = self._existing(address)
        self.accounts[address] = account._replace(content=change(account.content))

    def run(self, address: Pubkey, *instructions: Instruction, signer: Pubkey) -> None:
        """Execute instructions of the coordinator on a coordinator account."""
        state = self._content(address, CoordinatorState)
        for instruction in instructions:
            outcome = apply(state, instruction, bytes(signer), self.clock)
            if not outcome.succeeded:
                reason = outcome.error.program_name if outcome.error is not None else outcome.abort
                raise Unpredictable(f"The program accepts an instruction that it should refuse ({reason}).")
            state = outcome.state
        self.change(address, lambda _: state)

    def create_token_account(self, address: Pubkey, *, owner: Pubkey, mint: Pubkey, rent: Rent) -> None:
        """Create an empty token account."""
        reserve = rent.exempt_minimum(TOKEN_ACCOUNT_BYTES) if mint == NATIVE_MINT else None
        content = TokenAccount(address, mint, owner, 0, None, native_reserve=reserve)
        self.create(address, owner=TOKEN_PROGRAM, size=TOKEN_ACCOUNT_BYTES, rent=rent, content=content)

    def create_nonce_account(self, address: Pubkey, *, authority: Pubkey, rent: Rent) -> None:
        """Create a nonce account with a new value."""
        content = Nonce(True, authority, NEW_VALUE, 0)
        self.create(address, owner=SYSTEM_PROGRAM, size=NONCE_BYTES, rent=rent, content=content)

    def advance_nonce(self, address: Pubkey) -> None:
        """Give a nonce account a new value."""
        nonce = self._content(address, Nonce)
        self.change(address, lambda _: nonce._replace(value=NEW_VALUE))

    def transfer_tokens(self, source: Pubkey, destination: Pubkey, amount: int) -> None:
        """Transfer base units between token accounts, which for wrapped SOL are also lamports."""
        is_native = self._content(source, TokenAccount).native_reserve is not None
        for address, change in ((source, -amount), (destination, amount)):
            self.add_tokens(address, change)
            if is_native:
                self._add(address, change)

    def add_tokens(self, address: Pubkey, amount: int) -> None:
        """Add base units to a token account; a negative amount is a deduction."""
        held = self._content(address, TokenAccount).amount
        self.change(address, lambda account: account._replace(amount=held + amount))

    def tokens(self, address: Pubkey) -> int:
        """The balance of a token account in base units."""
        return self._content(address, TokenAccount).amount

    def exists(self, address: Pubkey) -> bool:
        """Whether the account was created; lamports alone do not count."""
        account = self.accounts.get(address)
        return account is not None and account.size > 0

    def _content(self, address: Pubkey, kind: type[_Content]) -> _Content:
        content = self._existing(address).content
        if not isinstance(content, kind):
            raise Unpredictable(f"The account {address} has an unexpected type.")
        return content

    def _existing(self, address: Pubkey) -> AccountState:
        account = self.accounts.get(address)
        if account is None:
            raise Unpredictable(f"The account {address} does not exist.")
        return account

    def _add(self, address: Pubkey, lamports: int) -> None:
        account = self.accounts.get(address) or AccountState(0, SYSTEM_PROGRAM, 0, b"")
        after = account._replace(lamports=account.lamports + lamports)
        self.accounts[address] = None if after.lamports == 0 and after.size == 0 else after


Effects: TypeAlias = Callable[[Ledger], None]
"""Applies the planned effects of a transaction, except the fee, to the ledger."""
