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
from psyche_cli.training.checker import Reason, Verdict, choose_checks, is_checked, judge, own_checks
from psyche_cli.training.checkpoints import Checkpoints, NoCheckpoint
from psyche_cli.training.exchange import Exchange, Round
from psyche_cli.training.submission import Submission, digest_of
from psyche_cli.training.trainer import BadUpdate, Trainer

Emit: TypeAlias = Callable[[Mapping[str, Any]], None]
"""Takes a line of telemetry."""

_LIE: Final = -1.0
"""The factor of the result of a member that lies: it makes the model worse."""
_LONGEST_TEXT: Final = 1000
_STORED: Final[Mapping[str, str]] = {"Hub": "Hub", "P2P": "Hub", "Gcs": "Gcs", "P2PGcs": "Gcs"}
"""The kind of repository that belongs to a kind of checkpoint."""


class _Trained(NamedTuple):
    """A result that is to be published at ``publish_at``, in Unix seconds of the cluster."""

    id: RoundId
    publish_at: int
    submission: Submission


class MemberTraining:
    """A member's model, its results and its checkpoints. ``emit`` takes the telemetry."""

    def __init__(self, settings: Settings, trainer: Trainer, emit: Emit) -> None:
        self.opened: OpenRound | None = None
        """The round in progress."""
        self.loss = 0.0
        """The loss of the latest result, in nats per byte."""
        self.evaluation: dict[str, float] = {}
        """The latest evaluation, by the names of its values."""
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

    def train(self, opened: OpenRound, *, seconds: int, lies: bool) -> float:
        """Train the member's share of a round, and those that it checks, and return the loss in nats per byte.

        The result can be published ``seconds`` of the cluster after the beginning of the round. A member that ``lies``
        publishes another one.
        """
        checks = choose_checks(opened.shares, opened.on_chain.random_seed, self._settings.check_percent)
        own = next((share.sequences for share in opened.shares if share.member == self._name), range(0))
        result = self._trainer.train(own, checked=is_checked(checks, self._name))
        if lies:
            result = result._replace(update=self._trainer.altered(result.update, _LIE))
        checked = tuple(
            (one.owner, digest_of(self._trainer.check(one.sequences))) for one in own_checks(checks, self._name)
        )
        submission = Submission(
            self._name, self._trainer.weights_hash(), result.update, result.loss, result.tokens, checked
        )
        self._trained = _Trained(opened.id, opened.began_at + seconds, submission)
        self._own_losses[opened.at.step] = (result.loss, result.tokens)
        self.loss = result.loss
        return result.loss

    def publish(self, view: RunView) -> bool:
        """Publish the result of the round in progress if it is time. Returns whether it was published now."""
        trained, opened = self._trained, self.opened
        if trained is None or opened is None or trained.id != opened.id or self._published == trained.id:
            return False
        if view.now < trained.publish_at:
            return False
        self._published = trained.id
        self.exchange.publish(opened.at, trained.submission)
        return True

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
        found: dict[str, Submission] = {}
        if self.opened is None:
            return found
        for share in self.opened.shares:
            with contextlib.suppress(BadUpdate):
                one = self.exchange.read(self.opened.at, share.member)
                if one is not None:
                    found[share.member] = one
        return found

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
        self._rounds.close(
            ClosedRound(
                opened.at.epoch, opened.at.step, opened.on_chain.random_seed, opened.shares, members, opened.cold_start
            )
        )

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
                one = self.exchange.read(Round(closed.epoch, closed.step), member)
            except BadUpdate as error:
                found[member] = str(error)
                continue
            if one is not None:
                found[member] = one
        checks = choose_checks(closed.shares, closed.seed, self._settings.check_percent)
        return judge(closed.shares, checks, found, self._trainer.flaw)

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
