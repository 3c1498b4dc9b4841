"""What a member of a rehearsal does with its model: it trains rounds, exchanges results, and restores checkpoints."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from solders.pubkey import Pubkey

from psyche_cli.members.run_now import RoundId
from psyche_cli.members.view import RunView
from psyche_cli.protocol.run_states import RunState
from psyche_cli.rehearsal.open_round import OpenRound, round_in_progress
from psyche_cli.rehearsal.record import seen_by_quorum
from psyche_cli.rehearsal.rounds import ClosedRound, ClosedRounds
from psyche_cli.rehearsal.settings import Settings
from psyche_cli.training.checker import Reason, Share, choose_checks
from psyche_cli.training.checkpoints import Checkpoints, NoCheckpoint
from psyche_cli.training.exchange import Exchange, Round
from psyche_cli.training.lies import Lie, falsified
from psyche_cli.training.rounds import Plan, conclude, read_results, work
from psyche_cli.training.submission import Submission
from psyche_cli.training.trainer import Trainer

Emit: TypeAlias = Callable[[Mapping[str, Any]], None]
"""Takes a line of telemetry."""

_LONGEST_TEXT: Final = 1000
_STORED: Final[Mapping[str, str]] = {"Hub": "Hub", "P2P": "Hub", "Gcs": "Gcs", "P2PGcs": "Gcs"}
"""The kind of repository that belongs to a kind of checkpoint."""


class _Trained(NamedTuple):
    """A result that is to be published at ``publish_at``, in Unix seconds of the cluster, or a lie instead of it."""

    id: RoundId
    publish_at: int
    submission: Submission
    lie: Lie | None


class MemberTraining:
    """A member's model, its results and its checkpoints. ``emit`` takes the telemetry."""

    def __init__(self, settings: Settings, trainer: Trainer, emit: Emit) -> None:
        self.opened: OpenRound | None = None
        """The round in progress."""
        self.loss = 0.0
        """The loss of the latest result, in nats per byte."""
        self.evaluation: dict[str, float] = {}
        """The latest evaluation, by the names of its values."""
        self.lied: str | None = None
        """The kind of the lie that was published last, if it was one."""
        self.exchange = Exchange(settings.folder / "exchange", trainer.update_bytes)
        self._settings = settings
        self._trainer = trainer
        self._emit = emit
        self._name = settings.name
        self._names = settings.names
        self._rounds = ClosedRounds(settings.folder)
        self._checkpoints = Checkpoints(settings.folder / "checkpoints")
        self._applied = 0
        self._trained: _Trained | None = None
        self._earlier: Submission | None = None
        self._published: RoundId | None = None
        self._kept_epoch = -1
        self._own_losses: dict[int, tuple[float, int]] = {}

    # --- results --------------------------------------------------------------------------------------------------

    @property
    def trained(self) -> RoundId | None:
        """The round that was trained last."""
        return None if self._trained is None else self._trained.id

    @property
    def publish_at(self) -> int | None:
        """When the result that waits is to be published, in Unix seconds of the cluster; None if none waits."""
        trained = self._trained
        return None if trained is None or self._published == trained.id else trained.publish_at

    def train(self, opened: OpenRound, *, seconds: int, lie: Lie | None) -> float:
        """Train the member's share of a round, and those that it checks, and return the loss in nats per byte.

        The result can be published ``seconds`` of the cluster after the beginning of the round. A member that is to
        ``lie`` publishes something else.
        """
        plan = self._plan(opened.at, opened.shares, opened.on_chain.random_seed)
        submission = work(self._trainer, plan, self._name)
        self._earlier = None if self._trained is None else self._trained.submission
        self._trained = _Trained(opened.id, opened.began_at + seconds, submission, lie)
        self._tell(opened, submission)
        return submission.loss

    def publish(self, view: RunView) -> bool:
        """Publish the result of the round in progress if it is time. Returns whether it was published now."""
        trained, opened = self._trained, self.opened
        if trained is None or opened is None or trained.id != opened.id or self._published == trained.id:
            return False
        if view.now < trained.publish_at:
            return False
        self._published = trained.id
        submission = self._falsified(opened, trained)
        self._tell(opened, submission)
        self.lied = None if trained.lie is None or submission == trained.submission else trained.lie.value
        self.exchange.publish(opened.at, submission)
        return True

    def _falsified(self, opened: OpenRound, trained: _Trained) -> Submission:
        """What is published: the result, unless the member lies."""
        if trained.lie is None:
            return trained.submission
        copied = self._to_copy(opened) if trained.lie is Lie.COPIED else None
        seed = f"{self._settings.seed} {self._name} {opened.at.step}"
        return falsified(trained.lie, self._trainer, trained.submission, seed=seed, copied=copied, stale=self._earlier)

    def _to_copy(self, opened: OpenRound) -> Submission | None:
        """A result of another member of this round or, if there is none yet, of the previous one."""
        others = [share.member for share in opened.shares if share.member != self._name]
        for at in (opened.at, opened.at._replace(step=opened.at.step - 1)):
            for one in read_results(self.exchange, at, others).values():
                if isinstance(one, Submission):
                    return one
        return None

    def _tell(self, opened: OpenRound, submission: Submission) -> None:
        """Note the loss that the member tells the others, in its witness and its telemetry."""
        self._own_losses[opened.at.step] = (submission.loss, submission.tokens)
        self.loss = submission.loss

    def is_complete(self, view: RunView) -> bool:
        """Whether the member need not wait for further results before it reports the round."""
        if self.opened is None or not view.is_training:
            return False
        published = self.exchange.published(self.opened.at)
        return view.state == RunState.ROUND_WITNESS or all(
            share.member in published for share in self.opened.shares if share.sequences
        )

    def results(self) -> dict[str, Submission]:
        """The results of the round in progress that were published and can be read, by member."""
        if self.opened is None:
            return {}
        members = [share.member for share in self.opened.shares]
        found = read_results(self.exchange, self.opened.at, members)
        return {name: one for name, one in found.items() if isinstance(one, Submission)}

    # --- rounds ---------------------------------------------------------------------------------------------------

    def follow(self, view: RunView) -> None:
        """Conclude from the rounds that are over, and note the one in progress."""
        opened = self.opened
        if opened is not None and not (view.is_training and view.round_id == opened.id):
            self._close(opened, view)
            self.opened = None
        if view.state == RunState.WARMUP and view.is_healthy and self._applied < view.step - 1:
            self._restore(view)
        if view.is_healthy:
            for closed in self._rounds.after(self._applied, view.step):
                self._apply(closed)
        if view.is_training:
            self.opened = (
                round_in_progress(view, self._names)
                if self.opened is None
                else self.opened._replace(on_chain=view.run.round)
            )
        if view.state == RunState.COOLDOWN and view.index is not None and self._kept_epoch != view.epoch:
            self._kept_epoch = view.epoch
            self._checkpoints.save_for_members(self._trainer, self._applied, self._name)
            # Not every round: an evaluation takes longer than the training of a share.
            self.evaluation = dict(self._trainer.evaluate().named())
            evaluated = {f"eval_{name}": value for name, value in self.evaluation.items()}
            self._emit({"type": "episode", "episode": view.epoch, **evaluated})

    def _close(self, opened: OpenRound, view: RunView) -> None:
        previous = view.run.model.previous_round
        is_next = view.is_training and view.round_id == RoundId(opened.id.epoch, opened.id.height + 1)
        on_chain = previous if is_next and previous is not None else opened.on_chain
        seen = seen_by_quorum(on_chain, opened.clients, view.run.model)
        members = tuple(self._names[str(Pubkey(wallet))] for wallet in seen if str(Pubkey(wallet)) in self._names)
        unseen = [share.member for share in opened.shares if share.member not in members]
        found = read_results(self.exchange, opened.at, unseen)
        malformed = tuple(name for name, one in found.items() if isinstance(one, str))
        self._rounds.close(
            ClosedRound(
                opened.at.epoch,
                opened.at.step,
                opened.on_chain.random_seed,
                opened.shares,
                members,
                opened.cold_start,
                malformed,
            )
        )

    def _apply(self, closed: ClosedRound) -> None:
        at = Round(closed.epoch, closed.step)
        plan = self._plan(at, closed.shares, closed.seed)
        results = {**read_results(self.exchange, at, closed.members), **dict.fromkeys(closed.malformed, "")}
        verdict = conclude(self._trainer, plan, results, cold_start=closed.cold_start)
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

    def _plan(self, at: Round, shares: tuple[Share, ...], seed: int) -> Plan:
        return Plan(at, shares, choose_checks(shares, seed, self._settings.check_percent))

    # --- checkpoints ----------------------------------------------------------------------------------------------

    def save(self, view: RunView) -> dict[str, Any] | None:
        """Save the model into the run's repository, and return the checkpoint to report; None without repository."""
        kind, stored = _repository(view)
        if not stored:
            return None
        self._checkpoints.save_to_hub(self._trainer, self._applied, stored)
        checkpoint: Any = view.checkpoint
        return {_STORED[kind]: checkpoint[kind]}

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


def _repository(view: RunView) -> tuple[str, str]:
    """The kind of the run's checkpoint, and the repository or bucket that belongs to it, if any."""
    found = view.checkpoint
    if isinstance(found, str):
        return found, ""
    [(kind, place)] = found.items()
    name = place.get("repo_id", place.get("bucket", "")) if kind in _STORED and isinstance(place, Mapping) else ""
    return kind, str(name)
