"""A lying member is found if two honest ones compute the same share, and all members come to the same verdict."""

from __future__ import annotations

import random

import pytest

from psyche_cli.training.checker import (
    Check,
    Reason,
    Share,
    choose_checks,
    is_checked,
    judge,
    own_checks,
)
from psyche_cli.training.submission import Submission
from psyche_cli.training.trainer import Result

BASE, OTHER_BASE = "a" * 64, "b" * 64


def shares_of(count: int, *, empty: int = 0) -> list[Share]:
    return [Share(f"m{n}", range(n * 4, n * 4 + (0 if n >= count - empty else 4))) for n in range(count)]


def true_update(owner: str) -> bytes:
    return f"update of {owner}".encode()


def score_of(update: bytes) -> str:
    return Result(update, 1.0, 4).score


def honest(member: str, checks: tuple[Check, ...], base: str = BASE) -> Submission:
    mine = tuple((check.owner, score_of(true_update(check.owner))) for check in own_checks(checks, member))
    return Submission(member, base, true_update(member), 1.0, 4, mine)


def no_flaw(update: bytes) -> str | None:
    return "it is random" if update.startswith(b"random") else None


def lying(kind: str, member: str, checks: tuple[Check, ...], generator: random.Random) -> Submission | str:
    one = honest(member, checks)
    if kind == "update":
        return one._replace(update=generator.randbytes(20))
    if kind == "copied":
        return one._replace(update=true_update("m0" if member != "m0" else "m1"))
    if kind == "random":
        return one._replace(update=b"random" + generator.randbytes(4))
    if kind == "bytes":
        return "its header is not JSON"
    return one._replace(checks=tuple((owner, score_of(generator.randbytes(8))) for owner, _ in one.checks))


@pytest.mark.parametrize("seed", range(4))
def test_over_thousands_of_random_rounds_liars_are_found_and_nobody_else(seed: int) -> None:
    generator = random.Random(seed)
    found_by: dict[str, int] = dict.fromkeys(("update", "copied", "random", "bytes", "check"), 0)
    for number in range(1000):
        count = generator.randint(3, 12)
        shares = shares_of(count, empty=generator.choice([0, 0, 1]))
        checks = choose_checks(shares, number, generator.choice([20, 50, 100]))
        members = [share.member for share in shares if share.sequences]
        liar, kind = generator.choice(members), generator.choice(list(found_by))
        absent = generator.choice(members) if generator.random() < 0.3 else None
        found: dict[str, Submission | str] = {m: honest(m, checks) for m in members if m not in (liar, absent)}
        if liar != absent:
            found[liar] = lying(kind, liar, checks, generator)
        verdict = judge(shares, checks, found, no_flaw)
        assert set(verdict.liars) <= {liar}, "an honest member is named"
        # The evidence: a group of three with the liar in which both others published, or bytes without a meaning.
        groups = [check for check in checks if liar in (check.owner, *check.checkers)]
        complete = [check for check in groups if absent not in (check.owner, *check.checkers)]
        lied = [c for c in complete if (c.owner == liar) == (kind != "check")] if kind != "bytes" else []
        if liar != absent and (kind in ("random", "bytes") or lied):
            assert verdict.liars == (liar,)
            assert liar not in verdict.accepted
            found_by[kind] += 1
        for member in members:
            if member not in (liar, absent):
                reasons = [one.reason for one in verdict.left_out if one.member == member]
                assert reasons in ([], [Reason.UNDECIDED])
                assert (member in verdict.accepted) == (not reasons)
                # Without a liar's or an absent member's share in it, a group always agrees.
                if reasons:
                    group = next(check for check in checks if check.owner == member)
                    assert {liar, absent} & set(group.checkers)
        assert [*verdict.accepted] == [m for m in members if m in verdict.accepted]
        assert len(verdict.updates) == len(verdict.accepted)
    assert min(found_by.values()) > 20, found_by


def test_two_liars_that_lie_alike_win_and_two_that_lie_differently_leave_it_undecided() -> None:
    shares = shares_of(3)
    checks = choose_checks(shares, 1, 100)
    found: dict[str, Submission | str] = {m: honest(m, checks) for m in ("m0", "m1", "m2")}
    false = b"false"
    one, other = (checker for checker in checks[0].checkers)
    assert checks[0].owner == "m0"
    claim = {"m0": score_of(false)}
    owner, first, second = found["m0"], found[one], found[other]
    assert isinstance(owner, Submission)
    assert isinstance(first, Submission)
    assert isinstance(second, Submission)
    lie = owner._replace(update=false)
    agrees = first._replace(checks=tuple((o, claim.get(o, d)) for o, d in first.checks))
    verdict = judge(shares, checks[:1], {"m0": lie, one: agrees, other: second}, no_flaw)
    assert verdict.liars == (other,)
    differs = first._replace(checks=tuple((o, "c" * 64 if o == "m0" else d) for o, d in first.checks))
    verdict = judge(shares, checks[:1], {"m0": lie, one: differs, other: second}, no_flaw)
    assert verdict.liars == ()
    assert [(one.member, one.reason) for one in verdict.left_out] == [("m0", Reason.UNDECIDED)]


