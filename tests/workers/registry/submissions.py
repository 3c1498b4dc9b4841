"""Configurations of runs for tests."""

from __future__ import annotations

import json
from typing import Any

from psyche_cli.workers.registry.submission import Submission, parse_submission


def submission(name: str = "test", workers: int = 1, *, gpus: int = 0, mandatory: bool = False) -> Submission:
    """A run of workers whose program is never started."""
    return parse_submission(json.dumps(configuration(name, workers, gpus=gpus, mandatory=mandatory)))


def configuration(name: str = "test", workers: int = 1, *, gpus: int = 0, mandatory: bool = False) -> dict[str, Any]:
    """The configuration of such a run."""
    return {
        "metadata": {"run_name": name, "worker": {"command": ["true"]}, "workers": [{} for _ in range(workers)]},
        "payload": {"resources": {"gpus": {"requested": gpus, "mandatory": mandatory}}},
    }
