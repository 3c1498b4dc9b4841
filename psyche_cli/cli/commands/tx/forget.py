"""``psyche-cli tx forget``."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

from psyche_cli.cli.options import StateDir, TransactionSignature, option
from psyche_cli.cli.sessions import Call, Reading, reads

if TYPE_CHECKING:
    from psyche_cli.operations.sessions import Session
    from psyche_cli.results import Result


@reads(example="psyche-cli tx forget SIGNATURE", settles=True)
def command(
    call: Call,
    signature: TransactionSignature,
    *,
    yes: Annotated[bool, option("--yes", "-y", help="Forget it even if it may still land.")] = False,
    state_dir: StateDir = None,
) -> Reading:
    """Stop waiting for the outcome of a transaction.

    An unsettled transaction holds up a repetition of its command until its outcome is known. This command lets the
    repetition go ahead. Refuses a transaction that may still land, unless --yes is given.
    """
    from psyche_cli.operations.journal import open_journal
    from psyche_cli.operations.transactions.forget import forget
    from psyche_cli.operations.transactions.records import parse_signature

    parsed = parse_signature(signature, call.environment.redactor)
    environment = call.environment

    def read(session: Session) -> Result:
        with closing(open_journal(environment, state_dir)) as journal:
            return forget(session, journal, parsed, agreed=yes)

    return read
