"""The torch trainer behaves like the numpy trainer, and agrees with it about the gradient. It runs where torch is."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from psyche_cli.training.byte_model import ByteModel
from psyche_cli.training.checkpoints import Checkpoints, NoCheckpoint
from psyche_cli.training.lies import Lie, falsified
from psyche_cli.training.submission import Submission
from tests.training.runs import example, open_members, train_together
from tests.training.test_byte_model import batch, trained_weights

pytest.importorskip("torch", reason="the torch trainer needs PyTorch: pip install '.[torch]'")


def test_the_loss_falls_by_half_within_two_epochs_of_the_minimal_example() -> None:
    members = open_members(4, "torch")
    found = train_together(members, example(), 26)
    assert found.losses[0] == pytest.approx(math.log(256))
    assert members[0].evaluate().loss < math.log(256) / 2


def test_one_seed_gives_the_same_weights_in_every_run() -> None:
    first = train_together(open_members(3, "torch"), example(), 4)
    assert train_together(open_members(3, "torch"), example(), 4) == first
    assert train_together(open_members(3, "torch", seed=2), example(), 4) != first


def test_loss_and_gradient_are_those_of_the_numpy_trainer() -> None:
    from psyche_cli.training.torch_trainer import TorchModel

    weights, (context, target) = trained_weights(), batch(2000)
    ours, theirs = ByteModel(), TorchModel()
    assert theirs.parameters == ours.parameters
    assert np.array_equal(theirs.initial(3), ours.initial(3))
    gradient, loss = ours.gradient(weights, context, target)
    other_gradient, other_loss = theirs.gradient(weights, context, target)
    assert other_loss == pytest.approx(loss, rel=1e-5)
    assert float(np.linalg.norm(gradient - other_gradient)) < 1e-3 * float(np.linalg.norm(gradient))
    total, correct = ours.loss(weights, context, target)
    other_total, other_correct = theirs.loss(weights, context, target)
    assert other_total == pytest.approx(total, rel=1e-5)
    assert abs(correct - other_correct) < 10


def test_a_checked_share_has_the_same_result_for_all_members() -> None:
    one, other, third = open_members(3, "torch")
    other.train(range(50, 54))
    result = one.train(range(8, 12), checked=True)
    assert other.check(range(8, 12)) == third.check(range(8, 12)) == result
    honest = Submission("a", "0" * 64, result.update, result.loss, result.tokens, (("b", "1" * 64),))
    copied = honest._replace(update=other.check(range(4)).update)
    for lie in Lie:
        false = falsified(lie, one, honest, seed="1", copied=copied, stale=copied)
        assert false != honest
        assert (one.flaw(false.update) is None) == (lie is not Lie.RANDOM)


def test_a_checkpoint_restores_the_same_weights_and_is_not_one_of_the_numpy_trainer(tmp_path: Path) -> None:
    members, checkpoints = open_members(2, "torch"), Checkpoints(tmp_path)
    train_together(members, example(), 2)
    checkpoints.save_to_hub(members[0], 2, "owner/model")
    [late] = open_members(1, "torch", seed=5)
    assert checkpoints.restore_from_hub(late, "owner/model").weights_hash == members[0].weights_hash()
    train_together([*members, late], example(), 1)
    [numpy_member] = open_members(1)
    with pytest.raises(NoCheckpoint, match="another model, optimizer or trainer"):
        checkpoints.restore_from_hub(numpy_member, "owner/model")
