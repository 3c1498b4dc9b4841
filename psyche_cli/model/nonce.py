"""The nonce: a counter by which observers of the account detect a change."""

from __future__ import annotations

from dataclasses import replace

from psyche_cli.model.arithmetic import add
from psyche_cli.model.execution import Execution
from psyche_cli.model.states import CoordinatorState


def count(state: CoordinatorState, execution: Execution) -> CoordinatorState:
    """Increment the nonce. Every instruction does so except init, free and update_client_version."""
    nonce = add(state.nonce, 1)
    execution.log(f"Nonce: {nonce}")
    return replace(state, nonce=nonce)
