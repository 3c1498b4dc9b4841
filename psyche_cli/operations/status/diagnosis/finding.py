"""What a rule finds, how much it matters, and the form of a rule."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from psyche_cli.operations.status.diagnosis.subject import Subject
    from psyche_cli.protocol.run_states import RunState


class Severity(IntEnum):
    """How much a finding matters.

    A BLOCKING one keeps the run from continuing until someone acts. A WARNING costs members, rewards or time, or will
    do so. A NOTE is normal, but answers a question that users ask.
    """

    NOTE = 1
    WARNING = 2
    BLOCKING = 3

    @property
    def text(self) -> str:
        """The name in output, for example ``warning``."""
        return self.name.lower()


Need: TypeAlias = Literal["time", "instance", "treasury", "authorizations"]
"""What a rule needs besides the coordinator account."""


class Symptom(NamedTuple):
    """What a rule's function returns if the rule applies; the fields are those of ``Finding``."""

    sentence: str
    evidence: tuple[tuple[str, str], ...]
    advice: str
    commands: tuple[str, ...] = ()


class Finding(NamedTuple):
    """A statement about a run that is true now.

    ``rule`` is the id of its rule. ``sentence`` is one or two sentences; ``evidence`` are names and values that support
    it. ``advice`` says what to do, ``commands`` with which commands.
    """

    rule: str
    severity: Severity
    sentence: str
    evidence: tuple[tuple[str, str], ...]
    advice: str
    commands: tuple[str, ...]


class Rule(NamedTuple):
    """A rule of the diagnosis.

    ``condition`` is a clause that says when it applies, for documentation. ``states`` are the states of a run in which
    it can apply, ``prolongs`` those that it makes last longer. ``needs`` is what it needs besides the coordinator
    account; if that is not known, the rule is not checked. ``find`` returns None if the rule does not apply.
    """

    rule: str
    severity: Severity
    states: frozenset[RunState]
    condition: str
    find: Callable[[Subject], Symptom | None]
    needs: Need | None = None
    prolongs: frozenset[RunState] = frozenset()


def counted(count: int, noun: str) -> str:
    """A number with its noun, such as ``1 member`` or ``2 members``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
