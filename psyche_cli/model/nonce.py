"""The nonce: watchers of the account tell by it whether they have seen a change."""

from __future__ import annotations

from dataclasses import replace

from psyche_cli.model.arithmetic import add
from psyche_cli.model.execution import Execution
from psyche_cli.model.states import CoordinatorState


def count(state: CoordinatorState, execution: Execution) -> CoordinatorState:
    """One instruction more. All count but init, free and update_client_version."""
    nonce = add(state.nonce, 1)
    execution.log(f"Nonce: {nonce}")
    return replace(state, nonce=nonce)
