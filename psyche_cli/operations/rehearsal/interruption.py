"""What an interrupted rehearsal says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psyche_cli.errors import Interrupted
from psyche_cli.suggestions import shell_word


@contextmanager
def explaining_interruptions(run_id: str | None) -> Iterator[None]:
    """Turn KeyboardInterrupt into Interrupted. ``run_id``: the run that was rehearsed, if it existed before.

    Members of a run that existed may have sent transactions. Those of a run that was made for the rehearsal ended with
    its validator.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        if run_id is None:
            hint = "Its workers and its validator were stopped. Nothing was sent to another cluster."
            raise Interrupted.by(stop, "The rehearsal was interrupted.", hint=hint, sent=False) from None
        listing = f"psyche-cli members --run-id {shell_word(run_id)}"
        hint = f"Its members were stopped. See which have joined with: {listing}"
        raise Interrupted.by(stop, f"The rehearsal of run {run_id!r} was interrupted.", hint=hint) from None
