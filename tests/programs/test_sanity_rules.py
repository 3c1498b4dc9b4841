"""The configuration rules that the command line and the lifecycle model share, against the C program.

``run_config.rules`` is shared by both, so neither tests the other. Here every value near a limit, and many combinations
of such values, are sent to the program: it must reject exactly what the rules reject, for the first reason that they
report. The values are written out, not derived from the rules, so that a missing rule is detected.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pytest

from psyche_cli.limits import MAX_CLIENTS, MAX_WITNESSES, U16_MAX, U32_MAX, U64_MAX
from psyche_cli.model import instructions as steps
from psyche_cli.protocol.accounts.coordinator_account import decode_coordinator_account
from psyche_cli.protocol.accounts.coordinator_parts import Identity
from psyche_cli.run_config import rules
from psyche_cli.solana.raw_account import RawAccount

from .chain import ABORT, COORDINATOR, Chain, Code
from .coordinator_bytes import Table, config_bytes, decode
from .recorded_rules import CONFIG_REFUSED, MODEL_LOGS, MODEL_REFUSED, complaint
from .run import Run
from .traces import ADAMW, DISTRO
from .world import GOOD_CONFIG, GOOD_MODEL

U8_MAX = 2**8 - 1
PROGRAMS = Path(__file__).parent.parent.parent / "programs"
CONFIG_OFFSET = 968
HALTED = 6015

BASE = GOOD_CONFIG | {"init_min_clients": 40, "min_clients": 36, "witness_nodes": 8, "global_batch_size_start": 64}

# Below, at and beyond every bound, with the other keys as in BASE, and the smallest and largest values of the type.
CONFIG_VALUES: dict[str, tuple[int, ...]] = {
    "warmup_time": (0, 1, 99, 100, 101, U64_MAX),
    "cooldown_time": (0, 1, U64_MAX),
    "max_round_train_time": (0, 1, 99, 100, 101, U64_MAX),
    "round_witness_time": (0, 1, 100, U64_MAX),
    "global_batch_size_warmup_tokens": (0, 1, U64_MAX),
    "epoch_time": (0, 1, 10, 11, 20, 21, U64_MAX),
    "total_steps": (0, 1, U32_MAX),
    "init_min_clients": (0, 1, 35, 36, 37, 255, 256, 257, U16_MAX),
    "min_clients": (0, 1, 7, 8, 9, 39, 40, 41, U16_MAX),
    "witness_nodes": (0, 1, 31, 32, 33, 35, 36, 37, U16_MAX),
    "global_batch_size_start": (0, 1, 255, 256, 257, U16_MAX),
    "global_batch_size_end": (0, 1, 63, 64, 65, U16_MAX),
    "verification_percent": (0, 1, 100, 101, U8_MAX),
    "waiting_for_members_extra_time": (0, 1, U8_MAX),
}
IMPLIED = {("epoch_time", "at least", 1), ("global_batch_size_end", "at least", 1)}
"""Limits that cannot be violated alone: warmup_time < epoch_time and start <= end imply them."""

Relation: TypeAlias = Literal["at least", "at most", "less than"]
RELATIONS: dict[str, Relation] = {">=": "at least", "<=": "at most", "<": "less than"}

TEXTS = ("", "a", "\0a")  # A text that begins with NUL is empty for the program.


def test_the_program_has_a_line_for_each_config_rule_under_its_name() -> None:
    source = (PROGRAMS / "coordinator" / "sanity.c").read_text(encoding="utf-8")
    body = source.partition("is_config_sane(const Config *config) {")[2].partition("return true")[0]
    found = re.findall(r"RULE\((\w+), config->(\w+) (<=?|>=) (?:config->)?(\w+)\);", body)
    limits = {"MAX_CLIENTS": MAX_CLIENTS, "MAX_WITNESSES": MAX_WITNESSES, "1": 1}
    assert (
        tuple(
            rules.Bound(rule, key, RELATIONS[relation], limits.get(limit, limit))
            for rule, key, relation, limit in found
        )
        == rules.CONFIG_RULES
    )
    assert body.count("RULE(") == len(found)


def _http(location: Table) -> Table:
    return {"Http": {"location": location, "token_size_in_bytes": "TwoBytes", "shuffle": "DontShuffle"}}


def _numbered(template: str, files: int) -> Table:
    numbers = {"start_index": 0, "n_left_pad_zeros": 0, "num_files": files}
    return _http({"NumberedFiles": {"url_template": template, **numbers}})


MODEL_VALUES: dict[str, tuple[Any, ...]] = {
    "max_seq_len": (0, 1, U32_MAX),
    "data_location": (
        "Dummy",
        *({kind: text} for kind in ("Server", "Local", "WeightedHttp", "Preprocessed") for text in TEXTS),
        *(_http({"SingleUrl": text}) for text in TEXTS),
        *(_numbered(text, files) for text in TEXTS for files in (0, 1)),
        *(_http({"Gcp": {"bucket_name": text, "filter_directory": other}}) for text in TEXTS for other in ("", "d")),
    ),
    "checkpoint": (
        "Ephemeral",
        *({kind: {"repo_id": text, "revision": None}} for kind in ("Dummy", "Hub", "P2P") for text in TEXTS),
        *({kind: {"bucket": text, "prefix": "p"}} for kind in ("Gcs", "P2PGcs") for text in TEXTS),
    ),
    "optimizer": ("Dummy", ADAMW, DISTRO),
}


def configs() -> Iterator[dict[str, int]]:
    """BASE with one value changed, and with two."""
    for key, values in CONFIG_VALUES.items():
        yield from ({**BASE, key: value} for value in values)
    for (key, values), (other, others) in combinations(CONFIG_VALUES.items(), 2):
        yield from ({**BASE, key: value, other: second} for value in values for second in others)


def models() -> Iterator[Table]:
    for key, values in MODEL_VALUES.items():
        yield from (_model(**{key: value}) for value in values)
    rng = random.Random(7)
    for _ in range(300):
        yield _model(**{key: rng.choice(values) for key, values in MODEL_VALUES.items()})


def _model(**values: Any) -> Table:
    return {"LLM": {**GOOD_MODEL["LLM"], **values}}


@pytest.fixture(scope="module")
def run() -> Run:
    """A run that was never configured; the changes of each test are reverted."""
    return Run(Chain())


@pytest.fixture(scope="module")
def blank(run: Run) -> bytes:
    return run.raw


@pytest.fixture(autouse=True)
def _fresh(run: Run, blank: bytes) -> None:
    put(run, blank)
    run.chain.set_clock(1000, 1)


def put(run: Run, data: bytes) -> None:
    run.chain.put(run.accounts.account, data, COORDINATOR)


def with_config(data: bytes, config: dict[str, int]) -> bytes:
    stored = config_bytes(config)
    return data[:CONFIG_OFFSET] + stored + data[CONFIG_OFFSET + len(stored) :]


def test_every_value_that_the_tests_start_from_is_accepted(run: Run) -> None:
    assert tuple(CONFIG_VALUES) == tuple(BASE)
    run.must(steps.Update(config=BASE, model=GOOD_MODEL))
    run.must(steps.SetPaused(False))


def test_the_program_refuses_the_configs_that_the_rules_refuse(run: Run) -> None:
    results: Counter[Code] = Counter()
    broken_alone = set()
    for config in configs():
        problems = rules.check_config(config)
        code = run.send(steps.Update(config=config)).code
        assert code == (CONFIG_REFUSED if problems else None), (config, problems)
        results[code] += 1
        if len(problems) == 1:
            broken_alone |= {(b.key, b.relation, b.limit) for b in rules.CONFIG_RULES if breaks(b, config)}
    assert broken_alone == {(b.key, b.relation, b.limit) for b in rules.CONFIG_RULES} - IMPLIED
    assert min(results.values()) > 100


def breaks(bound: rules.Bound, config: dict[str, int]) -> bool:
    return not bound.holds(config[bound.key], config[bound.limit] if isinstance(bound.limit, str) else bound.limit)


def test_the_program_refuses_to_resume_with_the_configs_that_the_rules_refuse(run: Run) -> None:
    run.must(steps.Update(config=BASE, model=GOOD_MODEL))
    configured = run.raw
    for config in configs():
        put(run, with_config(configured, config))
        problems = rules.check_run(config, decode(run.raw).model)
        code = run.send(steps.SetPaused(False)).code
        without_steps_left = HALTED if config["total_steps"] == 1 else None
        assert code == (CONFIG_REFUSED if problems else without_steps_left), (config, problems)


def test_the_program_refuses_the_models_that_the_rules_refuse(run: Run) -> None:
    run.must(steps.Update(config=BASE))
    configured = run.raw
    refused: Counter[str] = Counter()
    for model in models():
        problems = rules.check_model(model)
        put(run, configured)
        outcome = run.send(steps.Update(model=model))
        assert outcome.code == (MODEL_REFUSED if problems else None), (model, problems)
        assert complaint(outcome.logs) == (problems[0].rule if problems else ""), (model, problems)
        assert rules.check_run(BASE, model) == problems
        refused[complaint(outcome.logs)] += 1
        for rule in rules.MODEL_RULES:
            refused[rule.path] += [problem.key for problem in problems] == [reported(rule)]
    assert all(refused[rule.path] for rule in rules.MODEL_RULES), refused
    assert min(refused[name] for name in ("", *MODEL_LOGS)) > 5


def reported(rule: rules.ModelRule) -> str:
    path = f"model.LLM.{rule.path}"
    return path.rpartition(".")[0] if rule.requirement == "refused" else path


@pytest.mark.parametrize("checkpoint", [value for value in MODEL_VALUES["checkpoint"] if "Hub" in value])
def test_a_repository_that_a_client_left_is_judged_on_resume_as_the_program_judges_it(
    run: Run, checkpoint: Table
) -> None:
    """Checkpoints are stored unchecked, so a run can hold one that updates reject."""
    config = BASE | {"init_min_clients": 1, "min_clients": 1, "witness_nodes": 0}
    client = b"c" * 32
    run.must(steps.Update(config=config, model=GOOD_MODEL))
    run.must(steps.SetPaused(False))
    run.must(steps.JoinRun(Identity(client)), client)
    run.chain.set_clock(2000, 1)
    run.must(steps.Tick(), client)
    run.must(steps.Checkpoint(checkpoint), client)
    run.must(steps.SetPaused(True))
    account = decode_coordinator_account(RawAccount(run.accounts.account, COORDINATOR, 1, run.raw))
    problems = rules.check_run(config, account.model)
    assert bool(problems) == (checkpoint["Hub"]["repo_id"] in ("", "\0a"))
    assert run.send(steps.SetPaused(False)).code == (MODEL_REFUSED if problems else None)


@pytest.mark.parametrize("cold_start", [0, 1, 3, 4, 5, 9, 10, U32_MAX])
@pytest.mark.parametrize(("epoch", "warmup", "train"), [(100, 10, 20), (100, 0, 10), (100, 99, 50), (U64_MAX, 0, 1)])
def test_the_program_refuses_the_cold_starts_that_the_rule_refuses(
    run: Run, cold_start: int, epoch: int, warmup: int, train: int
) -> None:
    config = BASE | {"epoch_time": epoch, "warmup_time": warmup, "max_round_train_time": train}
    model = _model(cold_start_warmup_steps=cold_start)
    expected = CONFIG_REFUSED if rules.check_run(config, model) else None
    assert run.send(steps.Update(config=config, model=model)).code == expected
    assert (expected is None) == (cold_start * train <= epoch - warmup)


def test_the_program_aborts_on_the_cold_starts_that_cannot_be_computed(run: Run) -> None:
    unset = run.state.config
    for cold_start in (0, 1):
        problems = rules.check_cold_start(unset, _model(cold_start_warmup_steps=cold_start))
        code = run.send(steps.Update(model=_model(cold_start_warmup_steps=cold_start))).code
        assert code == (ABORT if problems else None)
    assert problems


@pytest.mark.parametrize("step", [0, 1, U32_MAX])
def test_the_program_refuses_the_steps_that_the_rule_refuses(run: Run, step: int) -> None:
    progress = {"epoch": 0, "step": step, "epoch_start_data_index": 0}
    expected = MODEL_REFUSED if rules.check_progress(progress) else None
    assert run.send(steps.Update(progress=progress)).code == expected