def test_a_check_that_a_checker_did_not_deliver_is_not_held_against_the_others() -> None:
    shares = shares_of(3)
    checks = choose_checks(shares, 1, 100)[:1]
    silent = [honest(name, ()) for name in checks[0].checkers]
    found: dict[str, Submission | str] = {"m0": honest("m0", checks), **{one.member: one for one in silent}}
    verdict = judge(shares, checks, found, no_flaw)
    assert verdict.liars == ()
    assert verdict.accepted == tuple(one for one in ("m0", "m1", "m2") if one != "m0")


def test_members_that_trained_from_other_weights_are_left_out_but_are_no_liars() -> None:
    shares = shares_of(5)
    checks = choose_checks(shares, 3, 100)
    found: dict[str, Submission | str] = {share.member: honest(share.member, checks) for share in shares}
    found["m2"] = Submission("m2", OTHER_BASE, b"other", 1.0, 4, (("m0", "d" * 64), ("m1", "e" * 64)))
    verdict = judge(shares, checks, found, no_flaw)
    assert verdict.base == BASE
    assert verdict.liars == ()
    assert verdict.accepted == ("m0", "m1", "m3", "m4")
    assert verdict.left_out[0][:2] == ("m2", Reason.OTHER_WEIGHTS)


def test_absent_members_and_those_without_sequences_are_not_accepted() -> None:
    shares = shares_of(4, empty=1)
    verdict = judge(shares, (), {"m0": honest("m0", ()), "m3": honest("m3", ()), "m9": honest("m9", ())}, no_flaw)
    assert verdict.accepted == ("m0",)
    assert [(one.member, one.reason) for one in verdict.left_out] == [("m1", Reason.ABSENT), ("m2", Reason.ABSENT)]
    nothing = judge(shares, choose_checks(shares, 1, 100), {}, no_flaw)
    assert (nothing.base, nothing.accepted, nothing.updates) == (None, (), ())


def test_the_verdict_does_not_depend_on_the_order_in_which_results_are_found() -> None:
    shares = shares_of(6)
    checks = choose_checks(shares, 9, 100)
    found: dict[str, Submission | str] = {share.member: honest(share.member, checks) for share in shares}
    found["m4"] = lying("update", "m4", checks, random.Random(1))
    found["m5"] = honest("m5", checks, OTHER_BASE)
    expected = judge(shares, checks, found, no_flaw)
    for seed in range(20):
        names = list(found)
        random.Random(seed).shuffle(names)
        assert judge(shares, checks, {name: found[name] for name in names}, no_flaw) == expected


def test_the_share_of_checked_shares_is_that_of_the_percentage() -> None:
    shares = shares_of(8)
    chosen = [choose_checks(shares, seed, 25) for seed in range(1000)]
    assert 1800 < sum(map(len, chosen)) < 2200
    owners = [check.owner for checks in chosen for check in checks]
    checkers = [name for checks in chosen for check in checks for name in check.checkers]
    for share in shares:
        assert 150 < owners.count(share.member) < 350
        assert 350 < checkers.count(share.member) < 650
    assert all(len({check.owner, *check.checkers}) == 3 for checks in chosen for check in checks)
    assert all(not choose_checks(shares, seed, 0) for seed in range(50))
    assert all(len(choose_checks(shares, seed, 100)) == 8 for seed in range(50))
    assert choose_checks(shares_of(3, empty=1), 1, 100) == ()
    assert choose_checks(shares, 7, 50) == choose_checks(list(shares), 7, 50)
    assert is_checked(choose_checks(shares, 7, 100), "m3")
    assert not is_checked((), "m3")


def test_an_owner_whose_bytes_are_no_update_is_invalid_in_its_group_and_an_absent_one_is_not() -> None:
    shares = shares_of(3)
    checks = choose_checks(shares, 1, 100)[:1]
    found: dict[str, Submission | str] = {share.member: honest(share.member, checks) for share in shares}
    for bad, state in ((honest("m0", checks)._replace(update=b"random"), "EndInvalidated"), (None, "EndAborted")):
        others = {name: one for name, one in found.items() if name != "m0"}
        verdict = judge(shares, checks, {**others, "m0": bad} if bad else others, no_flaw)
        assert verdict.groups[0].states == (state, "GroupValidated", "EndGroupRefund")
        assert set(verdict.accepted) == {"m1", "m2"}
