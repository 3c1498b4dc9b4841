"""``psyche-cli rewards``."""

from __future__ import annotations

from psyche_cli.cli.sessions import plain


@plain(example="psyche-cli rewards list --run-id my-run")
def command() -> None:
    """Inspect the rewards of a run.

    To transfer rewards, use treasurer-top-up-rewards and treasurer-claim-rewards.
    """
