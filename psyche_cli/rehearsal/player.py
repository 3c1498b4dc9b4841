"""A member of a rehearsal: what its worker does in each turn, with the faults that it is to have."""

from __future__ import annotations

import contextlib
import random
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

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
from psyche_cli.members.run_now import RoundId
from psyche_cli.members.view import RunView
from psyche_cli.protocol.accounts.coordinator_rounds import Round as ChainRound
from psyche_cli.protocol.run_states import RunState
from psyche_cli.rehearsal.conductor import TurnReport
from psyche_cli.rehearsal.faults import FaultsSeen
from psyche_cli.rehearsal.record import seen_by_quorum
from psyche_cli.rehearsal.rounds import ClosedRound, ClosedRounds
from psyche_cli.rehearsal.settings import Settings
from psyche_cli.training.checker import Reason, Share, Verdict, choose_checks, is_checked, judge, own_checks
from psyche_cli.training.checkpoints import Checkpoints, NoCheckpoint
from psyche_cli.training.exchange import Exchange, Round
from psyche_cli.training.submission import Submission, digest_of
from psyche_cli.training.trainer import BadUpdate, Result, Trainer

Emit: TypeAlias = Callable[[Mapping[str, Any]], None]

_LIE: Final = -1.0
"""The factor of the result of a member that lies: it makes the model worse."""
_LONGEST_TEXT: Final = 1000
_STORED: Final[Mapping[str, str]] = {"Hub": "Hub", "P2P": "Hub", "Gcs": "Gcs", "P2PGcs": "Gcs"}
"""The kind of repository that belongs to a kind of checkpoint."""


class _Open(NamedTuple):
    """The round in progress, as the member has last seen it."""

    id: RoundId
    at: Round
    shares: tuple[Share, ...]
    clients: tuple[bytes, ...]
    cold_start: int | None
    began_at: int
    on_chain: ChainRound


class _Trained(NamedTuple):
    """A result that is to be published at ``publish_at``, in Unix seconds of the cluster."""

    id: RoundId
    publish_at: int
    submission: Submission


