"""Sign an exported transaction, offline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from psyche_cli.confirmation import Confirm
from psyche_cli.errors import Refused
from psyche_cli.operations.transactions.documents import TransactionDocument, export_result, who_signs
from psyche_cli.operations.transactions.payloads import ExportedTransaction
from psyche_cli.operations.transactions.words import what_it_does
from psyche_cli.results import OperationResult
from psyche_cli.solana.wallet import Wallet
from psyche_cli.suggestions import shell_word


def sign_document(
    document: TransactionDocument,
    wallet: Wallet,
    *,
    ask: Confirm,
    notify: Callable[[str], None],
    reveal: Callable[[str], None],
    output_file: Path | None,
) -> OperationResult[ExportedTransaction]:
    """Show what a transaction does, ask, and add the wallet's signature. Makes no requests.

    Raises Refused if the wallet is not one of the signers, NotConfirmed, and UsageError for the file.
    """
    transaction = document.transaction
    if wallet.address not in transaction.signers:
        raise Refused(f"The wallet {wallet.address} is not a signer of this transaction.", hint=who_signs(transaction))
    for line in what_it_does(transaction):
        notify(line)
    ask(f"This signs the transaction with {wallet.address}.")
    signed = document._replace(transaction=transaction.signed_by(wallet))
    return export_result(signed, output_file, reveal=reveal, verb="Signed", steps=_steps(output_file))


def _steps(output_file: Path | None) -> Sequence[str]:
    return () if output_file is None else (f"psyche-cli tx send {shell_word(str(output_file))}",)
