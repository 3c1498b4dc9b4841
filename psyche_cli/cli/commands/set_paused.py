"""``psyche-cli set-paused``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import RunId, TreasurerIndex, option
from psyche_cli.cli.sessions import Writing, writes


@writes(example="psyche-cli set-paused --run-id my-run --resume")
def command(
    *,
    run_id: RunId,
    resume: Annotated[bool, option("--resume", help="Start or resume the run instead of pausing it.")] = False,
    treasurer_index: TreasurerIndex = None,
) -> Writing:
    """Pause a run, or start or resume it with --resume.

    A run in training pauses at the end of its epoch, which then pays no rewards. A run that is waiting for members or
    warming up pauses immediately.
    """
    from psyche_cli.operations.runs.set_paused import set_paused

    return lambda session: set_paused(session, run_id=run_id, treasurer_index=treasurer_index, paused=not resume)
