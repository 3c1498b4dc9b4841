"""The trainers of a rehearsal: the work of a member in a round, beside other ways to do it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import Any

from psyche_cli.run_config.examples import find_example
from psyche_cli.run_config.load import load_run_config
from psyche_cli.training.checker import Share, choose_checks, judge
from psyche_cli.training.submission import Submission
from psyche_cli.training.text import load_text
from psyche_cli.training.trainer import KINDS, Result, Trainer, open_trainer
from scripts.benchmarks.table import Table, milliseconds, percentile

_SEQUENCES = range(4, 8)
_MEMBERS = 4
_ROUNDS = 26


def measure(table: Table) -> None:
    """Measure each trainer that is installed, and how far the loss falls with and without compression."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if importlib.util.find_spec("numpy") is None:
        table.section("training: numpy is not installed")
        return
    model = load_run_config(find_example("minimal").path).model
    for kind in KINDS:
        if importlib.util.find_spec(kind) is None:
            table.section(f"training with {kind}: not installed")
            continue
        trainer = open_trainer(kind, model, load_text(), 1)
        table.section(f"training with {kind}: {trainer.parameters:,} parameters, 4 sequences of 256 bytes, one thread")
        tokens = trainer.train(_SEQUENCES).tokens
        taken = milliseconds(lambda t=trainer: t.train(_SEQUENCES), 30)  # type: ignore[misc]
        table.time("train a share", taken, "target: 100 ms")
        table.figure("tokens per second", tokens / percentile(taken, 0.5) * 1000, "tokens/s")
        updates = [trainer.train(range(n, n + 4)).update for n in range(_MEMBERS)]
        table.time("apply 4 updates", milliseconds(lambda t=trainer, u=updates: t.apply(1, u), 30))  # type: ignore[misc]
        table.time("evaluate", milliseconds(trainer.evaluate, 10))
        table.time("state and hash", milliseconds(trainer.weights_hash, 10))
    _plain_gradient(table)
    _compression(table, model)
    _judging(table)


def _plain_gradient(table: Table) -> None:
    """The gradient in exact sums beside the same formulas as numpy computes them."""
    import numpy as np

    from psyche_cli.training.byte_model import IN_SCALE, OUT_SCALE, SYMBOLS, ByteModel
    from psyche_cli.training.text import CONTEXT

    model = ByteModel()
    text = np.frombuffer(load_text(), dtype=np.uint8)[:1028]
    context = np.stack([text[CONTEXT - 1 - back : len(text) - 1 - back] for back in range(CONTEXT)], axis=1)
    target, weights = text[CONTEXT:], model.initial(1)
    part = model.named(weights)

    def plain() -> Any:
        embedded = part["embedding"][context].reshape(len(target), -1)
        hidden = np.tanh(IN_SCALE * embedded @ part["inner"] + part["shift"])
        scores = part["bias"] + part["table"][context[:, 0]] + OUT_SCALE * hidden @ part["outer"]
        error = np.exp(scores - scores.max(axis=1, keepdims=True))
        error /= error.sum(axis=1, keepdims=True)
        error[np.arange(len(target)), target] -= 1
        back = OUT_SCALE * error @ part["outer"].T * (1 - hidden * hidden)
        table_sums = np.zeros((SYMBOLS, SYMBOLS))
        np.add.at(table_sums, context[:, 0], error)
        return error.sum(axis=0), table_sums, hidden.T @ error, embedded.T @ back, back @ part["inner"].T

    table.section("the gradient of 1,024 bytes, beside the same formulas without exact sums")
    plain_times = milliseconds(plain, 30)
    table.time("plain numpy", plain_times)
    table.time(
        "exact sums, the same on every machine", milliseconds(lambda: model.gradient(weights, context, target), 30)
    )


def _compression(table: Table, model: Any) -> None:
    table.section(f"compression: held-out loss after {_ROUNDS} rounds of {_MEMBERS} members with 1 sequence each")
    dense = _with_optimizer(model, {"AdamW": {"betas": [0.9, 0.95], "weight_decay": 0.0, "eps": 1e-8}})
    full = open_trainer("numpy", dense, load_text(), 1).update_bytes
    distro = model["LLM"]["optimizer"]["Distro"]
    for label, changed in (
        ("AdamW, full gradients", dense),
        ("top 4 of 64, values", _with_optimizer(model, {"Distro": {**distro, "quantize_1bit": False}})),
        ("top 4 of 64, signs (the minimal example)", model),
        ("top 1 of 64, signs", _with_optimizer(model, {"Distro": {**distro, "compression_topk": 1}})),
        ("all, signs", _with_optimizer(model, {"Distro": {**distro, "compression_topk": 64}})),
    ):
        trainer, loss = _trained(lambda m=changed: open_trainer("numpy", m, load_text(), 1))  # type: ignore[misc]
        size = trainer.update_bytes
        table.figure(label, size, "bytes/update", f"{full / size:6.1f} x smaller   loss {loss:.3f}")


def _with_optimizer(model: Any, optimizer: Any) -> Any:
    return {"LLM": {**model["LLM"], "optimizer": optimizer}}


def _trained(new: Callable[[], Trainer]) -> tuple[Trainer, float]:
    members = [new() for _ in range(_MEMBERS)]
    for step in range(1, _ROUNDS + 1):
        first = step * _MEMBERS
        updates = [one.train(range(first + n, first + n + 1)).update for n, one in enumerate(members)]
        for member in members:
            member.apply(step, updates)
    return members[0], members[0].evaluate().loss


def _judging(table: Table) -> None:
    shares = [Share(f"member-{n}", range(n, n + 1)) for n in range(256)]
    table.section("a round of 256 members, all of them checked")
    table.time("choose the checks", milliseconds(lambda: choose_checks(shares, 1, 100), 9))
    checks = choose_checks(shares, 1, 100)
    update = b"x" * 5657
    mine = Result(update, 1.0, 1).score
    found: dict[str, Submission | str] = {
        share.member: Submission(
            share.member,
            "a" * 64,
            update,
            1.0,
            1,
            tuple((check.owner, mine) for check in checks if share.member in check.checkers),
        )
        for share in shares
    }
    table.time("judge the results", milliseconds(lambda: judge(shares, checks, found, lambda _: None), 9))
