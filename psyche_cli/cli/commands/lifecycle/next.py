"""``psyche-cli lifecycle next``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.lifecycle_options import MachineName, StateName
from psyche_cli.cli.options import option
from psyche_cli.cli.sessions import plain
from psyche_cli.results import Result


@plain(example="psyche-cli lifecycle next psyche-run Cooldown --given cooldown-over,not-pause-pending")
def command(
    *,
    machine: MachineName,
    state: StateName,
    given: Annotated[
        str | None,
        option(
            "--given",
            metavar="CONDITION,...",
            help="Conditions that hold, or with the prefix not- do not hold. All others are unknown.",
        ),
    ] = None,
) -> Result:
    """List what can happen next in a state, under given conditions."""
    from psyche_cli.operations.lifecycle.describe import next_states

    return next_states(machine, state, [one.strip() for one in (given or "").split(",") if one.strip()])
