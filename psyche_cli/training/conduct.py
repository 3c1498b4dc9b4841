"""What the checks of a run found about each member, and what a lie would have cost it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from psyche_cli.training.checker import LIES, Reason, Verdict
from psyche_cli.training.exchange import Round


class Caught(NamedTuple):
    """A lie that was found. ``share`` is the owner of the share in question, if a check found it."""

    at: Round
    reason: Reason
    share: str | None


class Conduct(NamedTuple):
    """A member over a run, in numbers of rounds.

    ``accepted`` are those whose result was applied, ``verified`` those of them in which a check confirmed it, and
    ``left_out`` all others in which it had a share. ``caught`` are the lies that were found.
    """

    member: str
    accepted: int = 0
    verified: int = 0
    left_out: int = 0
    caught: tuple[Caught, ...] = ()


class EpochRates(NamedTuple):
    """The rates of an epoch in base units: what a healthy client earns, and what an ejected one is slashed."""

    earned_per_client: int
    slashed_per_client: int


class LieCost(NamedTuple):
    """What a lying member would have lost, and what its lies did. Amounts are in base units of the run's mint.

    The programs neither slash nor withhold rewards for wrong results: ``forfeited`` are the rewards of the epochs in
    which the member was caught, and ``slashed`` the penalty for being ejected in each. ``rounds_poisoned`` are rounds
    in which a false result was applied because nobody checked it; None if it is not known in which rounds it lied.
    """

    member: str
    times_caught: int
    first_caught: Round
    forfeited: int
    slashed: int
    rounds_poisoned: int | None


class Records:
    """Collects the verdicts of a run's rounds."""

    def __init__(self) -> None:
        self._conduct: dict[str, Conduct] = {}
        self._accepted: dict[str, set[Round]] = {}

    def add(self, at: Round, verdict: Verdict) -> None:
        """Add the verdict on a round."""
        verified = {
            group.check.owner for group in verdict.groups if group.states[0] in ("GroupValidated", "EndGroupRefund")
        }
        for member in verdict.accepted:
            one = self.of(member)
            self._conduct[member] = one._replace(
                accepted=one.accepted + 1, verified=one.verified + (member in verified)
            )
            self._accepted.setdefault(member, set()).add(at)
        for left in verdict.left_out:
            one = self.of(left.member)
            found = (Caught(at, left.reason, left.share),) if left.reason in LIES else ()
            self._conduct[left.member] = one._replace(left_out=one.left_out + 1, caught=one.caught + found)

    def of(self, member: str) -> Conduct:
        """The conduct of a member so far."""
        return self._conduct.get(member, Conduct(member))

    def all(self) -> tuple[Conduct, ...]:
        """The conduct of all members, by name."""
        return tuple(self._conduct[member] for member in sorted(self._conduct))

    def costs(
        self, rates: Mapping[int, EpochRates], lied: Mapping[str, Collection[Round]] | None = None
    ) -> tuple[LieCost, ...]:
        """The cost of each member that was caught.

        ``rates`` are by epoch, and ``lied`` has the rounds in which each member published a false result.
        """
        costs = []
        for one in self.all():
            if one.caught:
                epochs = [
                    rates[epoch] for epoch in sorted({caught.at.epoch for caught in one.caught}) if epoch in rates
                ]
                accepted = self._accepted.get(one.member, set())
                poisoned = None if lied is None else len(accepted & set(lied.get(one.member, ())))
                costs.append(
                    LieCost(
                        one.member,
                        len(one.caught),
                        min(caught.at for caught in one.caught),
                        sum(epoch.earned_per_client for epoch in epochs),
                        sum(epoch.slashed_per_client for epoch in epochs),
                        poisoned,
                    )
                )
        return tuple(costs)
