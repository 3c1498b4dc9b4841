"""The rules that the coordinator program checks when a configuration is set, and again when a run is resumed.

The program reports any violation of eleven rules for ``config`` and of the cold-start rule as error 6004, and of four
rules for ``model`` as error 6005. They are checked here first, so that messages can name the rule. The rules are data,
in the program's order; the names of the ``config`` rules are the program's internal ones. All functions take values in
the form used by ``load.RunConfig``, from a file or decoded from an account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from psyche_cli.limits import (
    MAX_CLIENT_VERSION_BYTES,
    MAX_CLIENTS,
    MAX_DESCRIPTION_BYTES,
    MAX_RUN_NAME_BYTES,
    MAX_WITNESSES,
    U64_MAX,
)
from psyche_cli.run_config.problems import Problem
from psyche_cli.run_config.stored_text import text_problem
from psyche_cli.texts import flaw_of_identifier, flaw_of_prose


@dataclass(frozen=True)
class Bound:
    """A bound on the value of ``key``: its ``relation`` to ``limit``, a number or another key of ``config``."""

    rule: str
    key: str
    relation: Literal["at least", "at most", "less than"]
    limit: int | str

    def holds(self, value: int, limit: int) -> bool:
        """Whether the value satisfies the bound."""
        if self.relation == "at least":
            return value >= limit
        return value <= limit if self.relation == "at most" else value < limit


CONFIG_RULES: tuple[Bound, ...] = (
    Bound("EpochTime", "epoch_time", "at least", 1),
    Bound("WarmupTime", "warmup_time", "less than", "epoch_time"),
    Bound("MaxRoundTrainTime", "max_round_train_time", "at least", 1),
    Bound("MaxRoundTrainTime", "max_round_train_time", "less than", "epoch_time"),
    Bound("RoundWitnessTime", "round_witness_time", "at least", 1),
    Bound("MinClients", "min_clients", "at least", 1),
    Bound("InitMinClients", "init_min_clients", "at least", "min_clients"),
    Bound("InitMinClients", "init_min_clients", "at most", MAX_CLIENTS),
    Bound("GlobalBatchSize", "global_batch_size_start", "at least", 1),
    Bound("GlobalBatchSize", "global_batch_size_end", "at least", 1),
    Bound("GlobalBatchSize", "global_batch_size_end", "at least", "global_batch_size_start"),
    Bound("TotalSteps", "total_steps", "at least", 1),
    Bound("WitnessNodes", "witness_nodes", "at most", "min_clients"),
    Bound("WitnessNodes", "witness_nodes", "at most", MAX_WITNESSES),
    Bound("CooldownTime", "cooldown_time", "at least", 1),
    Bound("WaitingForMembersExtraTime", "waiting_for_members_extra_time", "at least", 1),
)
"""Rules whose violation is error 6004. Bounds with the same rule name are adjacent."""


@dataclass(frozen=True)
class ModelRule:
    """A requirement for the value at ``path`` below ``model.LLM``, if the model has that path.

    Variant names are part of the path. With ``refused``, the path itself is not allowed.
    """

    rule: str
    path: str
    requirement: Literal["not zero", "not empty", "refused"]


MODEL_RULES: tuple[ModelRule, ...] = (
    ModelRule("MaxSeqLen", "max_seq_len", "not zero"),
    ModelRule("DataLocation", "data_location.Server", "not empty"),
    ModelRule("DataLocation", "data_location.Http.location.SingleUrl", "not empty"),
    ModelRule("DataLocation", "data_location.Http.location.NumberedFiles.url_template", "not empty"),
    ModelRule("DataLocation", "data_location.Http.location.NumberedFiles.num_files", "not zero"),
    ModelRule("DataLocation", "data_location.Http.location.Gcp.bucket_name", "not empty"),
    ModelRule("DataLocation", "data_location.WeightedHttp", "not empty"),
    ModelRule("DataLocation", "data_location.Preprocessed", "not empty"),
    ModelRule("Checkpoint", "checkpoint.Ephemeral", "refused"),
    ModelRule("Checkpoint", "checkpoint.Hub.repo_id", "not empty"),
    ModelRule("Checkpoint", "checkpoint.P2P.repo_id", "not empty"),
    ModelRule("Checkpoint", "checkpoint.Gcs.bucket", "not empty"),
    ModelRule("Checkpoint", "checkpoint.P2PGcs.bucket", "not empty"),
    ModelRule("Optimizer", "optimizer.Dummy", "refused"),
)
"""Rules whose violation is error 6005."""

COLD_START = "ColdStart"
"""Error 6004: the learning-rate warm-up after a pause must fit into the rounds of an epoch."""

PROGRESS = "Progress"
"""Error 6005 in an update, 6006 on resume: the step must not be 0."""

RULE_NAMES: tuple[str, ...] = (
    *dict.fromkeys(bound.rule for bound in CONFIG_RULES),
    *dict.fromkeys(rule.rule for rule in MODEL_RULES),
    COLD_START,
    PROGRESS,
)
"""The names of all rules, in the program's order."""


def check_config(config: Mapping[str, Any]) -> list[Problem]:
    """The bounds that ``config`` violates, in the program's order (error 6004).

    A bound is skipped if one of its keys is absent, so that the valid part of an invalid file can be checked too.
    """
    return list(_broken_bounds(config))


