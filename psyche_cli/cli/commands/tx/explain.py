"""``psyche-cli tx explain``."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

from psyche_cli.cli.options import Argument, Rpc, StateDir, option
from psyche_cli.cli.sessions import Call, given_options, plain
from psyche_cli.results import Result


@plain(example="psyche-cli tx explain SIGNATURE")
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
    offline: Annotated[bool, option("--offline", help="Make no requests: explain what the bytes say.")] = False,
    rpc: Rpc = None,
    state_dir: StateDir = None,
) -> Result:
    """Explain any transaction or message, before or after it was sent.

    Shows each instruction with its accounts and arguments, who has signed, the fee, the changes of balances and the run
    that it concerns. A transaction that has not landed is simulated, which changes nothing. With --verbose, the program
    logs are shown too. Without an endpoint, explains what the bytes alone say.
    """
    from psyche_cli.operations.journal import open_journal
    from psyche_cli.operations.sessions import reading_session
    from psyche_cli.operations.transactions.explain import Sources, explain
    from psyche_cli.operations.transactions.given_transaction import read_given
    from psyche_cli.protocol.programs import PUBLISHED

    environment = call.environment
    given = read_given(environment, transaction)
    with closing(open_journal(environment, state_dir)) as journal:
        if offline:
            return explain(given, Sources(journal, None, PUBLISHED), with_logs=environment.output.verbose)
        with reading_session(environment, rpc=rpc, given=given_options(call)) as session:
            sources = Sources(journal, session, session.programs)
            return explain(given, sources, with_logs=environment.output.verbose)
