"""``psyche-cli tx resume``."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

from psyche_cli.cli.options import Argument, StateDir
from psyche_cli.cli.sessions import Call, Reading, reads

if TYPE_CHECKING:
    from psyche_cli.operations.sessions import Session
    from psyche_cli.results import Result


@reads(example="psyche-cli tx resume", settles=True)
def command(
    call: Call,
    signature: Annotated[
        str | None, Argument(metavar="[SIGNATURE]", help="The transaction; all unsettled ones by default.")
    ] = None,
    *,
    state_dir: StateDir = None,
) -> Reading:
    """Determine the outcome of unsettled transactions.

    While a transaction can still land, the recorded bytes are sent again; nothing is signed, so no wallet is needed.
    Ends with exit code 9 if an outcome remains unknown.
    """
    from psyche_cli.operations.journal import open_journal
    from psyche_cli.operations.signatures import parse_signature
    from psyche_cli.operations.transactions.resume import resume

    parsed = None if signature is None else parse_signature(signature, call.environment.redactor)
    environment = call.environment

    def read(session: Session) -> Result:
        with closing(open_journal(environment, state_dir)) as journal:
            return resume(session, journal, environment.clock, parsed, after_output=environment.after_output.append)

    return read
