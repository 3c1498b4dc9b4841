"""Plans as JSON documents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import NoneType
from typing import Any, Final, NamedTuple

from solders.hash import Hash

from psyche_cli.errors import UsageError
from psyche_cli.json_text import json_text
from psyche_cli.json_values import to_json
from psyche_cli.new_files import write_new_file
from psyche_cli.operations.run_files.actual import ActualRun
from psyche_cli.operations.run_files.payloads import PLAN_FORMAT, MigrationData, PlanData
from psyche_cli.operations.run_files.planning import Plan
from psyche_cli.run_file.wanted import WantedRun
from psyche_cli.run_file.write import run_file_toml


def plan_data(
    plan: Plan, wanted: WantedRun, actual: ActualRun, genesis: Hash, migration: MigrationData | None = None
) -> PlanData:
    """The plan as a document, with its digest."""
    data = PlanData(
        format=PLAN_FORMAT,
        run_id=wanted.run_id,
        genesis_hash=str(genesis),
        wallet=str(actual.wallet),
        steps=plan.steps,
        obstacles=plan.obstacles,
        transactions=sum(step.transactions for step in plan.steps),
        fee_lamports=sum(step.fee_lamports for step in plan.steps),
        rent_lamports=sum(step.rent_lamports for step in plan.steps),
        collateral=sum(step.collateral or 0 for step in plan.steps),
        decimals=actual.decimals,
        state=actual.state,
        ground={key: value.now for key, value in plan.values.items()},
        received=actual.received,
        run_file=run_file_toml(wanted),
        migration=migration,
        digest="",
    )
    return replace(data, digest=_digest(to_json(data)))


def write_plan(data: PlanData, path: Path) -> None:
    """Write a plan to a new file. Raises UsageError."""
    write_new_file(path, json_text(to_json(data)), what="the output file")


class ReviewedPlan(NamedTuple):
    """The parts of a plan file that ``apply`` uses. ``steps`` are JSON objects with the keys of ``StepData``."""

    run_id: str
    genesis_hash: str
    wallet: str
    steps: tuple[Mapping[str, Any], ...]
    obstacles: tuple[Mapping[str, Any], ...]
    state: str
    ground: Mapping[str, Any]
    received: int | None
    run_file: str
    migration: Mapping[str, Any] | None


_KINDS: Final[Mapping[str, Any]] = {
    "run_id": str,
    "genesis_hash": str,
    "wallet": str,
    "steps": list,
    "obstacles": list,
    "state": str,
    "ground": dict,
    "received": (int, NoneType),
    "run_file": str,
    "migration": (dict, NoneType),
}
"""The types of the fields in JSON."""


def is_plan(text: str) -> bool:
    """Whether the text of a file is JSON rather than TOML."""
    return text.lstrip()[:1] == "{"


def read_plan(text: str, path: Path) -> ReviewedPlan:
    """Read the text of the plan file ``path``. Raises UsageError unless it is as ``plan`` wrote it."""
    try:
        document = json.loads(text)
        whole = isinstance(document, dict) and document.get("digest") == _digest(document)
    except (ValueError, RecursionError):
        whole, document = False, None
    if not whole or not isinstance(document, dict):
        raise UsageError(
            f"{path} is not a plan, or was changed after it was written.",
            hint=_hint(document),
            path=str(path),
        )
    if document.get("format") != PLAN_FORMAT:
        raise UsageError(
            f"The plan {path} has format {document.get('format')!r}; this psyche-cli reads {PLAN_FORMAT}.",
            hint=_hint(document),
            path=str(path),
        )
    fields: dict[str, Any] = {name: document.get(name) for name in ReviewedPlan._fields}
    if any(not isinstance(fields[name], kind) for name, kind in _KINDS.items()):
        raise UsageError(
            f"{path} has the digest of a plan, but not its content.",
            hint=_hint(document),
            path=str(path),
        )
    return ReviewedPlan(**{**fields, "steps": tuple(fields["steps"]), "obstacles": tuple(fields["obstacles"])})


def _hint(document: object) -> str:
    """How to write a new plan in place of one that cannot be used."""
    is_migration = isinstance(document, dict) and document.get("migration") is not None
    verb = "migrate --run-id RUN_ID --to FILE" if is_migration else "plan FILE"
    return f"Write a new one: psyche-cli {verb} -o plan.json"


def _digest(document: Any) -> str:
    """SHA-256 of a document in canonical form, without the digest in it."""
    content = {key: value for key, value in document.items() if key != "digest"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
