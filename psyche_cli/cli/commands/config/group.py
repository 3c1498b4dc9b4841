"""``psyche-cli config``."""

from __future__ import annotations

from psyche_cli.cli.sessions import plain


@plain(example="psyche-cli config check run.toml")
def command() -> None:
    """Work with run configurations.

    None of these commands changes a run; to send a configuration to a run, use update-config.
    """
