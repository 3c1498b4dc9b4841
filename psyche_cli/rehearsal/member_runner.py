"""A member of a rehearsal: what its worker does in each turn, with the faults that it is to have."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Final

from solders.pubkey import Pubkey

from psyche_cli.errors import ExitCode, PsycheError
from psyche_cli.members.member import Member
from psyche_cli.members.next_step import (
    Checkpoint,
    Join,
    Memory,
    ReportAbsent,
    ReportWarmup,
    Step,
    Tick,
    Train,
    Witness,
    next_step,
)
from psyche_cli.members.records import WitnessFigures
from psyche_cli.members.view import RunView
from psyche_cli.protocol.run_states import RunState
from psyche_cli.rehearsal.faults import FaultsSeen
from psyche_cli.rehearsal.member_training import Emit, MemberTraining
from psyche_cli.rehearsal.scheduler import TurnReport
from psyche_cli.rehearsal.settings import Settings
from psyche_cli.training.lies import Lie
from psyche_cli.training.submission import digest_of
from psyche_cli.training.trainer import Trainer

_MOST_CLAIMS: Final = 5
"""How often a member tries to claim: each refusal of the program means that another member was faster."""


class MemberRunner:
    """Runs a member, turn by turn. ``emit`` takes the telemetry, and ``kill`` ends the process as SIGKILL does."""

    def __init__(
        self, settings: Settings, member: Member, trainer: Trainer, *, emit: Emit, kill: Callable[[], None]
    ) -> None:
        self.is_done = False
        """Whether the member has nothing left to do, so that its worker ends."""
        self._settings = settings
        self._member = member
        self._training = MemberTraining(settings, trainer, emit)
        self._emit = emit
        self._kill = kill
        self._names = settings.names
        self._wallets = {name: Pubkey.from_string(wallet) for wallet, name in self._names.items()}
        self._faults = FaultsSeen(
            (one for one in settings.faults if one.member == settings.member), settings.started_at
        )
        self._saved_epoch = -1
        self._wake_at = 0

    # --- turns ----------------------------------------------------------------------------------------------------

    def act(self) -> TurnReport | None:
        """Look at the run, and do at most one thing. None for a worker that is to hang: it reports nothing.

        Raises the errors of ``Member.look``.
        """
        view = self._member.look()
        self._faults.look(view.step, view.now)
        if self._faults.active("kill", view.now):
            self._kill()
        if self._faults.active("hang", view.now):
            return None
        away = self._away(view)
        if away is not None:
            return away
        training = self._training
        training.exchange.connected = True
        training.follow(view)
        if self._is_over(view):
            return self._finish(view)
        published = training.publish(view)
        memory = Memory(
            is_loaded=self._is_loaded(view),
            trained=training.trained,
            complete=view.round_id if training.is_complete(view) else None,
            saved=self._saved_epoch,
            saves=True,
            claims=False,
        )
        step = next_step(view, memory)
        doing = self._do(step, view)
        self._wake_at = self._next_time(view)
        lied = (view.step, training.lied) if published and training.lied is not None else None
        return TurnReport(self._wake_at, isinstance(step, Train), doing, published, lied=lied)

    def work(self) -> TurnReport:
        """Compute the result of the member's share of the round in progress, and those of shares that it checks."""
        opened = self._training.opened
        if opened is None or self._training.trained == opened.id:
            return TurnReport(self._wake_at, doing="has nothing to compute")
        slow, lie = (self._faults.active(kind, opened.began_at) for kind in ("slow", "lie"))
        seconds = round(self._settings.train_seconds * (1.0 if slow is None else slow.factor))
        loss = self._training.train(opened, seconds=seconds, lie=None if lie is None else Lie(lie.how))
        times = (self._training.publish_at or 0, self._wake_at)
        self._wake_at = min((time for time in times if time > 0), default=0)
        return TurnReport(self._wake_at, doing=f"trained step {opened.at.step}", loss=loss)

    # --- faults ---------------------------------------------------------------------------------------------------

    def _away(self, view: RunView) -> TurnReport | None:
        """The report of a member that takes no part now, because of a fault."""
        now, doing, until = view.now, "", None
        number = self._settings.member
        late = next((one for one in self._settings.faults if (one.kind, one.member) == ("late", number)), None)
        partition, left = self._faults.active("partition", now), self._faults.active("leave", now)
        if late is not None and self._faults.begun_at(late) is None:
            doing = "has not arrived"
            until = None if late.at_seconds is None else self._settings.started_at + late.at_seconds
        elif partition is not None:
            self._training.exchange.connected = False
            doing, until = "is cut off", self._faults.until(partition)
        elif left is not None:
            doing, until = "has left", self._faults.until(left)
        else:
            return None
        self.is_done = self._is_over(view)
        return TurnReport(until or 0, doing=doing)

    # --- what a member sends --------------------------------------------------------------------------------------

    def _do(self, step: Step, view: RunView) -> str:
        try:
            return self._done(step, view)
        except PsycheError as error:
            if error.exit_code != ExitCode.REFUSED:
                raise
            return f"was refused: {error}"  # another member was faster

    def _done(self, step: Step, view: RunView) -> str:
        match step:
            case Join():
                self._member.join()
                return "joined"
            case ReportWarmup():
                self._member.report_warmup(view)
                return "has loaded the model"
            case Witness():
                self._witness(view)
                return f"reported step {view.step}"
            case ReportAbsent(absence):
                self._member.report(absence)
                return f"reported that {self._names.get(str(absence.wallet), 'a member')} is absent"
            case Checkpoint():
                self._checkpoint(view)
                return "saved the model"
            case Tick():
                self._member.tick()
                return "ticked"
            case Train():
                return f"trains step {view.step}"
        return _waiting(view)

    def _witness(self, view: RunView) -> None:
        training = self._training
        found = training.results()
        own, seconds = found.get(self._settings.name), max(self._settings.train_seconds, 1)
        figures = WitnessFigures(
            loss=training.loss,
            tokens_per_sec=0.0 if own is None else own.tokens / seconds,
            bandwidth_per_sec=0.0 if own is None else len(own.update) / seconds,
            efficiency=1.0,
            evals=training.evaluation,
        )
        results = [bytes.fromhex(digest_of(one.update)) for one in found.values()]
        self._member.witness(figures, [self._wallets[name] for name in found], results, view)

    def _checkpoint(self, view: RunView) -> None:
        self._saved_epoch = view.epoch
        saved = self._training.save(view)
        if saved is not None:
            self._member.checkpoint(saved)

    def _finish(self, view: RunView) -> TurnReport:
        points, obstacle = self._claim(view)
        self._emit({"type": "run_completed", "outcome": "completed", "claimed": points})
        self.is_done = True
        return TurnReport(doing=obstacle or ("claimed its rewards" if points else "is done"))

    def _claim(self, view: RunView) -> tuple[int, str]:
        """Claim what the vault can pay. Returns the points, and what prevented the claim if it was refused.

        Others claim at the same time, so that the vault may hold less than it did when the member looked.
        """
        obstacle = ""
        for _ in range(_MOST_CLAIMS):
            points = view.claimable
            if points == 0:
                break
            try:
                self._member.claim(points)
            except PsycheError as error:
                if error.exit_code != ExitCode.REFUSED:
                    raise
                obstacle = f"could not claim: {error}"
                view = self._member.look()
            else:
                return points, ""
        return 0, obstacle

    # --- times ----------------------------------------------------------------------------------------------------

    def _is_over(self, view: RunView) -> bool:
        epoch, step = self._settings.until_epoch, self._settings.until_step
        started = view.state != RunState.UNINITIALIZED
        return (
            (started and view.state.is_halted)
            or (epoch is not None and view.epoch >= epoch)
            or (step is not None and view.step >= step)
        )

    def _is_loaded(self, view: RunView) -> bool:
        return view.now >= view.account.run_state_start_timestamp + self._settings.warmup_seconds

    def _next_time(self, view: RunView) -> int:
        """The earliest later time at which the member may do something, if nothing changes; 0 if there is none."""
        times = [view.due_at]
        if view.state == RunState.WARMUP:
            times.append(view.account.run_state_start_timestamp + self._settings.warmup_seconds)
        times += [one for one in (self._training.publish_at, self._faults.next_time(view.now)) if one is not None]
        return min((time for time in times if time > view.now), default=0)


def _waiting(view: RunView) -> str:
    match view.state:
        case RunState.WAITING_FOR_MEMBERS:
            return "waits for members"
        case RunState.WARMUP:
            return "loads the model" if view.is_healthy else "waits for the next epoch"
        case RunState.COOLDOWN:
            return "waits for the next epoch"
        case _ if view.is_training and view.is_healthy:
            return f"waits for the end of step {view.step}"
        case _ if view.is_training:
            return "waits for the next epoch"
    return "waits"


def drawn_keys(seed: str) -> Callable[[], tuple[int, ...]]:
    """A function that returns the keys of one Bloom filter at a time, which depend only on the seed."""
    drawing = random.Random(f"Bloom filters {seed}")
    return lambda: struct.unpack("<8Q", drawing.randbytes(64))
