"""The outlet of ``--dry-run``: transactions are simulated and compared with their plan, and their effects reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from solders.pubkey import Pubkey

from psyche_cli.operations.effects.payloads import DryRunData, SimulatedTransaction
from psyche_cli.operations.effects.report import effects_of, lines_of
from psyche_cli.operations.outlets import Compare, Diverted, Limit, PlannedTransaction
from psyche_cli.protocol.accounts.token_accounts import decode_mint
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult
from psyche_cli.solana.raw_account import taken
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.sending.sender import Sender


class DryRunOutlet:
    """Simulates the transactions of an operation, without keys, and ends it with their effects.

    ``payer`` pays. ``limit`` returns the blockhash or durable nonce; None stands for the latest blockhash. With
    ``logs``, human-readable output includes the programs' logs.
    """

    def __init__(
        self,
        sender: Sender,
        rpc: RpcClient,
        payer: Pubkey,
        compare: Compare,
        *,
        limit: Callable[[], Limit],
        logs: bool,
    ) -> None:
        self._sender = sender
        self._rpc = rpc
        self._payer = payer
        self._compare = compare
        self._limit = limit
        self._logs = logs

    def deliver(self, transactions: Sequence[PlannedTransaction]) -> Iterator[Receipt]:
        """Raises Diverted with the effects, and the errors that sending raises before the signature."""
        raise Diverted(self._result([self._simulated(transaction) for transaction in transactions]))

    def _simulated(self, transaction: PlannedTransaction) -> SimulatedTransaction:
        if transaction.follows:
            return SimulatedTransaction(
                transaction.label, False, False, fee_lamports=None, compute_units=None, accounts=[], logs=[]
            )
        limit = self._limit()
        comparison = self._compare(transaction, limit)
        prepared = self._sender.prepare(
            transaction.instructions, self._payer, label=transaction.label, limit=limit, check=comparison
        )
        observed = None if comparison is None else comparison.observed
        return SimulatedTransaction(
            label=transaction.label,
            simulated=True,
            compared=observed is not None,
            fee_lamports=prepared.fee_lamports,
            compute_units=prepared.simulation.units_consumed,
            accounts=[] if observed is None else effects_of(observed, self._decimals_of),
            logs=list(prepared.simulation.logs),
        )

    def _decimals_of(self, mint: Pubkey) -> int | None:
        """The decimals of a mint that the operation has read."""
        known = self._rpc.last_read(mint)
        found = None if known is None else taken(known[1])
        return None if found is None else decode_mint(found).decimals

    def _result(self, simulated: Sequence[SimulatedTransaction]) -> OperationResult[DryRunData]:
        count = sum(transaction.simulated for transaction in simulated)
        succeeds = "the transaction" if len(simulated) == 1 else f"{count} of {len(simulated)} transactions"

        def body(_columns: int, _utf8: bool) -> list[str]:
            return [line for transaction in simulated for line in lines_of(transaction, logs=self._logs)]

        return OperationResult(
            summary=f"Dry run: the simulation of {succeeds} succeeded. Nothing was sent.",
            data=DryRunData(dry_run=True, transactions=list(simulated)),
            body=body,
        )
