"""Rules about states that last too long, and about an epoch that ends early or pays nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psyche_cli.durations import format_duration
from psyche_cli.limits import MAX_WITNESSES
from psyche_cli.model.committee import expected_witnesses, quorum
from psyche_cli.model.due import DURATION_KEYS
from psyche_cli.model.execution import Clock, Execution
from psyche_cli.model.machine import tick
from psyche_cli.model.outcomes import Abort, Refusal
from psyche_cli.operations.status.diagnosis.finding import Symptom, counted
from psyche_cli.operations.status.diagnosis.subject import wallet_rows
from psyche_cli.protocol.run_states import ClientState, RunState

if TYPE_CHECKING:
    from psyche_cli.operations.status.diagnosis.subject import Subject
    from psyche_cli.protocol.accounts.coordinator_rounds import Round

_FEWEST_ROUNDS: Final = 2
"""Complete rounds from which a missing witness record is not an exception anymore."""


def tick_fails(subject: Subject) -> Symptom | None:
    """A run whose due tick fails."""
    reason = _failure(subject)
    if reason is None:
        return None
    return Symptom(
        "The run cannot continue: the tick that is due fails.",
        (("state", subject.state.run_state.text), ("reason", reason)),
        "Such a run cannot be paused or closed either. Create another run from its checkpoint.",
    )


def warmup_overdue(subject: Subject) -> Symptom | None:
    """A warmup that lasts longer than configured."""
    timing = subject.timing
    assert timing is not None
    if timing.overdue == 0 or _failure(subject) is not None:
        return None
    return Symptom(
        f"The warmup has lasted {format_duration(timing.overdue)} longer than warmup_time, because nobody ticks the "
        "run.",
        (*_overdue_rows(subject), ("reports", f"{timing.present} of {timing.needed}")),
        f"{_TICK} Check whether the members' clients are still running.",
        (subject.command("tick", "--count", "1"),),
    )


def overdue(subject: Subject) -> Symptom | None:
    """A state that should have ended."""
    timing = subject.timing
    assert timing is not None
    if timing.overdue == 0 or _failure(subject) is not None:
        return None
    return Symptom(
        f"{subject.state.run_state.text} should have ended {format_duration(timing.overdue)} ago, but nobody ticks the "
        "run.",
        _overdue_rows(subject),
        f"{_TICK} Check whether the members' clients are still running.",
        (subject.command("tick", "--count", "1"),),
    )


_TICK = "Tick the run: any wallet can, and without --count the command continues to do so."


def extra_time(subject: Subject) -> Symptom | None:
    """An epoch that waits only for time."""
    timing = subject.timing
    assert timing is not None
    if timing.latest is None or subject.now is None or timing.latest <= subject.now:
        return None
    return Symptom(
        f"Enough members have joined epoch {subject.epoch}. It begins when waiting_for_members_extra_time has passed.",
        (
            ("joined", f"{timing.present} of {timing.needed}"),
            ("begins in", format_duration(timing.latest - subject.now)),
        ),
        "Wait. Further members can still join this epoch.",
    )


def warmup_report_invalid(subject: Subject) -> Symptom | None:
    """A warmup report with an index that does not exist, on which the program aborts for every further report."""
    clients = len(subject.state.epoch.clients)
    wrong = [record.index for record in subject.state.current_round.witnesses if record.index >= clients]
    if not wrong:
        return None
    return Symptom(
        "A member reported the end of its warmup with an index that no member has. All further reports fail, so the "
        "warmup lasts until warmup_time has passed.",
        (("index in the report", str(wrong[0])), ("members", str(clients))),
        "Wait until warmup_time has passed, then tick the run if no client does.",
    )


def no_witnesses(subject: Subject) -> Symptom | None:
    """A round that may end without any witness."""
    if subject.state.current_round.witnesses:
        return None
    return Symptom(
        "No witness has reported in this round. If none does before the round ends, all members are withdrawn, and the "
        "epoch ends without rewards.",
        (("witnesses", f"0 of {_expected(subject)}"), *_ends_in(subject)),
        "Check that the members' clients are running and can reach the cluster.",
        (subject.command("members"),),
    )


def below_quorum(subject: Subject) -> Symptom | None:
    """A round that may end below the quorum of witnesses."""
    received = len(subject.state.current_round.witnesses)
    if received == 0 or received >= quorum(received, subject.config):
        return None
    needed = quorum(received, subject.config)
    return Symptom(
        f"Only {received} of the {needed} witnesses that the quorum requires {'has' if received == 1 else 'have'} "
        "reported. If no more do, the epoch ends after this round.",
        (("witnesses", f"{received} of {_expected(subject)}"), ("quorum", str(needed)), *_ends_in(subject)),
        "Check that the members' clients are running and can reach the cluster.",
        (subject.command("members"),),
    )


def too_few_healthy(subject: Subject) -> Symptom | None:
    """An epoch that ends because members left it."""
    healthy, needed = subject.healthy, subject.config["min_clients"]
    if healthy >= needed:
        return None
    return Symptom(
        f"Epoch {subject.epoch} ends after this round: fewer than min_clients members are healthy.",
        (("healthy members", str(healthy)), ("min_clients", str(needed))),
        "Have more members join the next epoch, or lower min_clients while the run is paused.",
        (subject.command("members"),),
    )


def no_spare_members(subject: Subject) -> Symptom | None:
    """An epoch that ends when one more member leaves."""
    healthy, needed = subject.healthy, subject.config["min_clients"]
    if healthy != needed or needed == 1:
        return None
    return Symptom(
        f"If one more member leaves, epoch {subject.epoch} ends: min_clients members are left.",
        (("healthy members", str(healthy)), ("min_clients", str(needed))),
        "Have more members join the next epoch.",
    )


def members_left(subject: Subject) -> Symptom | None:
    """Members that were dropped in the epoch in progress."""
    gone = [
        member for member in subject.membership.members if member.health in (ClientState.DROPPED, ClientState.EJECTED)
    ]
    if not gone:
        return None
    total = sum(member.health is not None for member in subject.membership.members)
    rounds = {member.left_in_round for member in gone}
    known = sorted(number for number in rounds if number is not None)
    return Symptom(
        f"{len(gone)} of {counted(total, 'member')} {'has' if len(gone) == 1 else 'have'} dropped out of epoch "
        f"{subject.epoch} and {'earns' if len(gone) == 1 else 'earn'} nothing for it.",
        (*wallet_rows(gone), *((("left in round", ", ".join(map(str, known))),) if known else ())),
        "Witnesses did not see the work of these members. Have them check their clients, then join again.",
        (subject.command("members"),),
    )


def silent_members(subject: Subject) -> Symptom | None:
    """Healthy members without a witness record, in rounds of which all members are witnesses."""
    rounds = _complete_rounds(subject)
    everyone = subject.config["witness_nodes"] == 0 and all(one.clients_len <= MAX_WITNESSES for one in rounds)
    if len(rounds) < _FEWEST_ROUNDS or not everyone:
        return None
    silent = [one for one in subject.membership.members if one.is_healthy and one.rounds_witnessed == 0]
    if not silent:
        return None
    return Symptom(
        f"{counted(len(silent), 'healthy member')} {'has' if len(silent) == 1 else 'have'} not sent any witness record "
        f"in the last {len(rounds)} complete rounds, although all members are witnesses.",
        wallet_rows(silent),
        "Have these members check their clients. A round without all records lasts for max_round_train_time.",
        (subject.command("members"),),
    )


def witnesses_missing(subject: Subject) -> Symptom | None:
    """Rounds that all lasted their maximum time."""
    rounds = _complete_rounds(subject)
    counts = [(one, len(one.witnesses), expected_witnesses(subject.config, one.clients_len)) for one in rounds]
    # Those of members that have left since are not missing anymore.
    if len(rounds) < _FEWEST_ROUNDS or any(received >= _expected(subject) for _, received, _ in counts):
        return None
    return Symptom(
        f"Witnesses were missing in each of the last {len(rounds)} rounds, so every round lasts for "
        "max_round_train_time.",
        (
            *((f"round {one.height}", f"{received} of {expected} witnesses") for one, received, expected in counts),
            ("max_round_train_time", format_duration(subject.config["max_round_train_time"])),
        ),
        "If only some members are missing, have them check their clients. If most are, raise max_round_train_time or "
        "lower the batch size while the run is paused.",
        (subject.command("members"),),
    )


def pause_pending(subject: Subject) -> Symptom | None:
    """A pause at the end of the epoch in progress."""
    if not subject.state.pending_pause:
        return None
    rate = subject.state.current_epoch_rates.earning_rate_total_shared
    lost = () if subject.obligations is None else (("rewards not paid", subject.tokens(rate)),)
    return Symptom(
        f"The run pauses at the end of epoch {subject.epoch}, which then pays no rewards.",
        (("healthy members", str(subject.healthy)), *lost),
        "This cannot be undone. Resume the run once it is paused; all members must join again then.",
    )


def last_epoch_unpaid(subject: Subject) -> Symptom | None:
    """An epoch that ended in a round without a witness."""
    epoch = subject.state.epoch
    in_cooldown = subject.state.run_state == RunState.COOLDOWN
    # The clients are withdrawn when Cooldown begins and leave the epoch when it ends. A pause withdraws them, too, but
    # they stay in the list.
    clients = epoch.clients if in_cooldown else epoch.exited_clients
    withdrawn = sum(client.state == ClientState.WITHDRAWN for client in clients)
    if withdrawn == 0:
        return None
    rate = subject.state.current_epoch_rates.earning_rate_total_shared
    lost = () if subject.obligations is None else (("rewards not paid", subject.tokens(rate)),)
    number = subject.epoch if in_cooldown else subject.epoch - 1
    return Symptom(
        f"Epoch {number} ended in a round without any witness, so it {'pays' if in_cooldown else 'paid'} no rewards.",
        (
            ("members withdrawn", str(withdrawn)),
            *lost,
            ("max_round_train_time", format_duration(subject.config["max_round_train_time"])),
            ("round_witness_time", format_duration(subject.config["round_witness_time"])),
        ),
        "If the members' clients were running, the rounds are too short for them: raise max_round_train_time while the "
        "run is paused.",
    )


def last_epoch(subject: Subject) -> Symptom | None:
    """The end of the run."""
    state = subject.state
    if state.pending_pause or state.step < subject.config["total_steps"]:
        return None
    return Symptom(
        "This was the last epoch: the run is finished when the cooldown ends.",
        (("step", f"{state.step} of {subject.config['total_steps']}"),),
        "The members save the model now. Nothing needs to be done.",
    )


def _failure(subject: Subject) -> str | None:
    """Why the tick that is due fails; None if none is due, or if it succeeds."""
    timing = subject.timing
    if timing is None or timing.latest is None or timing.latest > timing.now:
        return None
    try:
        tick(subject.state, Execution(signer=bytes(32), clock=Clock(timing.now, 0)))
    except (Abort, Refusal) as error:
        return str(error)
    return None


def _overdue_rows(subject: Subject) -> tuple[tuple[str, str], ...]:
    timing, key = subject.timing, DURATION_KEYS[subject.state.run_state]
    assert timing is not None
    lasted = "" if timing.since is None else f", for {format_duration(timing.now - timing.since)}"
    return (
        ("state", f"{subject.state.run_state.text}{lasted}"),
        (key, format_duration(subject.config[key])),
    )


def _ends_in(subject: Subject) -> tuple[tuple[str, str], ...]:
    timing = subject.timing
    if timing is None or timing.latest is None:
        return ()
    return (("round ends in", format_duration(max(timing.latest - timing.now, 0))),)


def _expected(subject: Subject) -> int:
    return expected_witnesses(subject.config, len(subject.state.epoch.clients))


def _complete_rounds(subject: Subject) -> list[Round]:
    """The stored rounds before the current one, from the earliest."""
    rounds = [one for one in subject.state.epoch.rounds if one.clients_len > 0]
    return sorted((one for one in rounds if one is not subject.state.current_round), key=lambda one: one.height)
