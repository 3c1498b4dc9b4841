"""Outlets, which take the transactions of an operation. The usual one sends them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.operations.effects.comparison import Comparison
from psyche_cli.operations.effects.ledger import Effects, Ledger
from psyche_cli.protocol.programs import ProgramIds
from psyche_cli.receipts import Receipt
from psyche_cli.results import Result
from psyche_cli.solana.nonces import NonceUse
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.types import Blockhash
from psyche_cli.solana.sending.sender import Sender
from psyche_cli.solana.sending.transaction import Signer, writable_accounts


class Request(NamedTuple):
    """What the user requested, for the journal: the verb, the run, and the request as canonical JSON.

    ``reveal`` receives texts that look like a secret but are public.
    """

    command: str
    run_id: str | None
    intent: str
    reveal: Callable[[str], None] = lambda _: None


NO_REQUEST: Final = Request("", None, "")
"""The request of a caller of the library."""


class PlannedTransaction(NamedTuple):
    """A transaction that an operation requests.

    ``expected`` are its effects, with which its simulation is compared before it is signed; None for no comparison.
    ``extra_signers`` sign it besides the wallet. ``creates`` are the accounts with their own key that it creates:
    address to role. ``pays_again`` is whether a repetition of the command would pay again. ``follows`` is whether it
    depends on the transaction before it, so that it cannot be simulated until that one has landed.
    """

    instructions: Sequence[Instruction]
    label: str
    expected: Effects | None = None
    extra_signers: Sequence[Signer] = ()
    creates: Mapping[str, str] | None = None
    pays_again: bool = False
    follows: bool = False


Limit: TypeAlias = Blockhash | NonceUse | None
"""The blockhash or durable nonce of a transaction; None stands for the latest blockhash."""

Compare: TypeAlias = Callable[[PlannedTransaction, Limit], Comparison | None]
"""Makes the comparison for a transaction with this limit; None if its effects are not known."""


def comparing(rpc: RpcClient, programs: ProgramIds, payer: Pubkey, warn: Callable[[str], None]) -> Compare:
    """Comparisons with what ``rpc`` has read. ``warn`` receives a line, once, if the node does not allow them."""
    warned: list[str] = []

    def warn_once(line: str) -> None:
        if not warned:
            warned.append(line)
            warn(line)

    def compare(transaction: PlannedTransaction, limit: Limit) -> Comparison | None:
        expected = transaction.expected
        if expected is None:
            return None
        written = writable_accounts(transaction.instructions, payer)
        if isinstance(limit, NonceUse):
            expected = _with_nonce(expected, limit.account)
            written = tuple(dict.fromkeys((*written, limit.account)))
        created = [Pubkey.from_string(address) for address in transaction.creates or {}]
        return Comparison(rpc, programs, expected, written, created, warn_once)

    return compare


def _with_nonce(expected: Effects, account: Pubkey) -> Effects:
    """The effects of a transaction that first of all advances this nonce account."""

    def effects(ledger: Ledger) -> None:
        ledger.advance_nonce(account)
        expected(ledger)

    return effects


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
    """Sends each transaction, signed by the ``payer`` and by others, before it takes the next one.

    ``signers`` sign besides the extra signers of a transaction. ``limit`` returns the blockhash or durable nonce of the
    next transaction; None stands for the latest blockhash.
    """

    def __init__(
        self,
        sender: Sender,
        payer: Signer,
        compare: Compare,
        signers: Sequence[Signer] = (),
        *,
        limit: Callable[[], Limit] = lambda: None,
    ) -> None:
        self._sender = sender
        self._payer = payer
        self._compare = compare
        self._signers = signers
        self._limit = limit

    def deliver(self, transactions: Sequence[PlannedTransaction]) -> Iterator[Receipt]:
        """Yield the receipt of each transaction once it has landed. Raises the errors of ``Sender.send``."""
        for transaction in transactions:
            limit = self._limit()
            comparison = self._compare(transaction, limit)
            receipt = self._sender.send(
                transaction.instructions,
                self._payer,
                [*self._signers, *transaction.extra_signers],
                label=transaction.label,
                creates=transaction.creates,
                pays_again=transaction.pays_again,
                check=comparison,
                limit=limit,
            )
            if comparison is not None:
                comparison.remember(receipt.slot)
            yield receipt
