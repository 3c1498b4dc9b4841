"""``psyche-cli tx explain``."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

from psyche_cli.cli.options import Argument, StateDir
from psyche_cli.cli.sessions import Call, Reading, reads

if TYPE_CHECKING:
    from psyche_cli.operations.sessions import Session
    from psyche_cli.results import Result


@reads(example="psyche-cli tx explain SIGNATURE", offline=True)
def command(
    call: Call,
    transaction: Annotated[
        str,
        Argument(
            metavar="SIGNATURE|BASE64|FILE",
            help="A signature, a transaction or message in base64 or base58, or a file that contains one; - is "
            "standard input.",
        ),
    ],
    *,
    state_dir: StateDir = None,
) -> Reading:
    """Explain any transaction or message, before or after it was sent.

    Shows each instruction with its accounts and arguments, who has signed, the fee, the balance changes and the run
    that it concerns. A transaction that has not landed is simulated, which changes nothing. With --verbose, the program
    logs are shown too. If no endpoint responds, explains only what the bytes themselves contain.
    """
    from psyche_cli.operations.journal import open_journal
    from psyche_cli.operations.transactions.explain import explain
    from psyche_cli.operations.transactions.given_transaction import read_given

    environment = call.environment
    given = read_given(environment, transaction)

    def read(session: Session | None) -> Result:
        with closing(open_journal(environment, state_dir)) as journal:
            return explain(given, journal, session, with_logs=environment.output.verbose)

    return read
