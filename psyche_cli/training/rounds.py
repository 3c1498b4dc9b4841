"""What a member does in a round: train its share, check others, publish; then judge all results and apply them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from psyche_cli.training.checker import Check, Share, Verdict, choose_checks, is_checked, judge, own_checks
from psyche_cli.training.exchange import Exchange, Round
from psyche_cli.training.submission import Submission
from psyche_cli.training.trainer import BadUpdate, Trainer


class Plan(NamedTuple):
    """A round as all members know it: the share of each, in the order in which results are applied, and the checks."""

    at: Round
    shares: tuple[Share, ...]
    checks: tuple[Check, ...]

    def share_of(self, member: str) -> range:
        """The sequences of a member; empty if it has none."""
        return next((share.sequences for share in self.shares if share.member == member), range(0))


def plan_round(at: Round, shares: Sequence[tuple[str, range]], seed: int, check_percent: float) -> Plan:
    """The plan of a round with the shares of ``model.data_assignment``; ``seed`` is the round's random seed."""
    named = tuple(Share(member, sequences) for member, sequences in shares)
    return Plan(at, named, choose_checks(named, seed, check_percent))


def work(trainer: Trainer, plan: Plan, member: str) -> Submission:
    """Train the member's share and check those of others; returns what to publish."""
    base = trainer.weights_hash()
    result = trainer.train(plan.share_of(member), checked=is_checked(plan.checks, member))
    checks = tuple((one.owner, trainer.check(one.sequences).score) for one in own_checks(plan.checks, member))
    return Submission(member, base, result.update, result.loss, result.tokens, checks)


def conclude(
    trainer: Trainer,
    plan: Plan,
    results: Mapping[str, Submission | str],
    *,
    cold_start: int | None = None,
) -> Verdict:
    """Judge ``results``, apply the accepted ones, and return the verdict.

    ``results`` are those of ``read_results`` for the members that count, which must be the same for all: those whose
    results the witnesses of the round have seen.
    """
    verdict = judge(plan.shares, plan.checks, results, trainer.flaw)
    if verdict.updates:
        trainer.apply(plan.at.step, verdict.updates, cold_start=cold_start)
    return verdict


def read_results(exchange: Exchange, at: Round, members: Collection[str]) -> dict[str, Submission | str]:
    """The submission of each member that published one, or why its bytes are not a submission."""
    found: dict[str, Submission | str] = {}
    for member in members:
        try:
            submission = exchange.read(at, member)
        except BadUpdate as error:
            found[member] = str(error)
        else:
            if submission is not None:
                found[member] = submission
    return found
