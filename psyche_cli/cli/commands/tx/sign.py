"""``psyche-cli tx sign``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from psyche_cli.cli.options import Argument, OutputFile, WalletPath, Yes
from psyche_cli.cli.sessions import Call, plain
from psyche_cli.results import Result


@plain(example="psyche-cli tx sign unsigned.json -w key.json -o signed.json")
def command(
    call: Call,
    *,
    files: Annotated[
        list[Path], Argument(metavar="FILE...", help="Exported transaction; several files of the same one are merged.")
    ],
    wallet: WalletPath = None,
    output_file: OutputFile = None,
    yes: Yes = False,
) -> Result:
    """Sign an exported transaction, offline.

    Shows what the transaction does, decoded from its message, and asks before it signs. Makes no requests, so it works
    on a computer without a network. Prints the signature and the message, or writes them to a new file for tx send.
    """
    from psyche_cli.confirmation import asking
    from psyche_cli.operations.transactions.documents import read_documents
    from psyche_cli.operations.transactions.sign import sign_document
    from psyche_cli.solana.wallet import load_wallet

    environment = call.environment
    document = read_documents(environment, files)
    return sign_document(
        document,
        load_wallet(environment, wallet, environment.diagnostics.line),
        ask=asking(environment, agreed=yes),
        notify=environment.diagnostics.line,
        reveal=environment.redactor.unlearn,
        output_file=output_file,
    )
