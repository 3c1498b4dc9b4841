"""The trainer that needs numpy only. Its results are the same on every machine: see ``exact``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psyche_cli.training.byte_model import ByteModel
from psyche_cli.training.member_trainer import MemberTrainer


def open_trainer(model: Mapping[str, Any], text: bytes, seed: int) -> MemberTrainer:
    """See ``trainer.open_trainer``."""
    return MemberTrainer("numpy", ByteModel(), model, text, seed)
