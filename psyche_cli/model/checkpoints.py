"""The checkpoint from which clients load the model, and its transitions.

A checkpoint is ``"Ephemeral"`` or a mapping of one variant to its repository: ``{"Hub": {...}}``. During a run, new
clients get the model from their peers (P2P, P2PGcs); if no peer is left, from the repository (Hub, Gcs).
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
"""The new variant by (current, submitted) variant; its repository is the submitted one. Other pairs change nothing."""


def variant(checkpoint: CheckpointValue) -> str:
    """The name of a checkpoint's variant."""
    return checkpoint if isinstance(checkpoint, str) else next(iter(checkpoint))


def load_from_peers(state: CoordinatorState) -> CoordinatorState:
    """Switch to loading from peers, because the clients of a completed epoch have the model."""
    return _renamed(state, _TO_PEERS)


def hub_from_peers(state: CoordinatorState) -> CoordinatorState:
    """Switch only a checkpoint on the Hub to loading from peers, as the older rules do."""
    return _renamed(state, {"Hub": _TO_PEERS["Hub"]})


def load_from_repository(state: CoordinatorState) -> CoordinatorState:
    """Switch to loading from the repository: no client of the last epoch is left, so no peer has the model."""
    return _renamed(state, _TO_REPOSITORY)


def submit(state: CoordinatorState, submitted: CheckpointValue) -> CoordinatorState:
    """Record a checkpoint uploaded by a client. The latest one replaces the others; the repository is not checked."""
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
