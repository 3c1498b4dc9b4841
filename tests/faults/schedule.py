"""Randomized faults between a command and its cluster, determined by a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

SLOT_SECONDS = 0.4
FINALITY = 32
PROVING_STATUSES = (400, 401, 403, 404, 405, 413, 415)
PROVING_CODES = (-32600, -32601, -32602, -32003, -32006, -32013, -32015)
OTHER_STATUSES = (202, 204, 302, 408, 409, 425, 429, 499, 500, 502, 503, 504, 520)
OTHER_CODES = (-32005, -32016, 429, -32603, -32004, -32700, -32000)
PREFLIGHT = ("BlockhashNotFound", "AlreadyProcessed", "AccountInUse", {"InstructionError": [0, {"Custom": 6000}]})
# Faults of a request. Those of the first group never reach the validator; for the second it is random.
UNSENT = ("refused", "no connection")
BEFORE = (*UNSENT, "proving status", "proving code")
EITHER = (
    *("silence", "broken", "status", "code", "preflight", "garbage", "html", "truncated", "empty"),
    *("crossed", "no id", "wrong type"),
)
SENDING_ONLY = ("dropped", "late", "very late", "twice", "again")
ALWAYS = ("slow",)
ENDPOINTS_SHARE = 0.25
"""The share of schedules in which the command has two endpoints."""


@dataclass(frozen=True)
class Fork:
    """From ``start`` to ``end``, a node does not see blocks produced since ``start``. With ``learns_votes``, it still
    knows the latest block of the majority."""

    start: float
    end: float
    learns_votes: bool


@dataclass(frozen=True)
class Trouble:
    """What is wrong with the additional endpoint of a command with two endpoints of the same validator.

    ``kind`` is "lag" (it is ``slots`` behind), "busy" (status 429) or "silence" (it stalls). It affects ``count``
    requests after the first ``healthy`` ones. ``preferred`` tells whether it is the first endpoint of the command line.
    """

    kind: str
    preferred: bool
    healthy: int
    count: int
    slots: int

    @classmethod
    def draw(cls, chance: random.Random) -> Trouble:
        return cls(
            kind=chance.choice(("lag", "busy", "silence")),
            preferred=chance.random() < 0.7,
            healthy=chance.choice((0, 0, 1, 2, 4, 6, 8)),
            count=chance.choice((1, 2, 5, 1000)),
            slots=chance.choice((5, 25, 60, 140)),
        )


@dataclass
class Mood:
    """Faults of a group of requests: drawn from ``kinds`` with probability ``rate``, at most ``lasting`` times."""

    kinds: list[str]
    rate: float
    lasting: int

    @classmethod
    def draw(cls, chance: random.Random, kinds: tuple[str, ...]) -> Mood:
        return cls(
            kinds=chance.sample(kinds, chance.choice((1, 1, 2, 4))),
            rate=chance.choice((0.3, 0.7, 1.0, 1.0)),
            lasting=chance.choice((1, 2, 5, 1000, 1000)),
        )

    def next_fault(self, chance: random.Random) -> str | None:
        if self.lasting <= 0 or chance.random() >= self.rate:
            return None
        self.lasting -= 1
        return chance.choice(self.kinds)


def _draw_following(chance: random.Random, kinds: tuple[str, ...]) -> Mood | None:
    """Faults of status requests: none in half of the cases; in a quarter, the status is never returned."""
    if chance.random() < 0.5:
        return None
    if chance.random() < 0.5:
        return Mood([chance.choice(("refused", "no connection", "silence", "broken", "status"))], 1.0, 1000)
    return Mood.draw(chance, kinds)


SENDING = ("sendTransaction", "requestAirdrop")
ABOUT_ONE_TRANSACTION = ("getSignatureStatuses", "getTransaction")
FOLLOWING = (*ABOUT_ONE_TRANSACTION, "getEpochInfo")


class Schedule:
    """All faults of one schedule, determined by a seed."""

    def __init__(self, seed: str) -> None:
        chance = self.chance = random.Random(seed)
        general = (*BEFORE, *EITHER, *EITHER, *ALWAYS)
        self.moods: dict[str, Mood | None] = {
            "send": Mood.draw(chance, (*general, *EITHER, *SENDING_ONLY, "status", "status", "code"))
            if chance.random() < 0.8
            else None,
            "follow": _draw_following(chance, general),
            "other": Mood.draw(chance, general) if chance.random() < 0.15 else None,
        }
        # The fate of all sent bytes: normal, lost, landing at the last moment, or included only in a block of a fork,
        # where they are temporarily reported as processed.
        self.way = chance.choices(("", "dropped", "very late", "ghost"), (80, 7, 7, 6))[0]
        self.ghost_seconds = chance.choice((2.0, 20.0, 70.0, 1000.0))
        self.ghost_error: Any = chance.choice((None, {"InstructionError": [0, {"Custom": 6000}]}))
        # Another process changes the accounts between simulation and execution, so the transaction fails on-chain.
        self.fails = chance.random() < 0.1
        self.statuses = OTHER_STATUSES if chance.random() < 0.4 else (chance.choice((*OTHER_STATUSES, *[429] * 8)),)
        self.retry_after = chance.choice(([None], [None, 0, 1, 7], [30], [30, 9999]))
        # Whether blocks are finalized gradually, as on a cluster. Without this there are no forks.
        self.gradual = chance.random() < (1.0 if self.way == "very late" else 0.5)
        # Seconds until a block receives the votes that confirm it.
        self.votes_late = chance.choice((0.0, 0.0, 0.0, 5.0, 30.0, 1000.0)) if self.gradual else 0.0
        self.fork_seconds = chance.uniform(0, 13) if self.gradual and chance.random() < 0.5 else 0.0
        self.fork_learns_votes = chance.random() < 0.5
        self.fork_delay = chance.choice((0.0, 58.0)) if self.way != "very late" else 58.0
        self.node_count = chance.choice((1, 1, 2, 3))
        self.lag = chance.choice((0.0, 0.0, 2.0, 10.0, 40.0))
        # Whether the gateway routes requests about a transaction to one node, and all others to another.
        self.routed = chance.random() < 0.3
        self.old_nodes = chance.random() < 0.1
        self.silent_from = chance.randrange(14) if chance.random() < 0.1 else None
        self.interrupt_request = chance.randrange(16) if chance.random() < 0.1 else None
        self.interrupt_sleep = chance.randrange(12) if chance.random() < 0.08 else None
        self.interrupted_is_executed = 0.5
        # A second endpoint of the validator, with trouble of its own; both have the faults above.
        self.trouble = Trouble.draw(chance) if chance.random() < ENDPOINTS_SHARE else None
        # Set by tests in which the process is killed: at a request, or at a wait or a write to the journal.
        self.kill_request: int | None = None

    @classmethod
    def calm(cls, seed: str) -> Schedule:
        """A schedule without faults, to which a single fault can be added."""
        schedule = cls(seed)
        schedule.moods = dict.fromkeys(schedule.moods)
        schedule.way, schedule.fails, schedule.old_nodes = "", False, False
        schedule.gradual, schedule.votes_late, schedule.fork_seconds = True, 0.0, 0.0
        schedule.node_count, schedule.lag, schedule.routed = 1, 0.0, False
        schedule.silent_from = schedule.interrupt_request = schedule.interrupt_sleep = schedule.trouble = None
        return schedule

    def fault(self, method: str) -> str | None:
        """The fault of the next request, or None."""
        group = "send" if method in SENDING else "follow" if method in FOLLOWING else "other"
        mood = self.moods[group]
        return None if mood is None else mood.next_fault(self.chance)
