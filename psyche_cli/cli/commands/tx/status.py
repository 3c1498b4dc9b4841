"""``psyche-cli tx status``."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from psyche_cli.cli.options import StateDir, TransactionSignature
from psyche_cli.cli.sessions import Call, Reading, reads

if TYPE_CHECKING:
    from psyche_cli.operations.sessions import Session
    from psyche_cli.results import Result


@reads(example="psyche-cli tx status SIGNATURE")
def command(call: Call, signature: TransactionSignature, *, state_dir: StateDir = None) -> Reading:
    """Show what the cluster and the journal know about a transaction.

    Changes nothing. To determine the outcome of an unsettled transaction, use tx resume.
    """
    from psyche_cli.operations.journal import open_journal
    from psyche_cli.operations.signatures import parse_signature
    from psyche_cli.operations.transactions.status import transaction_status

    parsed = parse_signature(signature, call.environment.redactor)
    environment = call.environment

    def read(session: Session) -> Result:
        with closing(open_journal(environment, state_dir)) as journal:
            return transaction_status(session, journal, parsed)

    return read