class Player:
    """Plays a member. ``emit`` takes the telemetry, and ``kill`` ends the process as SIGKILL does."""

    def __init__(
        self, settings: Settings, member: Member, trainer: Trainer, *, emit: Emit, kill: Callable[[], None]
    ) -> None:
        self.is_done = False
        """Whether the member has nothing left to do, so that its worker ends."""
        self._settings = settings
        self._member = member
        self._trainer = trainer
        self._emit = emit
        self._kill = kill
        self._name = settings.name
        self._names = settings.names
        self._wallets = {name: Pubkey.from_string(wallet) for wallet, name in self._names.items()}
        self._faults = FaultsSeen(
            (one for one in settings.faults if one.member == settings.member), settings.started_at
        )
        self._exchange = Exchange(settings.folder / "exchange", trainer.update_bytes)
        self._rounds = ClosedRounds(settings.folder)
        self._checkpoints = Checkpoints(settings.folder / "checkpoints")
        self._applied = 0
        self._open: _Open | None = None
        self._trained: _Trained | None = None
        self._published: RoundId | None = None
        self._saved_epoch = -1
        self._kept_epoch = -1
        self._loss = 0.0
        self._evaluation: dict[str, float] = {}
        self._own_losses: dict[int, tuple[float, int]] = {}
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
        self._exchange.connected = True
        self._follow(view)
        if self._is_over(view):
            return self._finish(view)
        published = self._publish(view)
        memory = Memory(
            is_loaded=self._is_loaded(view),
            trained=None if self._trained is None else self._trained.id,
            complete=view.round_id if self._is_complete(view) else None,
            saved=self._saved_epoch,
            saves=True,
            claims=False,
        )
        step = next_step(view, memory)
        doing = self._do(step, view)
        self._wake_at = self._next_time(view)
        return TurnReport(self._wake_at, isinstance(step, Train), doing, published)

    def work(self) -> TurnReport:
        """Compute the result of the member's share of the round in progress, and those of shares that it checks."""
        opened = self._open
        if opened is None or (self._trained is not None and self._trained.id == opened.id):
            return TurnReport(self._wake_at, doing="has nothing to compute")
        now_or_later = opened.began_at
        slow, lie = (self._faults.active(kind, now_or_later) for kind in ("slow", "lie"))
        checks = choose_checks(opened.shares, opened.on_chain.random_seed, self._settings.check_percent)
        own = next((share.sequences for share in opened.shares if share.member == self._name), range(0))
        result = self._trainer.train(own, checked=is_checked(checks, self._name))
        if lie is not None:
            result = result._replace(update=self._trainer.altered(result.update, _LIE))
        checked = tuple(
            (one.owner, digest_of(self._trainer.check(one.sequences))) for one in own_checks(checks, self._name)
        )
        submission = Submission(
            self._name, self._trainer.weights_hash(), result.update, result.loss, result.tokens, checked
        )
        seconds = round(self._settings.train_seconds * (1.0 if slow is None else slow.factor))
        self._trained = _Trained(opened.id, opened.began_at + seconds, submission)
        self._remember(opened, result)
        self._wake_at = min((time for time in (self._trained.publish_at, self._wake_at) if time > 0), default=0)
        return TurnReport(self._wake_at, doing=f"trained step {opened.at.step}", loss=result.loss)

    # --- faults ---------------------------------------------------------------------------------------------------

    def _away(self, view: RunView) -> TurnReport | None:
        """The report of a member that takes no part now, because of a fault."""
        now, doing, until = view.now, "", None
        late = next((one for one in self._settings.faults if (one.kind, one.member) == ("late", self._number)), None)
        partition, left = self._faults.active("partition", now), self._faults.active("leave", now)
        if late is not None and self._faults.begun_at(late) is None:
            doing = "has not arrived"
            until = None if late.at_seconds is None else self._settings.started_at + late.at_seconds
        elif partition is not None:
            self._exchange.connected = False
            doing, until = "is cut off", self._faults.until(partition)
        elif left is not None:
            doing, until = "has left", self._faults.until(left)
        else:
            return None
        self.is_done = self._is_over(view)
        return TurnReport(until or 0, doing=doing)

    @property
    def _number(self) -> int:
        return self._settings.member

    # --- rounds ---------------------------------------------------------------------------------------------------

    def _follow(self, view: RunView) -> None:
        """Conclude from the rounds that are over, and note the one in progress."""
        opened = self._open
        if opened is not None and not (view.is_training and view.round_id == opened.id):
            self._close(opened, view)
            self._open = None
        if view.state == RunState.WARMUP and view.is_healthy and self._applied < view.step - 1:
            self._restore(view)
        if view.is_healthy:
            self._catch_up(view)
        if view.is_training:
            self._open = (
                _opened(view, self._names) if self._open is None else self._open._replace(on_chain=view.run.round)
            )
        if view.state == RunState.COOLDOWN and view.index is not None and self._kept_epoch != view.epoch:
            self._kept_epoch = view.epoch
            self._checkpoints.save_for_members(self._trainer, self._applied, self._name)
            # Not every round: an evaluation takes longer than the training of a share.
            self._evaluation = dict(self._trainer.evaluate().named())
            evaluated = {f"eval_{name}": value for name, value in self._evaluation.items()}
            self._emit({"type": "episode", "episode": view.epoch, **evaluated})

    def _close(self, opened: _Open, view: RunView) -> None:
        previous = view.run.model.previous_round
        is_next = view.is_training and view.round_id == RoundId(opened.id.epoch, opened.id.height + 1)
        on_chain = previous if is_next and previous is not None else opened.on_chain
        seen = seen_by_quorum(on_chain, opened.clients, view.run.model)
        members = tuple(self._names[str(Pubkey(wallet))] for wallet in seen if str(Pubkey(wallet)) in self._names)
        self._rounds.close(
            ClosedRound(
                opened.at.epoch, opened.at.step, opened.on_chain.random_seed, opened.shares, members, opened.cold_start
            )
        )

    def _catch_up(self, view: RunView) -> None:
        for closed in self._rounds.after(self._applied, view.step):
            self._apply(closed)

    def _restore(self, view: RunView) -> None:
        """Load the model as a client that was away does: from the other members, or from the repository."""
        kind, stored = _repository(view)
        others = [name for name in self._names.values() if name != self._name]
        with contextlib.suppress(NoCheckpoint):
            if kind.startswith("P2P") or not stored:
                found = self._checkpoints.restore_from_members(self._trainer, others)
            else:
                found = self._checkpoints.restore_from_hub(self._trainer, stored)
            self._applied = found.step

    def _apply(self, closed: ClosedRound) -> None:
        verdict = self._judge(closed)
        if verdict.updates:
            self._trainer.apply(closed.step, verdict.updates, cold_start=closed.cold_start)
        self._applied = closed.step
        own = self._own_losses.pop(closed.step, None)
        left_out = " ".join(
            f"{one.member}:{one.reason.value}" for one in verdict.left_out if one.reason is not Reason.ABSENT
        )
        self._emit(
            {
                "type": "step",
                "step": closed.step,
                "epoch": closed.epoch,
                "applied": len(verdict.updates),
                "checked": len(verdict.groups),
                "weights": self._trainer.weights_hash(),
                "left_out": left_out[:_LONGEST_TEXT],
                **({} if own is None else {"loss": own[0], "tokens": own[1]}),
            }
        )

    def _judge(self, closed: ClosedRound) -> Verdict:
        found: dict[str, Submission | str] = {}
        for member in closed.members:
            try:
                one = self._exchange.read(Round(closed.epoch, closed.step), member)
            except BadUpdate as error:
                found[member] = str(error)
                continue
            if one is not None:
                found[member] = one
        checks = choose_checks(closed.shares, closed.seed, self._settings.check_percent)
        return judge(closed.shares, checks, found, self._trainer.flaw)

    def _publish(self, view: RunView) -> bool:
        trained, opened = self._trained, self._open
        if trained is None or opened is None or trained.id != opened.id or self._published == trained.id:
            return False
        if view.now < trained.publish_at:
            return False
        self._published = trained.id
        self._exchange.publish(opened.at, trained.submission)
        return True

    def _is_complete(self, view: RunView) -> bool:
        """Whether the member need not wait for further results before it reports the round."""
        if self._open is None or not view.is_training:
            return False
        published = self._exchange.published(self._open.at)
        return view.state == RunState.ROUND_WITNESS or all(
            share.member in published for share in self._open.shares if share.sequences
        )

    def _remember(self, opened: _Open, result: Result) -> None:
        self._own_losses[opened.at.step] = (result.loss, result.tokens)
        self._loss = result.loss

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
        assert self._open is not None  # a complete round is open
        found = {}
        for share in self._open.shares:
            with contextlib.suppress(BadUpdate):
                one = self._exchange.read(self._open.at, share.member)
                if one is not None:
                    found[share.member] = one
        own, seconds = found.get(self._name), max(self._settings.train_seconds, 1)
        figures = WitnessFigures(
            loss=self._loss,
            tokens_per_sec=0.0 if own is None else own.tokens / seconds,
            bandwidth_per_sec=0.0 if own is None else len(own.update) / seconds,
            efficiency=1.0,
            evals=self._evaluation,
        )
        results = [bytes.fromhex(digest_of(one.update)) for one in found.values()]
        self._member.witness(figures, [self._wallets[name] for name in found], results, view)

    def _checkpoint(self, view: RunView) -> None:
        self._saved_epoch = view.epoch
        kind, stored = _repository(view)
        if stored:
            self._checkpoints.save_to_hub(self._trainer, self._applied, stored)
            checkpoint: Any = view.checkpoint
            self._member.checkpoint({_STORED[kind]: checkpoint[kind]})

    def _finish(self, view: RunView) -> TurnReport:
        claimed = self._member.claim(view.claimable) if view.claimable > 0 else None
        points = 0 if claimed is None else view.claimable
        self._emit({"type": "run_completed", "outcome": "completed", "claimed": points})
        self.is_done = True
        return TurnReport(doing="claimed its rewards" if points else "is done")

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
        if self._trained is not None and self._published != self._trained.id:
            times.append(self._trained.publish_at)
        fault = self._faults.next_time(view.now)
        times += [] if fault is None else [fault]
        return min((time for time in times if time > view.now), default=0)


def _opened(view: RunView, names: Mapping[str, str]) -> _Open:
    account = view.account
    shares = tuple(Share(names.get(str(one.wallet), f"x{one.index}"), one.sequences) for one in view.run.shares)
    epoch = view.run.model.epoch
    return _Open(
        id=view.round_id,
        at=Round(view.epoch, view.step),
        shares=shares,
        clients=tuple(client.id.signer for client in epoch.clients[: view.run.round.clients_len]),
        cold_start=epoch.start_step if epoch.cold_start_epoch else None,
        began_at=account.run_state_start_timestamp if view.state == RunState.ROUND_TRAIN else view.now,
        on_chain=view.run.round,
    )


def _repository(view: RunView) -> tuple[str, str]:
    """The kind of the run's checkpoint, and the repository or bucket that belongs to it, if any."""
    found = view.checkpoint
    if isinstance(found, str):
        return found, ""
    [(kind, place)] = found.items()
    name = place.get("repo_id", place.get("bucket", "")) if kind in _STORED and isinstance(place, Mapping) else ""
    return kind, str(name)


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
