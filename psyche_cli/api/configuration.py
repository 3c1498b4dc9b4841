"""Run configurations: validation and preview of a file, and the configuration of a run."""

from __future__ import annotations

from pathlib import Path

from psyche_cli.api.sessions import Session
from psyche_cli.operations.config import diff, dump
from psyche_cli.operations.config import preview as previewing
from psyche_cli.operations.config.payloads import DiffData, DumpedConfig, PreviewData
from psyche_cli.operations.config.reward_rate import RewardRate, parse_rate, rate_of_run
from psyche_cli.run_config.load import RunConfig, examine
from psyche_cli.run_config.problems import Problem


def check_config(toml: str, *, name: str = "run.toml") -> list[Problem]:
    """All problems of a configuration file's text, including rules of the coordinator program that it violates.

    ``name`` is the file name in messages. An empty list means that ``update_config`` accepts the file.

    >>> from psyche_cli import api
    >>> for problem in api.check_config("[config]\\nwarmup_time = 'long'\\n")[:2]:
    ...     print(problem.key, problem.rule)
    config.warmup_time WrongType
    config.cooldown_time MissingKey
    """
    return list(examine(toml, Path(name)).problems)


def dump_config(session: Session, *, run_id: str, treasurer_index: int | None = None) -> DumpedConfig:
    """The configuration of a run as TOML, which ``update_config`` reads back unchanged.

    Raises WrongRunState for a run without a configuration, ConfigurationError for one that a file cannot represent, and
    the errors of ``find_run``.
    """
    with session.reading() as operation:
        return dump.dumped_config(operation, run_id=run_id, treasurer_index=treasurer_index)


def diff_config(session: Session, config: RunConfig, *, run_id: str, treasurer_index: int | None = None) -> DiffData:
    """All keys whose values differ between a run and ``config``. Raises the errors of ``find_run``."""
    with session.reading() as operation:
        return diff.diff_config(operation, run_id=run_id, file=config, treasurer_index=treasurer_index).data


def preview_config(
    config: RunConfig,
    *,
    steps: str | None = None,
    train_seconds: int | None = None,
    earning_rate: str | None = None,
    decimals: int = 6,
) -> PreviewData:
    """The run that ``config`` produces if enough members are always present: times, tokens, learning rate and rewards.

    ``steps`` is a comma-separated list of steps to include, by default those at which the schedule changes.
    ``train_seconds`` is the expected duration of RoundTrain, by default its maximum. ``earning_rate`` is the reward per
    epoch in whole tokens with ``decimals``. Raises UsageError, InvalidAmount.
    """
    rate = None if earning_rate is None else RewardRate(parse_rate(earning_rate, decimals), decimals)
    find_rate = None if rate is None else lambda: rate
    return previewing.preview(config, steps=steps, train_seconds=train_seconds, find_rate=find_rate).data


def preview_config_of_run(
    session: Session,
    config: RunConfig,
    *,
    run_id: str,
    steps: str | None = None,
    train_seconds: int | None = None,
    earning_rate: str | None = None,
    treasurer_index: int | None = None,
) -> PreviewData:
    """Like ``preview_config``, with the reward rate, the token and the vault of a run.

    ``earning_rate`` replaces the run's rate. Also raises the errors of ``find_run``.
    """
    with session.reading() as operation:

        def find_rate() -> RewardRate:
            return rate_of_run(operation, run_id=run_id, earning_rate=earning_rate, treasurer_index=treasurer_index)

        return previewing.preview(config, steps=steps, train_seconds=train_seconds, find_rate=find_rate).data
