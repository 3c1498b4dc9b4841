"""Warnings about values that the coordinator program accepts but that are probably mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psyche_cli.run_config.forecast import SHORTEST_EPOCH_ROUNDS, exceeds_token_limit, slowest_pace
from psyche_cli.run_config.problems import Problem
from psyche_cli.run_config.rules import value_at

ADVICE_NAMES = (
    "VerificationPercent",
    "JoinLimit",
    "NoSteps",
    "EpochRounds",
    "TokenLimit",
    "CheckpointKind",
    "CheckpointRepository",
    "UrlTemplate",
    "LearningRateOrder",
    "LearningRateSteps",
    "LearningRateSign",
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
        *_steps(config),
        *_epoch(config),
        *_tokens(config, llm),
        *_checkpoint(llm),
        *_files(llm),
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


def _steps(config: Mapping[str, Any]) -> list[Problem]:
    key = "config.total_steps"
    if config["total_steps"] > 1:
        return []
    return [
        Problem(key, "NoSteps", f"{key} = 1 leaves no step to train: a run starts at step 1 and ends at total_steps")
    ]


def _epoch(config: Mapping[str, Any]) -> list[Problem]:
    pace = slowest_pace(config)
    training = pace.rounds * pace.round
    if pace.rounds > SHORTEST_EPOCH_ROUNDS:
        return []
    key = "config.epoch_time"
    message = (
        f"{key} = {config['epoch_time']} leaves no time for more than one round, but an epoch has at least "
        f"{SHORTEST_EPOCH_ROUNDS}: warmup and rounds take up to {pace.warmup + training} s"
    )
    return [Problem(key, "EpochRounds", message)]


def _tokens(config: Mapping[str, Any], llm: Mapping[str, Any]) -> list[Problem]:
    if not exceeds_token_limit(config, llm["max_seq_len"]):
        return []
    message = "the run trains more than 2^64 tokens before its last step, and the program aborts there"
    return [Problem("config.total_steps", "TokenLimit", f"config.total_steps = {config['total_steps']}: {message}")]


def _checkpoint(llm: Mapping[str, Any]) -> list[Problem]:
    if value_at(llm, "checkpoint.Dummy.repo_id") == "":
        key = "model.LLM.checkpoint.Dummy.repo_id"
        message = f'{key} = "" is rejected (error 6005) when the run is resumed after its first epoch, as P2P'
        return [Problem(key, "CheckpointRepository", message)]
    for kind, origin in (("P2P", "Hub"), ("P2PGcs", "Gcs")):
        if value_at(llm, f"checkpoint.{kind}") is not None:
            key = f"model.LLM.checkpoint.{kind}"
            message = f"{key} is normally set by the program after an epoch; a file should use {origin}"
            return [Problem(key, "CheckpointKind", message)]
    return []


def _files(llm: Mapping[str, Any]) -> list[Problem]:
    path = "data_location.Http.location.NumberedFiles"
    files = value_at(llm, path)
    if files is None or files["num_files"] < 2 or "{}" in files["url_template"]:
        return []
    key = f"model.LLM.{path}.url_template"
    return [
        Problem(key, "UrlTemplate", f"{key} has no {{}} for the number, so all {files['num_files']} URLs are the same")
    ]


def _learning_rate(config: Mapping[str, Any], llm: Mapping[str, Any]) -> list[Problem]:
    return [*_rate_sign(llm), *_rate_warmup(config, llm), *_rate_decay(config, llm)]


def _rate_sign(llm: Mapping[str, Any]) -> list[Problem]:
    [(kind, values)] = llm["lr_schedule"].items()
    if values["base_lr"] > 0:
        return []
    key = f"model.LLM.lr_schedule.{kind}.base_lr"
    return [Problem(key, "LearningRateSign", f"{key} = {values['base_lr']}, but a learning rate should be positive")]


def _rate_warmup(config: Mapping[str, Any], llm: Mapping[str, Any]) -> list[Problem]:
    [(kind, values)] = llm["lr_schedule"].items()
    warmup, total = values["warmup_steps"], config["total_steps"]
    if warmup < total or total <= 1:
        return []
    key = f"model.LLM.lr_schedule.{kind}.warmup_steps"
    message = f"{key} = {warmup} is not below config.total_steps = {total}: the run ends before base_lr is reached"
    return [Problem(key, "LearningRateSteps", message)]


def _rate_decay(config: Mapping[str, Any], llm: Mapping[str, Any]) -> list[Problem]:
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
    if cosine is not None and cosine["total_steps"] == cosine["warmup_steps"]:
        message = (
            f"{key}.Cosine.total_steps = {cosine['total_steps']} is the same as its warmup_steps: clients divide by "
            "zero, so the learning rate is not a number from there on"
        )
        return [Problem(f"{key}.Cosine.total_steps", "LearningRateSteps", message)]
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
