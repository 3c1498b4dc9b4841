"""The advice on all settings, which together are valid."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from psyche_cli.limits import U64_MAX
from psyche_cli.operations.advise.durations import cooldown_time, warmup_time
from psyche_cli.operations.advise.epoch_length import epoch_time
from psyche_cli.operations.advise.facts import Facts
from psyche_cli.operations.advise.members import member_counts
from psyche_cli.operations.advise.round_limits import round_time, witness_time
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
WITHIN_EPOCHS: Final = ("max_round_train_time", "warmup_time")
"""Limits for which an epoch must have time."""


def advise(facts: Facts, *, not_known: Mapping[str, str] | None = None) -> list[Verdict]:
    """The verdicts on all settings, in the order of KEYS. The configuration with all advised values is valid.

    ``not_known`` has settings about which the facts say nothing, and why.
    """
    config, known = dict(facts.config), not_known or {}
    limits = (round_time(facts), witness_time(facts), warmup_time(facts), cooldown_time(facts))
    found = {one.key: _unknown(one, known) for one in (*limits, *member_counts(facts))}
    valid = dict(config)
    _accept_counts(found, valid, facts.model)
    found["epoch_time"] = _unknown(epoch_time(facts, with_advice(config, list(found.values()))), known)
    for key in ("epoch_time", *(one.key for one in limits)):
        _accept(found, key, valid, facts.model)
    return [found[key] for key in KEYS]


def with_advice(config: Mapping[str, int], verdicts: Sequence[Verdict]) -> dict[str, int]:
    """A configuration with the advised values."""
    return dict(config) | {one.key: one.advised for one in verdicts if one.advised is not None}


def _unknown(verdict: Verdict, not_known: Mapping[str, str]) -> Verdict:
    if verdict.key not in not_known:
        return verdict
    return verdict._replace(kind="unknown", advised=None, reason=not_known[verdict.key], evidence=())


def _accept(found: dict[str, Verdict], key: str, valid: dict[str, int], model: Mapping[str, Any]) -> None:
    """Accept a change into ``valid``, with longer epochs if it needs them; withdraw it if a rule does not allow it."""
    verdict = found[key]
    if verdict.advised is None:
        return
    changed = valid | {key: verdict.advised}
    problems = _new_problems(valid, changed, model)
    if problems and key in WITHIN_EPOCHS:
        epochs = _long_enough(valid, changed, key, model)
        if epochs is not None:
            found["epoch_time"] = found["epoch_time"]._replace(
                kind="change",
                advised=epochs,
                reason=f"An epoch must be longer than {key}, for which {verdict.advised} is advised; it is lengthened "
                "in proportion.",
            )
            changed, problems = changed | {"epoch_time": epochs}, []
    if problems:
        found[key] = verdict.kept(f"{verdict.reason} {verdict.advised} is not allowed, however: {problems[0].message}.")
    else:
        valid.update(changed)


def _long_enough(
    valid: Mapping[str, int], changed: Mapping[str, int], key: str, model: Mapping[str, Any]
) -> int | None:
    """An epoch_time with which a longer limit is valid, of as many such limits as before; None if there is none."""
    longer = math.ceil(valid["epoch_time"] * changed[key] / max(valid[key], 1))
    for factor in (1, 2, 4):
        if factor * longer <= U64_MAX and not _new_problems(valid, {**changed, "epoch_time": factor * longer}, model):
            return factor * longer
    return None


def _accept_counts(found: dict[str, Verdict], valid: dict[str, int], model: Mapping[str, Any]) -> None:
    """Accept the numbers of members into ``valid``, together, or withdraw them."""
    pair = [found[key] for key in _TOGETHER]
    changed = with_advice(valid, pair)
    problems = _new_problems(valid, changed, model)
    if not problems:
        valid.update(changed)
        return
    for one in pair:
        if one.advised is not None:
            found[one.key] = one.kept(f"{one.reason} {one.advised} is not allowed, however: {problems[0].message}.")


def _new_problems(before: Mapping[str, int], after: Mapping[str, int], model: Mapping[str, Any]) -> list[Problem]:
    """The rules that are violated after a change, and were not before."""
    known = {one.rule for one in check_run(before, model)}
    return [one for one in check_run(after, model) if one.rule not in known]
