"""Finds members whose results are wrong: three members compute the same share, and their hashes are compared.

Which shares are checked, and by whom, follows from the round's random seed, so all members know it. The group table of
Crynux then decides, with the owner of the share first. If two of the three are honest, they agree, and the third is
found if it lies. All members come to the same verdict, because it depends on the submissions of the round only.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Final, NamedTuple

from psyche_cli.lifecycle.crynux_group import GROUP_SIZE, GroupTask, ScoreKind, validate_group
from psyche_cli.limits import U64_MAX
from psyche_cli.model.data_assignment import shuffled
from psyche_cli.training.submission import Submission

_INVALID: Final = "EndInvalidated"
_ABORTED: Final = "EndAborted"
_WHOLE: Final = 100


class Share(NamedTuple):
    """A member and the sequences of the round's batch that it trains."""

    member: str
    sequences: range


class Check(NamedTuple):
    """A share that two other members compute as well."""

    owner: str
    sequences: range
    checkers: tuple[str, ...]


class Reason(str, Enum):
    """Why the result of a member is left out of a round."""

    ABSENT = "absent"
    """It published no result."""
    MALFORMED = "malformed"
    """Its bytes are not a submission, or not an update of the model."""
    OTHER_WEIGHTS = "other-weights"
    """It trained from other weights than most members."""
    WRONG_RESULT = "wrong-result"
    """Two checkers agree on another result for its share."""
    WRONG_CHECK = "wrong-check"
    """The owner and the other checker of a share agree on another result than its own."""
    UNDECIDED = "undecided"
    """Its share was to be checked, but no two results agree."""


LIES: Final = frozenset({Reason.MALFORMED, Reason.WRONG_RESULT, Reason.WRONG_CHECK})
"""The reasons that only a member that misbehaves gives."""


class LeftOut(NamedTuple):
    """A member whose result is left out. ``share`` is the owner of the share that was checked, if that is why."""

    member: str
    reason: Reason
    share: str | None = None
    detail: str = ""


class GroupVerdict(NamedTuple):
    """A check with the state of each member of its group, by the names of the group table."""

    check: Check
    states: tuple[str, ...]


class Verdict(NamedTuple):
    """What all members conclude from a round.

    ``base`` is the hash of the weights that most members trained from, None without any submission. ``accepted`` are
    the members whose ``updates`` are applied, in this order.
    """

    base: str | None
    accepted: tuple[str, ...]
    updates: tuple[bytes, ...]
    left_out: tuple[LeftOut, ...]
    groups: tuple[GroupVerdict, ...]

    @property
    def liars(self) -> tuple[str, ...]:
        """The members that are found to misbehave, sorted."""
        return tuple(sorted({one.member for one in self.left_out if one.reason in LIES}))


def choose_checks(shares: Sequence[Share], seed: int, percent: float) -> tuple[Check, ...]:
    """The checks of a round: each share with a probability of ``percent``, and by two of the other members.

    ``seed`` is the round's random seed. Shares without sequences are not checked, and fewer than three members cannot
    check each other.
    """
    working = [share for share in shares if share.sequences]
    if len(working) < GROUP_SIZE:
        return ()
    checks = []
    for share in working:
        drawn = int.from_bytes(hashlib.sha256(f"{seed}/{share.member}".encode()).digest()[:16], "big")
        if (drawn >> 64) * _WHOLE < percent * (U64_MAX + 1):
            others = [other.member for other in working if other.member != share.member]
            chosen = shuffled(others, drawn & U64_MAX)[: GROUP_SIZE - 1]
            checks.append(Check(share.member, share.sequences, tuple(chosen)))
    return tuple(checks)


def own_checks(checks: Sequence[Check], member: str) -> tuple[Check, ...]:
    """The checks of other members' shares that the member must compute."""
    return tuple(check for check in checks if member in check.checkers)


def is_checked(checks: Sequence[Check], member: str) -> bool:
    """Whether the member's own share is checked."""
    return any(check.owner == member for check in checks)


def judge(
    shares: Sequence[Share],
    checks: Sequence[Check],
    found: Mapping[str, Submission | str],
    flaw: Callable[[bytes], str | None],
) -> Verdict:
    """The verdict on a round.

    ``found`` has the submission of each member that published one, or why its bytes are not a submission. ``flaw`` is
    that of the trainer. Updates are accepted in the order of ``shares``. Only members with sequences count.
    """
    members = [share.member for share in shares if share.sequences]
    left_out = _without_result(members, found, flaw)
    sound = {name: one for name, one in found.items() if isinstance(one, Submission) and name in members}
    base = _most_common_base(members, {name: one for name, one in sound.items() if name not in left_out})
    for name, one in sound.items():
        if name not in left_out and one.base != base:
            left_out[name] = LeftOut(name, Reason.OTHER_WEIGHTS)
    usable = {name: one for name, one in sound.items() if name not in left_out}
    groups = tuple(_group(check, usable, left_out) for check in checks)
    for group in groups:
        _add_findings(group, usable, left_out)
    accepted = tuple(name for name in members if name not in left_out)
    updates = tuple(usable[name].update for name in accepted)
    return Verdict(base, accepted, updates, tuple(left_out[name] for name in members if name in left_out), groups)


def _without_result(
    members: Sequence[str], found: Mapping[str, Submission | str], flaw: Callable[[bytes], str | None]
) -> dict[str, LeftOut]:
    """Members without a usable result of their own."""
    left_out = {}
    for name in members:
        one = found.get(name)
        if one is None:
            left_out[name] = LeftOut(name, Reason.ABSENT)
        elif (problem := one if isinstance(one, str) else flaw(one.update)) is not None:
            left_out[name] = LeftOut(name, Reason.MALFORMED, detail=problem)
    return left_out


def _most_common_base(members: Sequence[str], sound: Mapping[str, Submission]) -> str | None:
    counts = Counter(sound[name].base for name in members if name in sound)
    # Of equally common ones, the one of the first member: a Counter keeps the order of insertion.
    return counts.most_common(1)[0][0] if counts else None


def _group(check: Check, usable: Mapping[str, Submission], left_out: Mapping[str, LeftOut]) -> GroupVerdict:
    """The states of the owner and its checkers after the validation."""
    malformed = check.owner in left_out and left_out[check.owner].reason is Reason.MALFORMED
    tasks = []
    for name in (check.owner, *check.checkers):
        if name == check.owner:
            score = usable[name].score if name in usable else None
        else:
            score = dict(usable[name].checks).get(check.owner) if name in usable else None
        if score is not None:
            tasks.append(GroupTask("ScoreReady", bytes.fromhex(score)))
        else:
            tasks.append(GroupTask("ErrorReported" if name == check.owner and malformed else _ABORTED))
    return GroupVerdict(check, tuple(validate_group(tasks, kind=ScoreKind.TEXT)))


def _add_findings(group: GroupVerdict, usable: Mapping[str, Submission], left_out: dict[str, LeftOut]) -> None:
    owner, *checkers = (group.check.owner, *group.check.checkers)
    for name, state in zip((owner, *checkers), group.states, strict=True):
        if name not in usable:
            continue
        if state == _INVALID:
            reason = Reason.WRONG_RESULT if name == owner else Reason.WRONG_CHECK
            if left_out.get(name, LeftOut(name, Reason.UNDECIDED)).reason is Reason.UNDECIDED:
                left_out[name] = LeftOut(name, reason, share=owner)
        elif state == _ABORTED and name == owner:
            left_out.setdefault(name, LeftOut(name, Reason.UNDECIDED, share=owner))
