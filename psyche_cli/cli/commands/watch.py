"""``psyche-cli watch``."""

from __future__ import annotations

from typing import Annotated, Any

from psyche_cli.cli.lifecycle_options import run_state_names
from psyche_cli.cli.options import FollowTimeout, RunId, TreasurerIndex, option
from psyche_cli.cli.sessions import Call, Reading, reads


@reads(example="psyche-cli watch --run-id my-run", follows=True)
def command(
    call: Call,
    *,
    run_id: RunId,
    until: Annotated[
        str | None,
        option(
            "--until",
            metavar="STATE[,STATE]",
            help="End once the run is in this state, or in one of these.",
            values=run_state_names,
        ),
    ] = None,
    timeout: FollowTimeout = None,
    treasurer_index: TreasurerIndex = None,
) -> Reading:
    """Watch a run: a live screen, or one JSON document per change.

    On a terminal, shows the screen of `show` and updates it. In a pipe or a file, or with --output json, prints one
    JSON document per line: first the status of the run, then every event. The exit code after Ctrl-C is 0, or 130 with
    --until. With --until, exits with 14 after --timeout, and with 15 if the run can no longer reach the state. Does not
    need a wallet.
    """
    from psyche_cli.cli.watching import show_events, show_screen
    from psyche_cli.durations import parse_time_limit
    from psyche_cli.operations.status.goals import Goal, parse_states
    from psyche_cli.operations.status.wait import LONGEST_WAIT
    from psyche_cli.operations.status.watch import watch_run

    goal = None if until is None else Goal(parse_states(until, "--until"))
    seconds = None if timeout is None else parse_time_limit(timeout, maximum=LONGEST_WAIT)
    environment = call.environment
    is_live = environment.can_redraw and not environment.output.as_json
    environment.output.as_lines = not is_live

    def watch(session: Any) -> Any:
        moments = watch_run(session, run_id=run_id, goal=goal, timeout=seconds, treasurer_index=treasurer_index)
        show = show_screen if is_live else show_events
        show(environment, session, moments, ends_with_ctrl_c=goal is None)

    return watch
