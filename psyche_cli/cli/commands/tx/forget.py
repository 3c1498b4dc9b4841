"""``psyche-cli tx forget``."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

from psyche_cli.cli.options import Argument, StateDir, option
from psyche_cli.cli.sessions import Call, Reading, reads
from psyche_cli.durations import parse_duration
from psyche_cli.errors import UsageError

if TYPE_CHECKING:
    from psyche_cli.operations.sessions import Session
    from psyche_cli.results import Result

_LONGEST_AGE = 100 * 365 * 86_400


@reads(example="psyche-cli tx forget SIGNATURE", settles=True)
def command(
    call: Call,
    signature: Annotated[
        str | None, Argument(metavar="[SIGNATURE]", help="The transaction whose outcome does not matter.")
    ] = None,
    *,
    settled: Annotated[bool, option("--settled", help="Remove old settled transactions instead.")] = False,
    older_than: Annotated[
        str | None,
        option(
            "--older-than",
            metavar="DURATION",
            help="Minimum age of transactions to remove, such as 30d. Defaults to 90d.",
        ),
    ] = None,
    yes: Annotated[bool, option("--yes", "-y", help="Forget it even if it may still land.")] = False,
    state_dir: StateDir = None,
) -> Reading:
    """Stop waiting for the outcome of a transaction.

    An unsettled transaction blocks its command from being repeated until its outcome is known; this removes the block.
    Refuses a transaction that may still land, unless --yes is given.

    With --settled, removes settled transactions older than 90 days from the journal, but never unsettled ones.
    """
    from psyche_cli.operations.journal import open_journal
    from psyche_cli.operations.signatures import parse_signature
    from psyche_cli.operations.transactions.forget import forget, forget_settled

    environment = call.environment
    if (signature is None) is not settled:
        raise UsageError(
            "Specify either a signature or --settled.", hint="To list the transactions: psyche-cli tx list --all"
        )
    if older_than is not None and not settled:
        raise UsageError("--older-than requires --settled.")
    seconds = parse_duration(older_than or "90d", "--older-than", maximum=_LONGEST_AGE)
    parsed = None if signature is None else parse_signature(signature, environment.redactor)

    def read(session: Session) -> Result:
        with closing(open_journal(environment, state_dir)) as journal:
            if parsed is None:
                return forget_settled(journal, environment.clock, older_than=seconds)
            return forget(session, journal, parsed, agreed=yes)

    return read
