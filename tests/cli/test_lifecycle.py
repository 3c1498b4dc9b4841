"""The ``lifecycle`` verbs through the command line."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.lifecycle.machines import MACHINES
from psyche_cli.solana.wallet import Wallet
from tests.cli.harness import CommandLine

LIFECYCLE = ("lifecycle",)


def test_the_machines_are_listed(offline: CommandLine) -> None:
    found = offline.json(*LIFECYCLE, "list")["machines"]
    assert [(one["machine"], one["states"], one["transitions"]) for one in found] == [
        (name, len(machine.states), len(machine.transitions)) for name, machine in MACHINES.items()
    ]
    lines = offline(*LIFECYCLE, "list").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(MACHINES)


def test_a_machine_is_shown_as_tables(offline: CommandLine) -> None:
    text = offline(*LIFECYCLE, "show", "worker", "--state", "ready").stdout
    assert "> READY" in text
    assert "  EXECUTING -> FAULTED\n    no heartbeat, by the daemon, if silent, group-gone, not-cancel-req" in text
    assert text.startswith("Worker: 7 states, 23 transitions.\n")
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("form", "start"), [("mermaid", "stateDiagram-v2\n"), ("dot", 'digraph "psyche-run" {\n'), ("svg", "<svg ")]
)
def test_a_machine_is_shown_as_a_diagram(offline: CommandLine, form: str, start: str) -> None:
    plain = offline(*LIFECYCLE, "show", "psyche-run", "--format", form).stdout
    highlighted = offline(*LIFECYCLE, "show", "psyche-run", "--format", form, "--state", "2").stdout
    assert plain.startswith(start)
    assert highlighted.startswith(start)
    assert plain != highlighted
    data = offline.json(*LIFECYCLE, "show", "psyche-run", "--format", form)
    assert data["diagram"] == plain
    if form == "svg":
        ElementTree.fromstring(plain)


def test_a_machine_is_shown_as_json(offline: CommandLine) -> None:
    data = json.loads(offline(*LIFECYCLE, "show", "crynux-task", "--format", "json").stdout)["data"]
    assert data == offline.json(*LIFECYCLE, "show", "crynux-task")
    assert len(data["states"]) == 12


def test_a_state_is_explained(offline: CommandLine) -> None:
    text = offline(*LIFECYCLE, "explain", "psyche-run", "waiting for_members").stdout
    assert text.startswith("Psyche run: WaitingForMembers (state 1)\n  meaning  The run waits until enough members")
    assert "Reached by:\n  Uninitialized -> WaitingForMembers\n" in text
    assert (
        "What can happen:\n  WaitingForMembers -> Warmup\n    tick, by anyone, if enough-members, extra-wait-over"
        in text
    )
    data = offline.json(*LIFECYCLE, "explain", "psyche-run", "1")
    assert data["state"]["state"] == "WaitingForMembers"
    assert [one["target"] for one in data["left_by"]] == ["Warmup", "Paused"]


def test_an_end_has_no_way_out(offline: CommandLine) -> None:
    outcome = offline(*LIFECYCLE, "explain", "worker", "TERMINATED")
    assert "What can happen" not in outcome.stdout
    assert offline(*LIFECYCLE, "next", "worker", "TERMINATED").stdout == (
        "TERMINATED: 0 of 0 transitions are possible, and 0 depend on conditions that are not known.\n"
    )


def test_what_can_happen_next_depends_on_conditions(offline: CommandLine) -> None:
    given = "cooldown-over, not-pause-pending,steps-left"
    data = offline.json(*LIFECYCLE, "next", "psyche-run", "Cooldown", "--given", given)
    assert {one["transition"]["target"]: one["possibility"] for one in data["transitions"]} == {
        "WaitingForMembers": "possible",
        "Finished": "impossible",
        "Paused": "impossible",
        "Cooldown": "possible",
    }
    text = offline(*LIFECYCLE, "next", "psyche-run", "Cooldown", "--given", given).stdout
    assert "  Cooldown -> Finished: impossible\n    tick, by anyone\n    contradicts: not-steps-left (false:" in text


def test_a_group_is_validated(offline: CommandLine) -> None:
    group = ("ScoreReady:0a0b0c0d0e0f1011", "scoreready:0a0b0c0d0e0f1012", "ErrorReported")
    assert offline(*LIFECYCLE, "crynux-group", *group).stdout == (
        "GroupValidated, EndGroupRefund, EndInvalidated.\n"
        "  task 1  ScoreReady -> GroupValidated\n"
        "  task 2  ScoreReady -> EndGroupRefund\n"
        "  task 3  ErrorReported -> EndInvalidated\n"
    )
    data = offline.json(*LIFECYCLE, "crynux-group", *group, "--threshold", "1")
    assert [one["after"] for one in data["tasks"]] == ["EndAborted"] * 3
    errors = offline.json(*LIFECYCLE, "crynux-group", *["ErrorReported"] * 3, "--rules", "contract")
    assert [one["after"] for one in errors["tasks"]] == ["EndAborted", "EndAborted", "EndGroupRefund"]
    ranked = ("ScoreReady:61@9", "ScoreReady:61@4", "EndAborted@5")
    relay = offline.json(*LIFECYCLE, "crynux-group", *ranked, "--rules", "relay", "--scores", "text")
    assert [one["after"] for one in relay["tasks"]] == ["EndGroupRefund", "GroupValidated", "EndAborted"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "crynux"), "State machine 'crynux' does not exist."),
        (("explain", "worker", "DONE"), "worker has no state 'DONE'."),
        (("show", "worker", "--state", "9"), "worker has no state '9'."),
        (("next", "worker", "INIT", "--given", "no-slots"), "worker has no condition 'no-slots'."),
        (
            ("next", "worker", "INIT", "--given", "silent,not-silent"),
            "Condition silent cannot both hold and not hold.",
        ),
        (("crynux-group", "ErrorReported"), "A group has 3 tasks, not 1."),
        (
            ("crynux-group", *["Queued"] * 3),
            "Task 1 is invalid: the state 'Queued' is not one of ScoreReady, ErrorReported, EndAborted.",
        ),
        (("crynux-group", "ScoreReady", *["EndAborted"] * 2), "a task needs a score in the state ScoreReady"),
        (("crynux-group", "ErrorReported:0a", *["EndAborted"] * 2), "must not have one in another state"),
        (("crynux-group", "ScoreReady:0x", *["EndAborted"] * 2), "the score is not hexadecimal"),
        (("crynux-group", "ScoreReady:", *["EndAborted"] * 2), "the score is empty"),
        (("crynux-group", "EndAborted@", *["EndAborted"] * 2), "the number after @ is not a non-negative integer"),
        (("crynux-group", f"EndAborted@{2**256}", *["EndAborted"] * 2), "of at most 256 bits"),
        (("crynux-group", *["EndAborted"] * 2, f"EndAborted@{'9' * 5000}"), "Task 3 is invalid: the number after @"),
        (
            ("crynux-group", "EndAborted@2", "EndAborted@1", "EndAborted@3", "--rules", "contract"),
            "The contract rejects this order",
        ),
    ],
)
def test_mistakes_are_usage_errors(offline: CommandLine, words: tuple[str, ...], message: str) -> None:
    outcome = offline(*LIFECYCLE, *words)
    assert outcome.code is ExitCode.USAGE
    assert message in outcome.stderr
    assert outcome.stdout == ""


@pytest.mark.parametrize(
    "tasks",
    [
        ("ScoreReady:0a0b0c0d0e0f101", "ScoreReady:0a0b0c0d0e0f1012", "ErrorReported"),
        ("ScoreReady:0a0b0c0d0e0f10110a0b0c0d0e", "ScoreReady:0a0b0c0d0e0f1011@2", "Queued"),
        ("ScoreReady:0a0b0c0d0e0f1011@12345678901234567890123456", "ScoreReady:0a0b0c0d0e0f1012@2", "ErrorReported@x"),
    ],
)
def test_messages_about_scores_that_look_like_keys_are_complete(offline: CommandLine, tasks: tuple[str, ...]) -> None:
    outcome = offline(*LIFECYCLE, "crynux-group", *tasks)
    assert outcome.code is ExitCode.USAGE
    assert "(not shown)" not in outcome.stderr
    assert "such as ScoreReady:0a0b0c0d0e0f1011.\n" in outcome.stderr


def test_a_key_among_the_tasks_is_not_shown(offline: CommandLine) -> None:
    key = Wallet.generate()._secret_bytes().hex()
    for task in (key, f"ScoreReady:{key}x", f"ScoreReady:00@{key}", f"{key}@1"):
        outcome = offline(*LIFECYCLE, "crynux-group", task, "ErrorReported", "ErrorReported")
        assert outcome.code is ExitCode.USAGE
        assert not any(key[start : start + 8] in outcome.stderr for start in range(0, 121, 8))
