"""``psyche-cli decode``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from psyche_cli.cli.options import Argument, option
from psyche_cli.cli.sessions import Call, plain
from psyche_cli.results import Result


@plain(example="psyche-cli decode account.json | jq .accounts[0].content.status")
def command(
    call: Call,
    *,
    file: Annotated[Path, Argument(metavar="FILE", help="File with one or more accounts; - is standard input.")],
    full: Annotated[
        bool, option("--full", help="Print all values of a coordinator account, by their names in the program.")
    ] = False,
) -> Result:
    """Decode account bytes from a file as JSON.

    Decodes accounts of the Psyche programs offline, coordinator accounts in every known layout. FILE contains raw
    bytes, or their hexadecimal, base64 or base58 text, or the JSON of getAccountInfo, getProgramAccounts or
    `solana account --output json`.
    """
    from psyche_cli.operations.observe.decode import decode_file

    return decode_file(call.environment, file, full=full)
