"""The configuration with which a run of workers is submitted."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from psyche_cli.errors import InvalidSubmission, UsageError
from psyche_cli.workers.engines.names import LOCAL, is_engine_name
from psyche_cli.workers.registry.limits import KEYS, limits_in

MOST_BYTES: Final = 1 << 20
"""Maximum size of a configuration in bytes."""
MOST_WORKERS: Final = 256
MOST_GPUS: Final = 1024
MOST_NAME: Final = 120

_WORKER_ID: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?", re.ASCII)
_MODULE: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_EVALUATION_MODES: Final = ("policy_eval", "test_mode")


class WorkerPart(NamedTuple):
    """A worker of a submitted run: its program as a command, its configuration, and the resources that it wants."""

    worker_id: str
    argv: tuple[str, ...]
    config: Mapping[str, Any]
    gpus: int
    mandatory: bool
    cpus: float


class Submission(NamedTuple):
    """A valid configuration. ``config`` is its canonical JSON, and ``digest`` the SHA-256 of that in hex.

    Both are without ``metadata.run_id``, so that the configuration that is stored with a run is the same submission.
    """

    name: str
    is_evaluation: bool
    workers: tuple[WorkerPart, ...]
    config: str
    digest: str


def parse_gpus(text: str) -> int | Literal["auto"]:
    """A number of GPU slots, or "auto". Raises UsageError."""
    if text == "auto":
        return "auto"
    if not (text.isascii() and text.isdigit() and int(text) <= MOST_GPUS):
        raise UsageError(
            f"The number of GPUs must be auto or an integer from 0 to {MOST_GPUS}.",
            hint="For example: --gpus 2",
            name="--gpus",
        )
    return int(text)


def check_size(text: str | bytes) -> None:
    """Raise InvalidSubmission if a configuration is too large."""
    if len(text) > MOST_BYTES:
        raise _invalid("", f"is {len(text):,} bytes long; the maximum is {MOST_BYTES:,}")


def parse_submission(text: str | bytes) -> Submission:
    """Check a configuration in JSON. Raises InvalidSubmission."""
    check_size(text)
    try:
        value = json.loads(text)
        if not isinstance(value, dict):
            raise _invalid("", "is not a JSON object")
        metadata = value.get("metadata")
        if isinstance(metadata, dict):
            value["metadata"] = {key: part for key, part in metadata.items() if key != "run_id"}
        config = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
        json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is JSON, but no character
    except (ValueError, RecursionError) as error:
        raise _invalid("", "is not valid JSON") from error
    metadata = _object(value.get("metadata"), "metadata")
    workers = _workers(metadata, _resources(value))
    payload = _object(value.get("payload", {}), "payload")
    _check_limits(payload)
    if not is_engine_name(payload.get("engine", LOCAL)):
        raise _invalid("payload.engine", "is neither local nor ray:HOST:PORT")
    name = metadata.get("run_name", "")
    if not isinstance(name, str) or len(name) > MOST_NAME:
        raise _invalid("metadata.run_name", f"is not a text of at most {MOST_NAME} characters")
    return Submission(
        name=name,
        is_evaluation=any(_is_evaluation(worker.config) for worker in workers),
        workers=workers,
        config=config,
        digest=hashlib.sha256(config.encode()).hexdigest(),
    )


def _resources(value: Mapping[str, Any]) -> Mapping[str, Any]:
    payload = _object(value.get("payload", {}), "payload")
    return _object(payload.get("resources", {}), "payload.resources")


def _check_limits(payload: Mapping[str, Any]) -> None:
    table = _object(payload.get("limits", {}), "payload.limits")
    try:
        limits_in(table)
    except ValueError as error:
        raise _invalid(
            f"payload.limits.{error}", f"is not one of {', '.join(KEYS)}, or not a number of seconds up to 86,400"
        ) from error


def _workers(metadata: Mapping[str, Any], resources: Mapping[str, Any]) -> tuple[WorkerPart, ...]:
    shared = _object(metadata.get("worker", {}), "metadata.worker")
    listed = metadata.get("workers")
    if listed is None:
        return (_worker({"worker_id": "worker-001", **shared}, resources, "metadata.worker"),)
    if not isinstance(listed, list) or not 0 < len(listed) <= MOST_WORKERS:
        raise _invalid("metadata.workers", f"is not a list of 1 to {MOST_WORKERS} workers")
    workers = tuple(
        _worker(
            {"worker_id": f"worker-{number + 1:03}", **shared, **_object(one, f"metadata.workers[{number}]")},
            resources,
            f"metadata.workers[{number}]",
        )
        for number, one in enumerate(listed)
    )
    if len({worker.worker_id.casefold() for worker in workers}) != len(workers):
        raise _invalid("metadata.workers", "has two workers with the same worker_id")
    return workers


def _worker(part: Mapping[str, Any], resources: Mapping[str, Any], key: str) -> WorkerPart:
    worker_id = part["worker_id"]
    if not isinstance(worker_id, str) or not _WORKER_ID.fullmatch(worker_id):
        raise _invalid(
            f"{key}.worker_id", "is not 1 to 64 letters, digits, dots, dashes and underscores between two of the first"
        )
    gpus = _object(part.get("gpus", resources.get("gpus", {})), f"{key}.gpus")
    requested, mandatory = gpus.get("requested", 0), gpus.get("mandatory", False)
    if type(requested) is not int or not 0 <= requested <= MOST_GPUS:
        raise _invalid(f"{key}.gpus.requested", f"is not an integer from 0 to {MOST_GPUS}")
    if type(mandatory) is not bool:
        raise _invalid(f"{key}.gpus.mandatory", "is neither true nor false")
    cpus = part.get("cpus", resources.get("cpus", 0))
    if type(cpus) not in (int, float) or not 0 <= cpus <= MOST_GPUS:
        raise _invalid(f"{key}.cpus", f"is not a number from 0 to {MOST_GPUS}")
    config = _object(part.get("config", {}), f"{key}.config")
    return WorkerPart(worker_id, _argv(part, key), config, requested, mandatory, float(cpus))


def _argv(part: Mapping[str, Any], key: str) -> tuple[str, ...]:
    module, command = part.get("module"), part.get("command")
    if (module is None) == (command is None):
        raise _invalid(key, "needs either a module or a command")
    arguments = part.get("arguments", [])
    if not _are_words(arguments):
        raise _invalid(f"{key}.arguments", "is not a list of texts")
    if command is not None:
        if not _are_words(command) or not command or not command[0]:
            raise _invalid(f"{key}.command", "is not a list of texts, the first of which is a program")
        return (*command, *arguments)
    if not isinstance(module, str) or not _MODULE.fullmatch(module):
        raise _invalid(f"{key}.module", "is not the name of a Python module")
    return (sys.executable, "-m", module, *arguments)


def _are_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) and "\0" not in word for word in value)


def _is_evaluation(config: Mapping[str, Any]) -> bool:
    extras = config.get("extras")
    parts = [config, extras] if isinstance(extras, dict) else [config]
    return any(part.get("mode") in _EVALUATION_MODES or part.get("test_mode") is True for part in parts)


def _object(value: object, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _invalid(key, "is not a JSON object")
    return value


def _invalid(key: str, what: str) -> InvalidSubmission:
    subject = f"{key} in the configuration of the run" if key else "The configuration of the run"
    return InvalidSubmission(f"{subject} {what}.", key=key, hint="docs/workers.md describes the configuration.")
