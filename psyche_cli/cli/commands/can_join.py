"""``psyche-cli can-join``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import RunId, option
from psyche_cli.cli.sessions import Reading, reads


@reads(example="psyche-cli can-join --run-id my-run --address PUBKEY")
def command(
    *,
    run_id: RunId,
    address: Annotated[
        str, option("--address", "--wallet", "--user", metavar="PUBKEY", help="The key that wants to join.")
    ],
    authorizer: Annotated[
        str | None,
        option(
            "--authorizer",
            metavar="PUBKEY",
            help="Grantee that may have the key among its delegates. The authorizations for everyone and for the key "
            "itself are always tried.",
        ),
    ] = None,
) -> Reading:
    """Check whether a key can join a run now.

    If it cannot, lists every reason: the key is not authorized or is already in the current epoch, or the run is halted
    or full. Exits with code 0 if it can, and 1 otherwise. Does not need a wallet.
    """
    from psyche_cli.operations.observe.can_join import can_join
    from psyche_cli.protocol.addresses import parse_pubkey

    key = parse_pubkey(address, "--address")
    grantee = None if authorizer is None else parse_pubkey(authorizer, "--authorizer")
    return lambda session: can_join(session, run_id=run_id, address=key, authorizer=grantee)
