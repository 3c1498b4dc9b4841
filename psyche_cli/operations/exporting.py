"""The outlet for transactions that are signed or sent elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from psyche_cli.operations.elsewhere import Elsewhere, Keys
from psyche_cli.operations.outlets import Compare, Diverted, Limit, PlannedTransaction, Request
from psyche_cli.operations.transactions.documents import TransactionDocument, export_result
from psyche_cli.receipts import Receipt
from psyche_cli.solana.sending.partly_signed import AbsentSigner, PartlySigned
from psyche_cli.solana.sending.sender import Sender
from psyche_cli.solana.sending.transaction import composed
from psyche_cli.suggestions import GivenOptions, shell_word


class ExportingOutlet:
    """Simulates the first transaction of an operation, and exports it instead of sending it.

    ``limit`` returns its blockhash or durable nonce; None stands for the latest blockhash.
    """

    def __init__(
        self,
        sender: Sender,
        keys: Keys,
        elsewhere: Elsewhere,
        compare: Compare,
        request: Request,
        given: GivenOptions,
        *,
        limit: Callable[[], Limit],
    ) -> None:
        self._sender = sender
        self._keys = keys
        self._elsewhere = elsewhere
        self._compare = compare
        self._request = request
        self._given = given
        self._limit = limit

    def deliver(self, transactions: Sequence[PlannedTransaction]) -> Iterator[Receipt]:
        """Raises Diverted with the first transaction, and the errors of a simulation."""
        first, creates = transactions[0], transactions[0].creates or {}
        limit = self._limit()
        prepared = self._sender.prepare(
            first.instructions,
            self._keys.payer.address,
            label=first.label,
            limit=limit,
            check=self._compare(first, limit),
        )
        message = composed(prepared.instructions, prepared.payer, prepared.blockhash.hash)
        # The key of a new account exists only here and now, so it always signs.
        signers = [one for one in first.extra_signers if str(one.address) in creates]
        if self._elsewhere.mode == "sign-only":
            at_hand = [one for one in self._keys.all if not isinstance(one, AbsentSigner)]
            signers += [*at_hand, *first.extra_signers]
        document = TransactionDocument(
            PartlySigned(message, {}).signed_by(*signers),
            label=first.label,
            command=self._request.command,
            run_id=self._request.run_id,
            intent=self._request.intent,
            authority=str(self._keys.authority.address),
            genesis_hash=str(self._sender.identify_cluster()),
            last_valid_block_height=prepared.blockhash.last_valid_block_height,
            created_accounts=creates,
            pays_again=first.pays_again,
        ).signed_with(self._elsewhere.signatures)
        raise Diverted(
            export_result(
                document,
                self._elsewhere.output_file,
                reveal=self._request.reveal,
                warnings=_warnings(len(transactions)),
                steps=self._steps(document.transaction),
            )
        )

    def _steps(self, transaction: PartlySigned) -> tuple[str, ...]:
        """The commands that sign and send the exported file."""
        if self._elsewhere.output_file is None:
            return ()
        file = str(self._elsewhere.output_file)
        sign = (f"psyche-cli tx sign {shell_word(file)} -o FILE",) if transaction.missing else ()
        return (*sign, self._given.command("tx send", file if not transaction.missing else "FILE"))


def _warnings(count: int) -> tuple[str, ...]:
    if count == 1:
        return ()
    first = f"The command takes {count} transactions, and this is the first one."
    return (f"{first} Once it has landed, run the command again for the next one.",)
