"""Options of the verbs that find a running local validator by its ready file, or wait for one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from psyche_cli.cli.options import option
from psyche_cli.cli.sessions import Call
from psyche_cli.errors import UsageError

ReadyFile = Annotated[
    Path | None,
    option(
        "--ready-file",
        metavar="FILE",
        help="The --ready-file of the local validator, which contains its URL, in place of --rpc.",
    ),
]
WaitTimeout = Annotated[
    str, option("--timeout", metavar="DURATION", help="Maximum time to wait: seconds, or a duration such as 90s or 2m.")
]


def exclude_rpc(call: Call) -> None:
    """Raise UsageError if an RPC URL was given in addition to a ready file."""
    if "rpc" in call.typed:
        raise UsageError("--rpc and --ready-file cannot be combined.", hint="The ready file contains the URL.")
