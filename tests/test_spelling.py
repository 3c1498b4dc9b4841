"""Suggestions are made for typos, but not for different words."""

from __future__ import annotations

import pytest

from psyche_cli.cli.spelling import distance, near_misspellings
from tests.support.verb_names import LOCALNET, VERBS


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("creat-run", "create-run"),
        ("craete-run", "create-run"),
        ("createrun", "create-run"),
        ("json-dump-rum", "json-dump-run"),
        ("json-dump-uesr", "json-dump-user"),
        ("treasuer-top-up-reward", "treasurer-top-up-rewards"),
        ("join-athorizaton-create", "join-authorization-create"),
        ("set-pause", "set-paused"),
        ("localent", "localnet"),
    ],
)
def test_a_typo_is_recognized(word: str, meant: str) -> None:
    assert near_misspellings(word, VERBS) == [meant]


@pytest.mark.parametrize(
    "word",
    [
        "close-run",
        "delete-run",
        "status",
        "pause",
        "unset-paused",
        "reset-paused",
        "run",
        "dump",
        "resume",
        "help",
        "x",
    ],
)
def test_a_different_word_is_not_mistaken_for_a_verb(word: str) -> None:
    assert near_misspellings(word, VERBS) == []


def test_a_similar_verb_with_another_meaning_is_not_suggested() -> None:
    assert near_misspellings("get-account", LOCALNET) == []
    assert near_misspellings("wake", LOCALNET) == []
    assert near_misspellings("--pause", ["--resume", "--run-id"]) == []


def test_the_closest_match_comes_first() -> None:
    assert near_misspellings("json-dump-runs", ["json-dump-rund", "json-dump-run", "json-dump-burns"]) == [
        "json-dump-run",
        "json-dump-rund",
    ]


@pytest.mark.parametrize(
    ("one", "other", "steps"), [("", "", 0), ("", "ab", 2), ("ab", "ba", 1), ("abc", "abd", 1), ("abcd", "badc", 2)]
)
def test_distance(one: str, other: str, steps: int) -> None:
    assert distance(one, other) == distance(other, one) == steps


@pytest.mark.parametrize(
    "asking", ["get", "show", "list", "read", "check", "dump", "delete", "remove", "close", "status"]
)
def test_a_word_that_asks_to_look_or_to_delete_is_not_a_typo_of_another(asking: str) -> None:
    for verb in (*VERBS, *LOCALNET):
        head, *rest = verb.split("-")
        for word in ("-".join([asking, *rest]), "-".join([head, *rest[:-1], asking])):
            assert all(asking in name.split("-") for name in near_misspellings(word, (*VERBS, *LOCALNET)))
    assert near_misspellings("show", ["shop"]) == []
    assert near_misspellings("close-runs", ["close-run"]) == ["close-run"]
    assert near_misspellings("read-runs", ["real-runs"]) == []
