"""The trainer's contract: batches, learning rates, state, errors, and every shipped configuration."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.errors import UsageError
from psyche_cli.extras import Extra, install_hint
from psyche_cli.run_config.examples import find_example
from psyche_cli.run_config.learning_rate import learning_rate
from psyche_cli.run_config.load import load_run_config
from psyche_cli.training import text
from psyche_cli.training.options import LONGEST_SEQUENCE, MOST_BYTES, AdamW, Distro, options_of
from psyche_cli.training.trainer import BadUpdate, open_trainer
from tests.training.runs import example, open_members, train_together

EXAMPLES = ("minimal", "small-llama", "numbered-files", "large-wsd", "finetune-adamw")


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_model_learns_with_every_example(name: str) -> None:
    members = open_members(2, example_name=name)
    found = train_together(members, example(name), 8)
    assert found.losses[0] == pytest.approx(math.log(256))
    assert found.losses == sorted(found.losses, reverse=True)
    assert found.losses[-1] < found.losses[0] - 0.002
    # Weights that are restored train on as those that were kept.
    [restored] = open_members(1, seed=9, example_name=name)
    restored.load(members[0].state())
    updates = [one.train(range(40, 44)).update for one in members]
    for one in (*members, restored):
        one.apply(9, updates)
    assert restored.weights_hash() == members[0].weights_hash()


def test_all_examples_are_tested() -> None:
    assert sorted(EXAMPLES) == sorted(path.stem for path in find_example("minimal").path.parent.glob("*.toml"))


def test_weights_are_the_same_on_every_machine() -> None:
    """These hashes hold for every processor and every version of numpy. A change of the model changes them."""
    found = train_together(open_members(2), example(), 3)
    assert found.hashes == PINNED


PINNED = [
    "cb5b4486eb03d5aa6aa482e29d128655a53a8885433ea16fd7009ea290b0b592",
    "2e72b52190642c9db3b7cc346026a58a0912c17c0ca67f6b8eafedb4d4a3f00c",
    "9b41be44109f7383bea7e0081a380efb658455cfafe15c1a35d685958c49a85a",
]


def test_what_a_checked_share_leaves_out_is_sent_later() -> None:
    one, other = open_members(2)
    assert one.train(range(4), checked=True) == other.check(range(4))
    # Only the first has something left over.
    assert one.train(range(4, 8)).update != other.train(range(4, 8)).update
    # A check neither uses nor changes it.
    before = other.check(range(8, 12))
    assert other.check(range(8, 12)) == before == one.check(range(8, 12))


def test_a_member_without_sequences_changes_nothing() -> None:
    [one] = open_members(1)
    result = one.train(range(4, 4))
    assert (result.loss, result.tokens) == (0.0, 0)
    assert result == one.check(range(0))
    before = one.evaluate()
    one.apply(20, [result.update])
    assert one.evaluate() == before
    unchanged = one.weights_hash()
    one.apply(20, [])
    assert one.weights_hash() == unchanged


def test_a_bad_update_changes_nothing() -> None:
    [one] = open_members(1)
    good, before = one.train(range(4)).update, one.weights_hash()
    with pytest.raises(BadUpdate, match="update 1 is not valid: it has 3 bytes"):
        one.apply(1, [good, b"bad"])
    assert one.weights_hash() == before
    assert one.flaw(good) is None
    assert one.flaw(b"bad") == "it has 3 bytes instead of 5,657"
    assert one.update_bytes == len(good) == 5657


def test_the_order_of_the_updates_is_the_same_for_all() -> None:
    one, other = open_members(2, example_name="numbered-files")
    updates = [trainer.train(range(n, n + 1)).update for n, trainer in enumerate((one, other))]
    one.apply(200, updates)
    other.apply(200, updates)
    assert one.weights_hash() == other.weights_hash()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_learning_rate_is_that_of_the_run(name: str) -> None:
    model = example(name).model
    trainer = open_trainer("numpy", model, text.load_text(), 1)
    for step in (1, 10, 100, 1000):
        assert trainer.learning_rate(step) == learning_rate(step, model["LLM"]["lr_schedule"])
    steps = model["LLM"]["cold_start_warmup_steps"]
    usual = trainer.learning_rate(500)
    assert trainer.learning_rate(500, cold_start=500 - steps) == usual
    if steps:
        assert trainer.learning_rate(500, cold_start=500) == pytest.approx(usual / (steps + 1))
        assert trainer.learning_rate(500, cold_start=501 - steps) == pytest.approx(usual * steps / (steps + 1))


def test_a_learning_rate_that_is_not_a_number_counts_as_0() -> None:
    model = example("finetune-adamw").model["LLM"]
    cosine = dict(model["lr_schedule"]["Cosine"], warmup_steps=5, total_steps=5)
    options = options_of({"LLM": {**model, "lr_schedule": {"Cosine": cosine}}}, 50_000, 4)
    assert options.rate(10) == 0.0


def test_the_optimizer_section_is_read() -> None:
    minimal = options_of(example().model, 50_000, 4)
    assert minimal.sequence_bytes == minimal.max_seq_len == 256
    assert minimal.optimizer == Distro(0.999, 4, 64, True, 0.0, None)
    files = options_of(example("numbered-files").model, 50_000, 4)
    assert files.optimizer == Distro(0.99, 4, 32, False, 0.05, 0.5)
    tune = options_of(example("finetune-adamw").model, 50_000, 4)
    assert tune.optimizer == AdamW((0.9, 0.95), 1e-8, 0.01, 1.0)
    stored = dict(example().model["LLM"], optimizer={"Distro": {
        "clip_grad_norm": None, "weight_decay": None, "compression_decay": 0.5, "compression_topk": 0,
        "compression_chunk": 0, "quantize_1bit": True,
    }})  # fmt: skip
    assert options_of({"LLM": stored}, 50_000, 4).optimizer == Distro(0.5, 1, 1, True, 0.0, None)
    with pytest.raises(ValueError, match="Dummy"):
        options_of({"LLM": dict(example().model["LLM"], optimizer="Dummy")}, 50_000, 4)


def test_absurd_lengths_and_shares_are_cut() -> None:
    large = options_of(example("large-wsd").model, 50_000, 4)
    assert (large.sequence_bytes, large.max_seq_len) == (LONGEST_SEQUENCE, 4096)
    assert options_of(example("large-wsd").model, 500, 4).sequence_bytes == 496
    assert large.trained(range(100, 400)) == range(100, 100 + MOST_BYTES // LONGEST_SEQUENCE)
    assert large.trained(range(100, 102)) == range(100, 102)
    result = open_trainer("numpy", example("large-wsd").model, text.load_text(), 1).train(range(256))
    assert result.tokens == MOST_BYTES
    assert result.bytes_left_out == 256 * 4096 - MOST_BYTES


@pytest.mark.parametrize("changed", [{"compression_chunk": 65535, "compression_topk": 65535}, {"compression_chunk": 1}])
def test_unusual_compression_works(changed: dict[str, Any]) -> None:
    model = example().model["LLM"]
    distro = {**model["optimizer"]["Distro"], **changed}
    trainer = open_trainer("numpy", {"LLM": {**model, "optimizer": {"Distro": distro}}}, text.load_text(), 1)
    before = trainer.evaluate().loss
    trainer.apply(20, [trainer.train(range(4)).update])
    assert trainer.evaluate().loss != before


def test_windows_follow_each_other_and_wrap_around() -> None:
    content = bytes(range(100))
    assert text.window(content, 0, 10) == content[:14]
    assert text.window(content, 1, 10) == content[10:24]
    for sequence in range(300):
        assert len(text.window(content, sequence, 10)) == 14
        assert len(text.window(content, sequence, 96)) == 100
    assert len({text.window(content, sequence, 10) for sequence in range(300)}) == 87


def test_the_held_out_part_is_not_trained() -> None:
    content = text.load_text()
    parts = text.sections(content)
    assert parts.trained + parts.held_out == content
    assert len(parts.held_out) == 4096 + text.CONTEXT
    assert content.isascii()
    assert 60_000 < len(content) < 120_000


def test_the_owners_text_is_trained(tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    path.write_bytes(b"abcdefgh" * 600)
    trainer = open_trainer("numpy", example().model, text.load_text(path), 1)
    for step in range(10, 30):
        trainer.apply(step, [trainer.train(range(4)).update])
    assert trainer.evaluate().loss < 0.5
    assert trainer.evaluate().accuracy == 1.0
    assert dict(trainer.evaluate().named())["accuracy"] == 1.0


def test_a_text_that_is_too_short_or_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    path.write_bytes(b"x" * (text.SMALLEST_TEXT - 1))
    with pytest.raises(UsageError, match="has 4,095 bytes, but training needs at least 4,096") as caught:
        text.load_text(path)
    assert "--data" in caught.value.hint
    with pytest.raises(UsageError, match="The text has 3 bytes"):
        open_trainer("numpy", example().model, b"abc", 1)
    with pytest.raises(UsageError, match="No such file"):
        text.load_text(tmp_path / "missing")
    path.write_bytes(b"x" * text.SMALLEST_TEXT)
    trainer = open_trainer("numpy", load_run_config(find_example("large-wsd").path).model, text.load_text(path), 1)
    assert trainer.train(range(3)).tokens == 3 * 1024


def test_an_unknown_trainer_is_refused() -> None:
    with pytest.raises(UsageError, match="The trainer jax does not exist") as caught:
        open_trainer("jax", example().model, text.load_text(), 1)
    assert caught.value.hint == "Use numpy or torch."


@pytest.mark.parametrize(("kind", "extra"), [("numpy", "rehearse"), ("torch", "torch")])
def test_a_package_that_is_missing_is_named(kind: str, extra: Extra) -> None:
    program = (
        "import sys\n"
        f"sys.modules[{kind!r}] = None\n"
        "from psyche_cli.errors import UsageError\n"
        "from psyche_cli.training.trainer import open_trainer\n"
        "try:\n"
        f"    open_trainer({kind!r}, {{}}, b'', 1)\n"
        "except UsageError as error:\n"
        "    print(error, error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert f"needs the package {kind}" in done.stdout
    assert install_hint(extra) in done.stdout


def test_the_interface_the_exchange_and_the_checker_need_no_optional_package() -> None:
    modules = "trainer, text, options, submission, exchange, checkpoints, checker, rounds, lies"
    program = f"from psyche_cli.training import {modules}\nimport sys\nprint('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
