"""Offline validation of run configurations."""

from __future__ import annotations

from pathlib import Path

from psyche_cli.run_config.load import examine
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
