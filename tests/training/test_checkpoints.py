"""Checkpoints: late joiners restore and hold the same weights; torn and false files are refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from psyche_cli.training.checkpoints import Checkpoints, NoCheckpoint
from psyche_cli.training.trainer import Trainer
from tests.training.runs import example, open_members, train_together


@pytest.fixture(scope="module")
def trained() -> tuple[Trainer, bytes, bytes]:
    """A trainer, and its states after two and three rounds."""
    members = open_members(2)
    train_together(members, example(), 2)
    earlier = members[0].state()
    train_together(members, example(), 1)
    return members[0], earlier, members[0].state()


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path)


def save(checkpoints: Checkpoints, trained: tuple[Trainer, bytes, bytes], member: str, step: int = 3) -> Path:
    trainer, earlier, later = trained
    trainer.load(later if step >= 3 else earlier)
    return checkpoints.save_for_members(trainer, step, member)


def test_a_late_joiner_restores_from_another_member(
    checkpoints: Checkpoints, trained: tuple[Trainer, bytes, bytes]
) -> None:
    save(checkpoints, trained, "alice")
    [late] = open_members(1, seed=9)
    restored = checkpoints.restore_from_members(late, ["bob", "alice"])
    assert restored.source == "alice"
    assert restored.step == 3
    assert restored.weights_hash == late.weights_hash() == trained[0].weights_hash()
    assert restored.skipped == (("bob", "it has no checkpoint"),)


@pytest.mark.parametrize("repository", ["owner/model", "..", "../../etc", "bucket", "a" * 64])
def test_a_folder_stands_for_the_hub(
    checkpoints: Checkpoints, trained: tuple[Trainer, bytes, bytes], repository: str
) -> None:
    path = checkpoints.save_to_hub(trained[0], 7, repository)
    assert path.parent.parent == checkpoints.folder / "hub"
    [late] = open_members(1, seed=9)
    assert checkpoints.restore_from_hub(late, repository).step == 7
    assert late.weights_hash() == trained[0].weights_hash()
    with pytest.raises(NoCheckpoint):
        checkpoints.restore_from_hub(late, "owner/other")


def test_the_newest_checkpoints_are_kept(checkpoints: Checkpoints, trained: tuple[Trainer, bytes, bytes]) -> None:
    paths = [checkpoints.save_to_hub(trained[0], step, "o/m") for step in (2, 3, 10)]
    assert [path.exists() for path in paths] == [False, True, True]
    [late] = open_members(1)
    assert checkpoints.restore_from_hub(late, "o/m").step == 10
    assert checkpoints.restore_from_hub(late, "o/m", step=3).step == 3
    with pytest.raises(NoCheckpoint, match="not the requested checkpoint"):
        checkpoints.restore_from_hub(late, "o/m", weights_hash="0" * 64)


def test_a_torn_checkpoint_is_skipped_and_named(
    checkpoints: Checkpoints, trained: tuple[Trainer, bytes, bytes]
) -> None:
    path = save(checkpoints, trained, "alice")
    save(checkpoints, trained, "bob")
    content = path.read_bytes()
    for torn in (
        content[:-1],
        content[:20],
        b"",
        content[:-1] + bytes([content[-1] ^ 1]),
        b"[]\n",
        b"[" * 5000,
        b"{}\n",
    ):
        path.write_bytes(torn)
        [late] = open_members(1, seed=9)
        restored = checkpoints.restore_from_members(late, ["alice", "bob"])
        assert restored.source == "bob"
        assert [source for source, _ in restored.skipped] == ["alice"]
        assert late.weights_hash() == trained[0].weights_hash()


def test_a_false_checkpoint_changes_nothing(checkpoints: Checkpoints, trained: tuple[Trainer, bytes, bytes]) -> None:
    path = save(checkpoints, trained, "alice")
    state = path.read_bytes().partition(b"\n")[2]
    large = state[:-8] + b"\x00\x00\x00\x00\x00\x00\x59\x40"
    header, _, rest = state.partition(b"\n")
    others = (
        large,
        state[:-8],
        state + bytes(8),
        state + bytes(1 << 20),
        header.replace(b"numpy", b"torch") + b"\n" + rest,
        header.replace(b'"changes": 3', b'"changes": -3') + b"\n" + rest,
        b"\n" + rest,
        state[:-8] + b"\xff" * 8,
    )
    for false in others:
        first = {"format": "psyche-rehearsal-checkpoint-1", "step": 3, "sha256": hashlib.sha256(false).hexdigest()}
        path.write_bytes(json.dumps(first).encode() + b"\n" + false)
        [late] = open_members(1, seed=9)
        before = late.weights_hash()
        with pytest.raises(NoCheckpoint):
            checkpoints.restore_from_members(late, ["alice"])
        assert late.weights_hash() == before


def test_a_checkpoint_under_the_name_of_another_step_is_refused(
    checkpoints: Checkpoints, trained: tuple[Trainer, bytes, bytes]
) -> None:
    path = save(checkpoints, trained, "alice")
    path.rename(path.with_name("00000099.checkpoint"))
    [late] = open_members(1)
    with pytest.raises(NoCheckpoint, match="not that of a checkpoint of this step"):
        checkpoints.restore_from_members(late, ["alice"])


def test_a_single_member_cannot_impose_its_checkpoint(
    checkpoints: Checkpoints, trained: tuple[Trainer, bytes, bytes]
) -> None:
    save(checkpoints, trained, "alice")
    save(checkpoints, trained, "bob")
    other = open_members(1, seed=5)[0]
    checkpoints.save_for_members(other, 1000, "mallory")
    [late] = open_members(1, seed=9)
    restored = checkpoints.restore_from_members(late, ["mallory", "alice", "bob"])
    assert (restored.step, late.weights_hash()) == (3, trained[0].weights_hash())
    exact = checkpoints.restore_from_members(late, ["mallory", "alice"], weights_hash=other.weights_hash())
    assert exact.source == "mallory"


def test_a_checkpoint_of_another_optimizer_is_refused(checkpoints: Checkpoints) -> None:
    [adamw], [distro] = open_members(1, example_name="finetune-adamw"), open_members(1)
    checkpoints.save_to_hub(adamw, 1, "o/adamw")
    checkpoints.save_to_hub(distro, 1, "o/distro")
    # The state of AdamW has its moments as well.
    with pytest.raises(NoCheckpoint, match="it is larger than"):
        checkpoints.restore_from_hub(distro, "o/adamw")
    with pytest.raises(NoCheckpoint, match="another model, optimizer or trainer"):
        checkpoints.restore_from_hub(adamw, "o/distro")


def test_a_name_that_is_not_a_members_is_refused(checkpoints: Checkpoints) -> None:
    with pytest.raises(ValueError, match="not a valid name"):
        checkpoints.restore_from_members(open_members(1)[0], ["../x"])
