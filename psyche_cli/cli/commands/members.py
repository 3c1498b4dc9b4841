"""``psyche-cli members``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from psyche_cli.cli.options import RunId, TreasurerIndex, option
from psyche_cli.cli.sessions import Call, Reading, reads
from psyche_cli.results import PlainText

if TYPE_CHECKING:
    from psyche_cli.operations.sessions import Session
    from psyche_cli.results import Result

Column: TypeAlias = Literal[
    "wallet", "joined", "in-epoch", "health", "witnessed", "earned", "slashed", "claimed", "claimable"
]


@reads(example="psyche-cli members --run-id my-run --sort earned --descending")
def command(
    call: Call,
    *,
    run_id: RunId,
    sort: Annotated[
        Column | None,
        option("--sort", metavar="COLUMN", help="Sort by a column. By default, members are in the order of joining."),
    ] = None,
    descending: Annotated[bool, option("--descending", help="Reverse the order.")] = False,
    csv: Annotated[bool, option("--csv", help="Print CSV. Ignored with --output json.")] = False,
    treasurer_index: TreasurerIndex = None,
) -> Reading:
    """List the members of a run and what each has earned.

    Every wallet that ever joined is listed: the epoch that it has joined, whether it is in the epoch in progress, its
    health and, in parentheses, the round in which it left; for how many of the stored rounds (at most 4) it sent a
    witness record; and its rewards, in whole tokens or, without a treasurer, in points. Does not need a wallet.
    """
    from psyche_cli.operations.status.members import list_members, members_csv

    def read(session: Session) -> Result:
        result = list_members(
            session,
            run_id=run_id,
            treasurer_index=treasurer_index,
            sort=sort,
            descending=descending,
            fits_width=call.environment.stdout_is_terminal,
        )
        if csv and not call.environment.output.as_json:
            return PlainText(members_csv(result.data), result.data)
        return result

    return read
