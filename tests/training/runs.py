"""Members that train a run together in one process, for tests."""

from __future__ import annotations

from typing import Any, NamedTuple

from psyche_cli.model.data_assignment import split_batch
from psyche_cli.run_config.batch_size import batch_size
from psyche_cli.run_config.examples import find_example
from psyche_cli.run_config.load import load_run_config
from psyche_cli.training.text import load_text
from psyche_cli.training.trainer import Trainer, open_trainer


class Rounds(NamedTuple):
    """The mean loss of each round, and the hash of the weights after it."""

    losses: list[float]
    hashes: list[str]


def example(name: str = "minimal") -> Any:
    return load_run_config(find_example(name).path)


def train_together(trainers: list[Trainer], file: Any, rounds: int, seed: int = 1) -> Rounds:
    """Train the first rounds of a run. All members hold the same weights after each."""
    losses, hashes, index = [], [], 0
    for step in range(1, rounds + 1):
        size = batch_size(index * file.model["LLM"]["max_seq_len"], file.config)
        shares = split_batch(index, size, range(len(trainers)), seed * 1000 + step)
        results = [trainers[member].train(sequences) for member, sequences in shares]
        for trainer in trainers:
            trainer.apply(step, [result.update for result in results])
        [one_hash] = {trainer.weights_hash() for trainer in trainers}
        hashes.append(one_hash)
        losses.append(sum(one.loss * one.tokens for one in results) / sum(one.tokens for one in results))
        index += size
    return Rounds(losses, hashes)


def open_members(count: int, kind: str = "numpy", seed: int = 1, example_name: str = "minimal") -> list[Trainer]:
    return [open_trainer(kind, example(example_name).model, load_text(), seed) for _ in range(count)]
