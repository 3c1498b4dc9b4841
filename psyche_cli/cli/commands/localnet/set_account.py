"""``psyche-cli localnet set-account``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from psyche_cli.cli.options import Argument
from psyche_cli.cli.sessions import Reading, reads


@reads(example="psyche-cli localnet set-account ADDRESS account.json", local=True)
def command(
    *,
    address: Annotated[str, Argument(metavar="ADDRESS", help="Address of the account.")],
    file: Annotated[Path, Argument(metavar="FILE", help="Account file as written by `solana account --output json`.")],
) -> Reading:
    """Overwrite an account, bypassing all program rules."""
    from psyche_cli.operations.localnet.control import set_account

    return lambda session: set_account(session, address, file)
