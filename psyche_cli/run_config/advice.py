"""Warnings about values that the coordinator program accepts but that are probably mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psyche_cli.run_config.problems import Problem
from psyche_cli.run_config.rules import value_at

ADVICE_NAMES = (
    "VerificationPercent",
    "JoinLimit",
    "CheckpointKind",
    "LearningRateOrder",
    "LearningRateSteps",
    "OptimizerKind",
)
"""The rule names of all warnings."""


def run_advice(config: Mapping[str, Any], model: Mapping[str, Any]) -> list[Problem]:
    """Warnings about a configuration that should be shown before it is sent.

    Values that ``rules`` rejects are not reported again.
    """
    llm = model["LLM"]
    return [
        *_verification(config),
        *_join_limit(config),
        *_checkpoint(llm),
        *_learning_rate(config, llm),
        *_optimizer(llm),
    ]


def _verification(config: Mapping[str, Any]) -> list[Problem]:
    percent = config["verification_percent"]
    if percent == 0:
        return []
    result = (
        "above 100 every witness is rejected (error 6020)"
        if percent > 100
        else "if there are verifiers, their health checks abort"
    )
    key = "config.verification_percent"
    return [Problem(key, "VerificationPercent", f"{key} = {percent}, but it should be 0: {result}")]


def _join_limit(config: Mapping[str, Any]) -> list[Problem]:
    limit, needed = config["global_batch_size_end"], config["init_min_clients"]
    if limit >= needed:
        return []
    key = "config.global_batch_size_end"
    message = (
        f"{key} = {limit} is below config.init_min_clients = {needed}: at most {limit} wallets can ever join (error "
        "6022), so no epoch can start"
    )
    return [Problem(key, "JoinLimit", message)]


def _checkpoint(llm: Mapping[str, Any]) -> list[Problem]:
    for kind, origin in (("P2P", "Hub"), ("P2PGcs", "Gcs")):
        if value_at(llm, f"checkpoint.{kind}") is not None:
            key = f"model.LLM.checkpoint.{kind}"
            message = f"{key} is normally set by the program after an epoch; a file should use {origin}"
            return [Problem(key, "CheckpointKind", message)]
    return []


def _learning_rate(config: Mapping[str, Any], llm: Mapping[str, Any]) -> list[Problem]:
    key = "model.LLM.lr_schedule"
    decay = value_at(llm, "lr_schedule.WarmupStableDecay")
    if decay is not None:
        base, middle, last = (decay[name] for name in ("base_lr", "cosine_decay_final_lr", "linear_decay_final_lr"))
        if last <= middle <= base:
            return []
        message = (
            f"{key}.WarmupStableDecay must not increase, or clients stop: linear_decay_final_lr = {last} <= "
            f"cosine_decay_final_lr = {middle} <= base_lr = {base} does not hold"
        )
        return [Problem(f"{key}.WarmupStableDecay", "LearningRateOrder", message)]
    cosine = value_at(llm, "lr_schedule.Cosine")
    if cosine is not None and cosine["total_steps"] < config["total_steps"]:
        message = (
            f"{key}.Cosine.total_steps = {cosine['total_steps']} is below "
            f"config.total_steps = {config['total_steps']}: the cosine continues beyond that, so the learning rate "
            "rises again"
        )
        return [Problem(f"{key}.Cosine.total_steps", "LearningRateSteps", message)]
    return []


def _optimizer(llm: Mapping[str, Any]) -> list[Problem]:
    if value_at(llm, "optimizer.AdamW") is None:
        return []
    key = "model.LLM.optimizer"
    return [Problem(key, "OptimizerKind", f"{key} is AdamW; only Distro is supported for decentralized training")]
