"""A run on a local validator, whose members report what the test tells them to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from solders.instruction import Instruction

from psyche_cli.members.records import WitnessFigures, warmup_record
from psyche_cli.protocol.run_states import RunState
from tests.history.story import StillStory
from tests.support.run_driver import witness_of

_METADATA_BYTES: Final = 389


class ReportedRun(StillStory):
    """A run with members that are all witnesses of every round."""

    def begin_training(self, members: int) -> None:
        """Create the run, or continue it, and let its members join up to the first round of an epoch."""
        self.start_training(*range(members))

    def round(self, *reports: WitnessFigures | None, step: int | None = None) -> RunState:
        """Play a round in which each member reports something, or nothing, in the order of members.

        ``step`` is the step that the reports name; by default, it is that of the round.
        """
        self.wait(1)
        for member, figures in enumerate(reports):
            if figures is not None:
                self.send(self.members[member], self.report(member, figures, step))
        if self.stage == RunState.ROUND_TRAIN:
            assert self.tick(self.account.config["max_round_train_time"]) == RunState.ROUND_WITNESS
        return self.tick(self.account.config["round_witness_time"])

    def report(self, member: int, figures: WitnessFigures, step: int | None = None) -> Instruction:
        """The report of a member about the current round."""
        run, wallet = self.look(), self.members[member].address
        proof = witness_of(self.actions, run, wallet)
        named = run.account.step if step is None else step
        metadata = self.actions.witness(wallet, warmup_record(0), figures, named).data[-_METADATA_BYTES:]
        return Instruction(proof.program_id, proof.data[:-_METADATA_BYTES] + metadata, proof.accounts)

    def losses(self, *losses: float | None) -> RunState:
        """Play a round in which each member reports a loss, or nothing."""
        return self.round(*(None if loss is None else WitnessFigures(loss=loss) for loss in losses))


def same(loss: float, members: int) -> Sequence[WitnessFigures]:
    """The reports of members that agree."""
    return [WitnessFigures(loss=loss)] * members
