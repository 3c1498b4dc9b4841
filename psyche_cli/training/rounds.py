"""What a member does in a round: train its share, check others, publish; then judge all results and apply them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from psyche_cli.training.checker import Check, Share, Verdict, choose_checks, is_checked, judge, own_checks
from psyche_cli.training.exchange import Exchange, Round
from psyche_cli.training.submission import Submission, digest_of
from psyche_cli.training.trainer import BadUpdate, Result, Trainer


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


def work(
    trainer: Trainer, plan: Plan, member: str, *, lie: Callable[[bytes], bytes] | None = None
) -> tuple[Submission, Result]:
    """Train the member's share and check those of others; returns what to publish. ``lie`` falsifies the update."""
    base = trainer.weights_hash()
    result = trainer.train(plan.share_of(member), checked=is_checked(plan.checks, member))
    checks = tuple(
        (check.owner, digest_of(trainer.check(check.sequences))) for check in own_checks(plan.checks, member)
    )
    update = lie(result.update) if lie else result.update
    return Submission(member, base, update, result.loss, result.tokens, checks), result


def conclude(
    trainer: Trainer,
    exchange: Exchange,
    plan: Plan,
    counted: Collection[str],
    *,
    cold_start: int | None = None,
) -> Verdict:
    """Judge the results of the members that count, apply the accepted ones, and return the verdict.

    ``counted`` must be the same for all members: those whose results the witnesses of the round have seen. A member
    that trained from other weights than most members changes nothing: it must restore a checkpoint.
    """
    verdict = judge(plan.shares, plan.checks, read_results(exchange, plan.at, counted), trainer.flaw)
    if verdict.base == trainer.weights_hash():
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