def _broken_bounds(config: Mapping[str, Any]) -> Iterator[Problem]:
    for bound in CONFIG_RULES:
        limit_key = bound.limit if isinstance(bound.limit, str) else None
        if bound.key not in config or (limit_key is not None and limit_key not in config):
            continue
        value = config[bound.key]
        limit = config[limit_key] if limit_key is not None else int(bound.limit)
        if not bound.holds(value, limit):
            shown = f"config.{limit_key} = {limit}" if limit_key is not None else str(limit)
            yield Problem(
                f"config.{bound.key}",
                bound.rule,
                f"config.{bound.key} = {value}, but it must be {bound.relation} {shown}",
            )


def check_model(model: Mapping[str, Any]) -> list[Problem]:
    """The rules that ``model`` violates, in the program's order (error 6005)."""
    problems = []
    for rule in MODEL_RULES:
        value = value_at(model.get("LLM"), rule.path)
        key = f"model.LLM.{rule.path}"
        if value is None:
            continue
        if rule.requirement == "refused":
            where, _, variant = key.rpartition(".")
            problems.append(Problem(where, rule.rule, f'{where} = "{variant}", which the program rejects'))
        elif rule.requirement == "not zero" and value == 0:
            problems.append(Problem(key, rule.rule, f"{key} = 0, but it must be at least 1"))
        elif rule.requirement == "not empty" and (value == "" or str(value).startswith("\0")):
            problems.append(Problem(key, rule.rule, f'{key} = "", but it must not be empty'))
    return problems


def value_at(value: Any, path: str) -> Any:
    """The value at a dotted path in ``value``, or None if the path does not exist (another variant, or an absent key).

    A path that ends with the name of a variant without a payload yields that name, which is a string.
    """
    for name in path.split("."):
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif value != name:
            return None
    return value


def check_cold_start(config: Mapping[str, Any], model: Mapping[str, Any]) -> list[Problem]:
    """Check that ``cold_start_warmup_steps`` fits into the rounds of one epoch (error 6004); 0 always fits.

    The number of rounds is floor((epoch_time − warmup_time) / max_round_train_time). If that is undefined, as in a run
    without a configuration, where all three are 0, the program aborts, so a problem is reported.
    """
    steps = value_at(model.get("LLM"), "cold_start_warmup_steps")
    if not steps:
        return []
    epoch, warmup, train = (config[key] for key in ("epoch_time", "warmup_time", "max_round_train_time"))
    key = "model.LLM.cold_start_warmup_steps"
    formula = (
        f"(config.epoch_time = {epoch} - config.warmup_time = {warmup}) / config.max_round_train_time = {train}, "
        "rounded down"
    )
    if train == 0 or epoch < warmup:
        return [Problem(key, COLD_START, f"{key} = {steps}, but it must be 0: {formula} is undefined")]
    rounds = (epoch - warmup) // train
    if steps > rounds:
        return [Problem(key, COLD_START, f"{key} = {steps}, but it must be at most {rounds}: {formula}")]
    return []


def check_progress(progress: Mapping[str, Any]) -> list[Problem]:
    """Check that the step of a run's progress (keys ``epoch``, ``step``, ``epoch_start_data_index``) is at least 1."""
    if progress["step"] == 0:
        return [Problem("progress.step", PROGRESS, "progress.step = 0, but it must be at least 1")]
    return []


def check_run(config: Mapping[str, Any], model: Mapping[str, Any]) -> list[Problem]:
    """All rules that a complete ``config`` and ``model`` violate, in the program's order.

    The cold-start rule is skipped if a rule for the values that it is computed from is violated.
    """
    problems = [*check_config(config), *check_model(model)]
    if not {problem.rule for problem in problems} & {"EpochTime", "WarmupTime", "MaxRoundTrainTime"}:
        problems += check_cold_start(config, model)
    return problems


def has_steps_left(step: int, config: Mapping[str, Any]) -> bool:
    """Whether a run at ``step`` has steps left: the program finishes a run whose step has reached ``total_steps``.

    For a run that was never started, ``step`` is 1, because starting it sets step 1 regardless of the stored value.
    """
    return step < int(config["total_steps"])


def is_unset(config: Mapping[str, Any]) -> bool:
    """Whether a decoded ``config`` was never set: all values of a new run are zero."""
    return not any(config.values())


def check_metadata(
    *,
    name: str | None = None,
    description: str | None = None,
    num_parameters: int | None = None,
    vocab_size: int | None = None,
) -> list[Problem]:
    """Validate the given parts of a run's metadata.

    ``name`` and ``description`` are single lines of at most 64 and 280 bytes of UTF-8; the numbers are u64.
    """
    return [
        *_check_text("metadata.name", name, MAX_RUN_NAME_BYTES, flaw_of_prose),
        *_check_text("metadata.description", description, MAX_DESCRIPTION_BYTES, flaw_of_prose),
        *_check_u64("metadata.num_parameters", num_parameters),
        *_check_u64("metadata.vocab_size", vocab_size),
    ]


def check_client_version(text: str) -> list[Problem]:
    """Validate a client version: 1 to 96 bytes of UTF-8 that can be typed.

    The program aborts without an error code if it is too long, and accepts an empty one, which no client can have.
    """
    if not text:
        return [Problem("client_version", "TextEmpty", "client_version must not be empty")]
    return _check_text("client_version", text, MAX_CLIENT_VERSION_BYTES, flaw_of_identifier)


def _check_text(key: str, text: str | None, capacity: int, flaw_of: Callable[[str], str | None]) -> list[Problem]:
    problem = None if text is None else text_problem(key, text, capacity, flaw_of)
    return [] if problem is None else [problem]


def _check_u64(key: str, value: int | None) -> list[Problem]:
    if value is None or 0 <= value <= U64_MAX:
        return []
    return [Problem(key, "OutOfRange", f"{key} = {value} is out of range: expected a u64, from 0 to {U64_MAX}")]
