"""What the registry, the chain and the report of a rehearsal must agree on, and which liars must have been found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from psyche_cli.operations.rehearsal.payloads import RehearsedRound
from psyche_cli.rehearsal.faults import Fault
from psyche_cli.rehearsal.record import RoundRecord
from psyche_cli.rehearsal.settings import name_of, number_of

from .rehearsal_runs import Plan, Rehearsed
from .verdicts import Conclusion, conclusions, shares_of

LIES = ("malformed", "wrong-result", "wrong-check")
ENDS = ("TERMINATED", "FAULTED", "CANCELLED")


def judge(plan: Plan, found: Rehearsed) -> Iterator[str]:
    """What is wrong with a rehearsal, one sentence each."""
    yield from _wrong_ends(plan, found)
    yield from _wrong_rounds(found)
    yield from _wrong_rows(found)
    for number in range(1, plan.members + 1):
        yield from (f"member {number}: {text}" for text in _wrong_presence(plan, found, number))
        yield from (f"member {number}: {text}" for text in _wrong_life(found, number))
    concluded = concluded_of(plan, found)
    yield from _wrong_shares(found)
    yield from _wrong_verdicts(found, concluded)
    yield from _wrong_lies(plan, found, concluded)
    if not found.data.agreed:
        yield "members had different weights after a round"


def concluded_of(plan: Plan, found: Rehearsed) -> list[Conclusion]:
    """What follows from each round."""
    return [*conclusions(found.files, found.states, _names(found), seed=plan.seed, percent=plan.check_percent)]


def outcomes(plan: Plan, found: Rehearsed) -> Counter[str]:
    """How many lies came to which end, so that it can be seen that the judge had something to judge."""
    counts: Counter[str] = Counter()
    for one in concluded_of(plan, found):
        honest = {name for group in one.groups if group.has_honest_majority for name in group.refuted()}
        outvoted = {name for group in one.groups if group.agreeing != group.true for name in group.refuted()}
        counts["honest members outvoted"] += len(outvoted - one.lied)
        for name in one.lied:
            scores = [
                score != group.true
                for group in one.groups
                for member, score in zip(group.members, group.scores, strict=True)
                if member == name and score is not None
            ]
            if one.left_out.get(name) == "malformed":
                counts["malformed"] += 1
            elif name in honest:
                counts["refuted by an honest majority"] += 1
            elif not any(scores):
                counts["not checked or not seen"] += 1
            else:
                counts["no honest majority"] += 1
    return counts


# --- the report, the chain and the registry ---------------------------------------------------------------------------


def _begun(found: Rehearsed, fault: Fault) -> int | None:
    return found.evidence.seen.begun_at(fault)


def _wrong_ends(plan: Plan, found: Rehearsed) -> Iterator[str]:
    data = found.data
    if data.end not in ("finished", "epochs"):
        fate = {fault.kind for fault in plan.faults}
        if data.end in ("paused", "too-long") or not fate & {"kill", "hang", "leave", "partition", "late", "slow"}:
            yield f"it ended with {data.end}: {data.reason}"
    for number, worker in found.workers.items():
        member = data.member_list[number - 1]
        if (member.worker, member.ended) != (worker.state, worker.reason):
            yield f"member {number}: the report has {member.worker} ({member.ended}), the registry {worker.state}"
        kills = [fault for fault in plan.faults if (fault.kind, fault.member) == ("kill", number)]
        killed = any(_begun(found, fault) is not None for fault in kills)
        if worker.state == "FAULTED" and not killed:
            yield f"member {number}: its worker is FAULTED, and no fault kills it: {worker.reason}"
        if worker.state == "FAULTED" and worker.exit_signal != 9:
            yield f"member {number}: it was killed, and its worker ended with {worker.exit_code}, {worker.exit_signal}"


def _wrong_rounds(found: Rehearsed) -> Iterator[str]:
    record, data = found.evidence.record, found.data
    if [(one.epoch, one.step) for one in record.all_rounds] != [(one.epoch, one.step) for one in data.round_list]:
        yield "the report has other rounds than the chain"
    steps = [one.step for one in data.round_list]
    if steps != sorted(set(steps)):
        yield f"the steps do not grow: {steps}"
    if data.steps != record.state.step - record.first.step:
        yield f"the report has {data.steps} steps"
    paid = sum(member.earned.base_units for member in data.member_list)
    if data.paid.base_units != paid:
        yield f"the report has {data.paid} paid, and {paid} earned"
    for member in data.member_list:
        if member.claimed.base_units > member.earned.base_units:
            yield f"member {member.member} has claimed more than it has earned"


def _wrong_rows(found: Rehearsed) -> Iterator[str]:
    """Compare each row of the report with the chain, and with what the workers told."""
    evidence = found.evidence
    for one, shown in zip(evidence.record.all_rounds, found.data.round_list, strict=False):
        left_out = {number_of(name) for name in _told(found, one.step)}
        wanted = {
            "clients": evidence.numbers(one.clients),
            "witnesses": evidence.numbers(one.witnesses),
            "dropped": evidence.numbers(one.dropped),
            "counted": tuple(number for number in evidence.numbers(one.seen) if number not in left_out),
            "after": one.began_at - evidence.record.started_at,
            "seconds": None if one.ended_at is None else one.ended_at - one.began_at,
            "sequences": one.sequences,
        }
        for name, value in wanted.items():
            if getattr(shown, name) != value:
                yield f"step {one.step}: the report has {name} {getattr(shown, name)}, the chain {value}"
    for member in found.data.member_list:
        rows = [one for one in found.data.round_list if member.member in one.clients]
        counts = [sum(member.member in part for part in column) for column in zip(*map(_columns, rows), strict=True)]
        if [member.counted, member.witnessed, len(member.dropped_at_steps)] != (counts or [0, 0, 0]):
            yield f"member {member.member}: its totals are not those of the rounds"


def _columns(one: RehearsedRound) -> tuple[tuple[int, ...], ...]:
    return one.counted, one.witnesses, one.dropped


def _wrong_presence(plan: Plan, found: Rehearsed, number: int) -> Iterator[str]:
    """Compare when a member was alive by its faults, by the chain, and by its telemetry."""
    own = [fault for fault in plan.faults if fault.member == number]
    rounds = list(zip(found.evidence.record.all_rounds, found.data.round_list, strict=False))
    for record, shown in rounds:
        absent = [fault for fault in own if _is_absent(found, fault, record)]
        if absent and number in shown.witnesses:
            yield f"it witnessed step {shown.step}, during which: {absent[0].text}"
        if absent and number in shown.counted:
            yield f"its result of step {shown.step} counted, during which: {absent[0].text}"
    if not own:
        yield from _wrong_attendance(found, rounds, number)
        if found.workers[number].state != "TERMINATED" and found.data.end in ("finished", "epochs"):
            yield f"it has no fault, and its worker is {found.workers[number].state}: {found.workers[number].reason}"
    worker = found.workers[number]
    for fault in own:
        if fault.kind == "kill" and _begun(found, fault) is not None and worker.state == "TERMINATED":
            yield "it was killed, and its worker is TERMINATED"


def _is_absent(found: Rehearsed, fault: Fault, one: RoundRecord) -> bool:
    """Whether a member can neither train nor witness during the whole round because of a fault."""
    began = _begun(found, fault)
    if fault.kind == "late":
        return began is None or (one.ended_at is not None and one.ended_at <= began)
    if fault.kind not in ("kill", "hang", "partition", "leave") or began is None or one.ended_at is None:
        return False
    until = found.evidence.seen.until(fault)
    return began < one.began_at and (until is None or one.ended_at < until)


def _wrong_attendance(found: Rehearsed, rounds: list[tuple[RoundRecord, RehearsedRound]], number: int) -> Iterator[str]:
    wallet = found.evidence.wallets[number - 1]
    for record, shown in rounds:
        if number in shown.clients:
            if number in shown.dropped:
                yield f"it has no fault, and was dropped after step {shown.step}"
            if record.ended_at is not None and not record.is_lost and wallet not in record.seen:
                yield f"it has no fault, and nobody saw its result of step {shown.step}: {shown.why}"


def _wrong_life(found: Rehearsed, number: int) -> Iterator[str]:
    """Compare when a worker lived by the registry with what it did on the chain, and told by telemetry."""
    moves = [move for move in found.moves if move.worker_id == name_of(number)]
    ready = next((move.at for move in moves if move.target == "READY"), None)
    ended = next((move.at for move in moves if move.target in ENDS), None)
    if ready is None or ended is None:
        yield f"the registry has {[move.target for move in moves]} for it"
        return
    for one, shown in zip(found.evidence.record.all_rounds, found.data.round_list, strict=False):
        begun = next(sample.real for sample in found.samples if sample.cluster >= one.began_at)
        reported = one.step in {line.step for line in found.evidence.telemetry if line.member == number}
        did = "reported" if number in shown.witnesses else "told of" if reported else ""
        if did and ended < begun:
            yield f"the registry has its end before step {one.step} began, which it {did}"
        if did and one.ended_at is not None:
            over = next((sample.real for sample in found.samples if sample.cluster > one.ended_at), None)
            if over is not None and ready > over:
                yield f"the registry has it ready after step {one.step} ended, which it {did}"


# --- lies -------------------------------------------------------------------------------------------------------------


def _names(found: Rehearsed) -> dict[bytes, str]:
    return {wallet: name_of(number) for number, wallet in enumerate(found.evidence.wallets, 1)}


def _lines(found: Rehearsed, step: int) -> Iterator[tuple[int, dict[str, str], str]]:
    """What each member told about a step: its number, whose results it left out and why, and its weights."""
    for line in found.evidence.telemetry:
        if line.step == step:
            parts = (part.partition(":") for part in line.texts.get("left_out", "").split())
            yield line.member, {name: reason for name, _, reason in parts}, line.texts["weights"]


def _told(found: Rehearsed, step: int) -> Mapping[str, str]:
    """What most members told about a step."""
    told = Counter(tuple(sorted(left_out.items())) for _, left_out, _ in _lines(found, step))
    return dict(told.most_common(1)[0][0]) if told else {}


def _wrong_shares(found: Rehearsed) -> Iterator[str]:
    """Compare the rounds that the members closed with those on the chain."""
    records = {one.step: one for one in found.evidence.record.all_rounds}
    for step, closed in found.files.closed.items():
        wanted = [
            [share.member, share.sequences.start, share.sequences.stop]
            for share in shares_of(found.states[step], _names(found))
        ]
        if closed["shares"] != wanted:
            yield f"step {step}: the members share the batch as {closed['shares']}, the chain as {wanted}"
        if closed["seed"] != found.states[step].current_round.random_seed:
            yield f"step {step}: the members use another random seed than the chain has"
        seen = {_names(found)[wallet] for wallet in records[step].seen}
        if set(closed["members"]) != seen:
            yield f"step {step}: the members count {closed['members']}, the witnesses have seen {sorted(seen)}"


def _wrong_verdicts(found: Rehearsed, concluded: list[Conclusion]) -> Iterator[str]:
    """Every member must conclude the same, and what follows from the files."""
    for one in concluded:
        for member, left_out, weights in _lines(found, one.step):
            if left_out != one.left_out:
                yield f"step {one.step}: member {member} left out {left_out} instead of {dict(one.left_out)}"
            if weights != one.weights.hash:
                yield f"step {one.step}: member {member} has other weights than follow from the results that count"
    for line in found.evidence.telemetry:
        if line.step not in found.files.closed:
            yield f"member {line.member} told of step {line.step}, which nobody closed"


def _wrong_lies(plan: Plan, found: Rehearsed, concluded: list[Conclusion]) -> Iterator[str]:
    """The report must name every liar that an honest majority refutes, and nobody else but those whom liars outvote."""
    may_lie = {fault.member for fault in plan.faults if fault.kind == "lie"}
    reported = {lie.member: lie for lie in found.data.lies}
    told = {line.step for line in found.evidence.telemetry}
    steps: dict[int, list[int]] = {number: [] for number in range(1, plan.members + 1)}
    accused: dict[int, list[int]] = {number: [] for number in range(1, plan.members + 1)}
    for one in concluded:
        for name in one.lied - {name_of(number) for number in may_lie}:
            yield f"step {one.step}: {name} published something that it did not compute, and no fault lets it lie"
        if one.step not in told:
            continue
        refuted = {name for group in one.groups if group.has_honest_majority for name in group.refuted()}
        outvoted = {name for group in one.groups if group.agreeing != group.true for name in group.refuted()}
        named = {number for number, lie in reported.items() if one.step in (*lie.steps, *lie.accused_at)}
        for number in steps:
            name = name_of(number)
            if name in refuted | {who for who, why in one.left_out.items() if why == "malformed"}:
                if number not in named:
                    yield f"step {one.step}: member {number} lied, and was not found: {reported.get(number)}"
            elif number in named and name not in outvoted:
                yield f"step {one.step}: member {number} is accused, and has not lied"
            if one.left_out.get(name) in LIES:
                (steps if name in one.lied else accused)[number].append(one.step)
    for number in steps:
        lie = reported.get(number)
        shown = ([], []) if lie is None else ([*lie.steps], [*lie.accused_at])
        if shown != (steps[number], accused[number]):
            yield f"member {number}: the report has lies at {shown}, and was found at {steps[number], accused[number]}"
        if lie is not None and not set(lie.how) <= {one.how for one in plan.faults if one.member == number}:
            yield f"member {number}: the report has lies of the kinds {lie.how}"
