"""Where the model is to be loaded from, and how that changes.

A checkpoint is ``"Ephemeral"`` or a table of one variant and its repository: ``{"Hub": {...}}``. While a run goes on,
new clients get the model from their peers (P2P, P2PGcs); when none of them remains, from the repository (Hub, Gcs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from psyche_cli.model.states import CoordinatorState

CheckpointValue: TypeAlias = "str | Mapping[str, Any]"

_TO_PEERS = {"Hub": "P2P", "Dummy": "P2P", "Gcs": "P2PGcs"}
_TO_REPOSITORY = {"P2P": "Hub", "P2PGcs": "Gcs"}
_SUBMITTED = {
    ("Hub", "Hub"): "Hub",
    ("P2P", "Hub"): "P2P",
    ("P2P", "Gcs"): "P2PGcs",
    ("Gcs", "Gcs"): "Gcs",
    ("P2PGcs", "Hub"): "P2P",
    ("P2PGcs", "Gcs"): "P2PGcs",
}
"""By current and submitted variant, the new one, with the submitted repository. All else leaves things as they are."""


def variant(checkpoint: CheckpointValue) -> str:
    """The name of a checkpoint's variant."""
    return checkpoint if isinstance(checkpoint, str) else next(iter(checkpoint))


def load_from_peers(state: CoordinatorState) -> CoordinatorState:
    """After an epoch, those who trained hold the model."""
    return _renamed(state, _TO_PEERS)


def load_from_repository(state: CoordinatorState) -> CoordinatorState:
    """No client of the last epoch is left, so nobody holds the model."""
    return _renamed(state, _TO_REPOSITORY)


def submit(state: CoordinatorState, submitted: CheckpointValue) -> CoordinatorState:
    """A client uploaded the model. The last one wins; the repository is not checked."""
    name = _SUBMITTED.get((variant(_checkpoint(state)), variant(submitted)))
    if name is None or isinstance(submitted, str):
        return state
    return _with_checkpoint(state, {name: submitted[variant(submitted)]})


def _renamed(state: CoordinatorState, names: Mapping[str, str]) -> CoordinatorState:
    checkpoint = _checkpoint(state)
    name = names.get(variant(checkpoint))
    if name is None or isinstance(checkpoint, str):
        return state
    return _with_checkpoint(state, {name: checkpoint[variant(checkpoint)]})


def _checkpoint(state: CoordinatorState) -> CheckpointValue:
    checkpoint: CheckpointValue = state.model["LLM"]["checkpoint"]
    return checkpoint


def _with_checkpoint(state: CoordinatorState, checkpoint: CheckpointValue) -> CoordinatorState:
    return replace(state, model={"LLM": {**state.model["LLM"], "checkpoint": checkpoint}})
