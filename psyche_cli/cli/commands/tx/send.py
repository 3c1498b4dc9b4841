"""``psyche-cli tx send``."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from psyche_cli.cli.options import Argument, SignatureElsewhere, StateDir
from psyche_cli.cli.sessions import Call, Reading, reads

if TYPE_CHECKING:
    from psyche_cli.operations.sessions import Session
    from psyche_cli.results import Result


@reads(example="psyche-cli tx send signed.json", settles=True)
def command(
    call: Call,
    *,
    files: Annotated[
        list[Path],
        Argument(
            metavar="FILE...",
            help="Exported transaction, or its base64 text; - is standard input. The signatures of several files of "
            "the same transaction are merged.",
        ),
    ],
    signer: SignatureElsewhere = None,
    state_dir: StateDir = None,
) -> Reading:
    """Send a transaction that was signed elsewhere.

    Verifies all signatures, simulates the transaction, records it in the journal, and waits until it has landed. Safe
    to repeat: a transaction lands only once. Nothing is signed, so no wallet is needed.
    """
    from psyche_cli.operations.elsewhere import parse_signers
    from psyche_cli.operations.journal import open_journal
    from psyche_cli.operations.transactions.documents import read_documents
    from psyche_cli.operations.transactions.send import send_document

    environment = call.environment
    document = read_documents(environment, files).signed_with(parse_signers(environment, signer or ()))
    document.transaction.require_complete()

    def read(session: Session) -> Result:
        with closing(open_journal(environment, state_dir)) as journal:
            return send_document(session, environment, journal, document)

    return read
