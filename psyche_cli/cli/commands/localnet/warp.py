"""``psyche-cli localnet warp``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import Argument, option
from psyche_cli.cli.sessions import Reading, reads


@reads(example="psyche-cli localnet warp 1h30m", local=True)
def command(
    *,
    duration: Annotated[
        str | None,
        Argument(
            metavar="DURATION",
            help="Time to advance, with the slots it contains: seconds, or a duration such as 45s, 90m, 1h30m or 2d.",
        ),
    ] = None,
    slots: Annotated[
        int | None,
        option(
            "--slots",
            metavar="N",
            help="Slots to advance without changing the time; 151 expire every blockhash.",
            min=0,
        ),
    ] = None,
) -> Reading:
    """Advance the clock or the slot."""
    from psyche_cli.operations.localnet.control import warp

    return lambda session: warp(session, duration=duration, slots=slots)
