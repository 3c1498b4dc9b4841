"""``psyche-cli lifecycle crynux-group``."""

from __future__ import annotations

from typing import Annotated, Literal

from psyche_cli.cli.options import Argument, option
from psyche_cli.cli.sessions import Call, plain
from psyche_cli.limits import U32_MAX
from psyche_cli.results import Result

_EXAMPLE = "ScoreReady:0a0b0c0d0e0f1011 ScoreReady:0a0b0c0d0e0f1012 ErrorReported"


@plain(example=f"psyche-cli lifecycle crynux-group {_EXAMPLE}")
def command(
    call: Call,
    *,
    tasks: Annotated[
        list[str],
        Argument(
            metavar="TASK...",
            help="Three tasks, each STATE[:SCORE][@NUMBER]: the score in hexadecimal, and the sequence number "
            "(contract) or execution time (relay) of the task.",
        ),
    ],
    threshold: Annotated[
        int,
        option(
            "--threshold",
            metavar="BITS",
            help="Image scores match if fewer bits than this differ in every block of 8 bytes.",
            min=0,
            max=U32_MAX,
        ),
    ] = 24,
    rules: Annotated[
        Literal["page", "contract", "relay"],
        option("--rules", help="Rules of the documentation page, the contract, or the relay.", case_sensitive=False),
    ] = "page",
    scores: Annotated[
        Literal["image", "text"],
        option("--scores", help="Whether the scores are of images or of texts.", case_sensitive=False),
    ] = "image",
) -> Result:
    """Show how the Crynux network validates a group of three tasks."""
    from psyche_cli.lifecycle.crynux_group import GROUP_STATES, Rules, ScoreKind
    from psyche_cli.operations.lifecycle.crynux import EXAMPLE, crynux_group

    # Scores side by side look like a key in pieces, which shares parts with the names of states and with the example.
    for text in (*GROUP_STATES, EXAMPLE):
        call.environment.redactor.unlearn(text)
    return crynux_group(tasks, rules=Rules(rules), kind=ScoreKind(scores), threshold=threshold)
