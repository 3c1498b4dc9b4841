"""``psyche-cli json-dump-user``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import RunId, TreasurerIndex, option
from psyche_cli.cli.sessions import Reading, reads


@reads(example="psyche-cli json-dump-user --run-id my-run --address PUBKEY")
def command(
    *,
    run_id: RunId,
    address: Annotated[
        str,
        option(
            "--address",
            "--wallet",
            "--user",
            metavar="PUBKEY",
            help="Public key of the member.",
        ),
    ],
    treasurer_index: TreasurerIndex = None,
) -> Reading:
    """Print the full state of one member as JSON.

    Does not need a wallet.
    """
    from psyche_cli.operations.observe.json_dump import dump_user

    return lambda session: dump_user(session, run_id=run_id, treasurer_index=treasurer_index, address=address)
