"""The advice on all settings, which together are valid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from psyche_cli.operations.advise.durations import cooldown_time, round_time, warmup_time, witness_time
from psyche_cli.operations.advise.epoch_length import epoch_time
from psyche_cli.operations.advise.facts import Facts
from psyche_cli.operations.advise.members import member_counts
from psyche_cli.operations.advise.verdict import Verdict
from psyche_cli.run_config.problems import Problem
from psyche_cli.run_config.rules import check_run

KEYS: Final = (
    "max_round_train_time",
    "round_witness_time",
    "warmup_time",
    "cooldown_time",
    "epoch_time",
    "init_min_clients",
    "min_clients",
)
"""The settings on which advice is given, in the order of the output."""

_TOGETHER: Final = ("init_min_clients", "min_clients")
"""Settings that may only be valid together."""


def advise(facts: Facts, *, not_known: Mapping[str, str] | None = None) -> list[Verdict]:
    """The verdicts on all settings, in the order of KEYS. The configuration with all advised values is valid.

    ``not_known`` has settings about which the facts say nothing, and why.
    """
    config, found = dict(facts.config), dict[str, Verdict]()
    known = not_known or {}
    for verdict in (round_time(facts), witness_time(facts), warmup_time(facts), cooldown_time(facts)):
        found[verdict.key] = _unknown(verdict, known)
    hoped = config | {one.key: one.advised for one in found.values() if one.advised is not None}
    found["epoch_time"] = _unknown(epoch_time(facts, hoped), known)
    found |= {one.key: one for one in member_counts(facts)}
    valid = dict(config)
    for key in ("epoch_time", *(key for key in KEYS if key not in ("epoch_time", *_TOGETHER))):
        found[key] = _accepted(found[key], valid, facts.model)
    return _with_counts(found, valid, facts.model)


def with_advice(config: Mapping[str, int], verdicts: Sequence[Verdict]) -> dict[str, int]:
    """A configuration with the advised values."""
    return dict(config) | {one.key: one.advised for one in verdicts if one.advised is not None}


def _unknown(verdict: Verdict, not_known: Mapping[str, str]) -> Verdict:
    if verdict.key not in not_known:
        return verdict
    return verdict._replace(kind="unknown", advised=None, reason=not_known[verdict.key], evidence=())


def _accepted(verdict: Verdict, valid: dict[str, int], model: Mapping[str, Any]) -> Verdict:
    """The verdict, and its value in ``valid``; without the change if a rule does not allow it."""
    if verdict.advised is None:
        return verdict
    problems = _new_problems(valid, valid | {verdict.key: verdict.advised}, model)
    if problems:
        return verdict.kept(f"{verdict.reason} {verdict.advised} is not allowed, however: {problems[0].message}.")
    valid[verdict.key] = verdict.advised
    return verdict


def _with_counts(found: dict[str, Verdict], valid: dict[str, int], model: Mapping[str, Any]) -> list[Verdict]:
    """All verdicts, with those on numbers of members, which are accepted together."""
    pair = [found[key] for key in _TOGETHER]
    problems = _new_problems(valid, with_advice(valid, pair), model)
    for one in pair:
        if problems and one.advised is not None:
            found[one.key] = one.kept(f"{one.reason} {one.advised} is not allowed, however: {problems[0].message}.")
    return [found[key] for key in KEYS]


def _new_problems(before: Mapping[str, int], after: Mapping[str, int], model: Mapping[str, Any]) -> list[Problem]:
    """The rules that are violated after a change, and were not before."""
    known = {one.rule for one in check_run(before, model)}
    return [one for one in check_run(after, model) if one.rule not in known]
