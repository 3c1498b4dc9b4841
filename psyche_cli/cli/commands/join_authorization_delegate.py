"""``psyche-cli join-authorization-delegate``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import option
from psyche_cli.cli.sessions import Writing, writes
from psyche_cli.errors import NothingToDo

_EXAMPLE = (
    "psyche-cli join-authorization-delegate --join-authority PUBKEY --delegates-clear --delegates-added PUBKEY PUBKEY"
)


@writes(
    example=_EXAMPLE,
    open_options=("--delegates-added", "--delegate-added", "--delegates-removed", "--delegate-removed"),
)
def command(
    *,
    join_authority: Annotated[str, option("--join-authority", metavar="PUBKEY", help="Grantor of the authorization.")],
    delegates_clear: Annotated[
        bool, option("--delegates-clear", help="Remove all current delegates, except those that are added again.")
    ] = False,
    delegates_added: Annotated[
        list[str] | None,
        option("--delegates-added", "--delegate-added", metavar="PUBKEY...", help="Delegates to add."),
    ] = None,
    delegates_removed: Annotated[
        list[str] | None,
        option("--delegates-removed", "--delegate-removed", metavar="PUBKEY...", help="Delegates to remove."),
    ] = None,
) -> Writing:
    """Change the delegates of an authorization granted to the wallet.

    Delegates may join on behalf of the wallet. To replace all of them, combine --delegates-clear and --delegates-added.
    The account is resized with the list: the wallet pays or recovers the rent. Safe to repeat.
    """
    from psyche_cli.operations.authorizations.delegate import change_delegates
    from psyche_cli.protocol.addresses import parse_pubkey

    grantor = parse_pubkey(join_authority, "--join-authority")
    added = [parse_pubkey(key, "--delegates-added") for key in delegates_added or ()]
    removed = [parse_pubkey(key, "--delegates-removed") for key in delegates_removed or ()]
    if not (delegates_clear or added or removed):
        raise NothingToDo(
            "No change to the delegates was specified.", hint="Use --delegates-added or --delegates-clear."
        )
    return lambda session: change_delegates(
        session, grantor=grantor, clear=delegates_clear, added=added, removed=removed
    )
