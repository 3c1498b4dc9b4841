"""The table of the rules of the diagnosis."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from psyche_cli.operations.status.diagnosis.findings import findings_of
from psyche_cli.operations.status.diagnosis.rules import RULES
from psyche_cli.operations.status.diagnosis.subject import Subject
from psyche_cli.protocol.run_states import RunState
from tests.model.random_play import RandomPlay


def test_the_rules_are_ordered_by_weight_and_have_ids_of_their_own() -> None:
    severities = [rule.severity for rule in RULES]
    assert severities == sorted(severities, reverse=True)
    ids = [rule.rule for rule in RULES]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", one) for one in ids)
    assert all(rule.states and rule.prolongs <= rule.states for rule in RULES)


def test_random_runs_can_always_be_explained() -> None:
    seen: Counter[str] = Counter()
    for seed in range(6):
        play = RandomPlay(seed)
        for _ in range(400):
            play.step()
            found = findings_of(Subject(play.state, now=play.clock.unix_timestamp))
            assert [one.severity for one in found] == sorted((one.severity for one in found), reverse=True)
            assert all(one.sentence.endswith(".") and one.advice.endswith(".") for one in found)
            seen.update(one.rule for one in found)
    assert len(seen) > 20, seen


def documented() -> str:
    """The table of the rules in docs/diagnosis.md."""
    rows = ["| rule | severity | states | applies if | needs |", "|---|---|---|---|---|"]
    for rule in RULES:
        states = ", ".join(state.variant for state in RunState if state in rule.states)
        left_out = [state.variant for state in RunState if state not in rule.states]
        if not left_out:
            states = "all"
        elif len(left_out) == 1:
            states = f"all but {left_out[0]}"
        rows.append(f"| `{rule.rule}` | {rule.severity.text} | {states} | {rule.condition} | {rule.needs or ''} |")
    return "\n".join(rows)


def test_the_table_in_the_documentation_is_that_of_the_rules() -> None:
    page = (Path(__file__).parents[2] / "docs" / "diagnosis.md").read_text(encoding="utf-8")
    assert documented() in page
