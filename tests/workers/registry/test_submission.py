"""The configuration of a run of workers."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche_cli.errors import InvalidSubmission
from psyche_cli.workers.registry.submission import MOST_BYTES, parse_submission

OF_THE_TEXT = {
    "metadata": {
        "run_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "run_name": "CartPole-PPO-Experiment",
        "worker": {
            "module": "cleanrl_worker.cli",
            "use_grpc": True,
            "grpc_target": "127.0.0.1:50055",
            "worker_id": "worker-001",
            "config": {"env_id": "CartPole-v1", "algo": "ppo"},
        },
    },
    "payload": {"resources": {"gpus": {"requested": 1, "mandatory": False}}},
}


def of(**metadata: Any) -> str:
    return json.dumps({"metadata": metadata})


def test_the_configuration_of_the_text() -> None:
    found = parse_submission(json.dumps(OF_THE_TEXT))
    assert (found.name, found.is_evaluation) == ("CartPole-PPO-Experiment", False)
    [worker] = found.workers
    assert worker.worker_id == "worker-001"
    assert worker.argv == (sys.executable, "-m", "cleanrl_worker.cli")
    assert worker.config == {"env_id": "CartPole-v1", "algo": "ppo"}
    assert (worker.gpus, worker.mandatory) == (1, False)


def test_several_workers_share_what_they_omit() -> None:
    shared = {"command": ["program", "word"], "config": {"a": 1}}
    workers: list[dict[str, Any]] = [{}, {"worker_id": "x", "config": {"b": 2}, "arguments": ["more"]}]
    workers.append({"gpus": {"requested": 2, "mandatory": True}})
    found = parse_submission(of(worker=shared, workers=workers)).workers
    assert [one.worker_id for one in found] == ["worker-001", "x", "worker-003"]
    assert [one.argv for one in found] == [("program", "word"), ("program", "word", "more"), ("program", "word")]
    assert [one.config for one in found] == [{"a": 1}, {"b": 2}, {"a": 1}]
    assert [(one.gpus, one.mandatory) for one in found] == [(0, False), (0, False), (2, True)]


def test_the_digest_depends_on_the_values_only() -> None:
    first = parse_submission('{"metadata": {"worker": {"module": "a"}, "run_name": "x"}}')
    again = parse_submission('{"metadata":{"run_name":"x","run_id":"any","worker":{"module":"a"}}}')
    other = parse_submission('{"metadata": {"worker": {"module": "a"}, "run_name": "y"}}')
    assert first == again
    assert first.digest != other.digest
    assert len(first.digest) == 64


@pytest.mark.parametrize(
    ("config", "is_evaluation"),
    [
        ({"extras": {"mode": "policy_eval"}}, True),
        ({"extras": {"mode": "test_mode"}}, True),
        ({"extras": {"test_mode": True}}, True),
        ({"test_mode": True}, True),
        ({"test_mode": "yes", "extras": {"mode": "train"}}, False),
        ({"extras": "policy_eval"}, False),
        ({}, False),
    ],
)
def test_evaluation_runs(config: dict[str, Any], is_evaluation: bool) -> None:
    assert parse_submission(of(worker={"module": "a", "config": config})).is_evaluation is is_evaluation


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", ""),
        ("[]", ""),
        ("{}", "metadata"),
        ("[" * 100_000, ""),
        ('{"metadata": NaN}', ""),
        (r'{"metadata": {"run_name": "\ud800", "worker": {"module": "a"}}}', ""),
        (r'{"metadata": {"worker": {"module": "a", "config": {"\udfff": 1}}}}', ""),
        (f'{{"a": "{"x" * MOST_BYTES}"}}', ""),
        (of(), "metadata.worker"),
        (of(worker=[]), "metadata.worker"),
        (of(worker={"module": "a", "command": ["b"]}), "metadata.worker"),
        (of(worker={"module": "a b"}), "metadata.worker.module"),
        (of(worker={"module": "-c"}), "metadata.worker.module"),
        (of(worker={"command": []}), "metadata.worker.command"),
        (of(worker={"command": "rm"}), "metadata.worker.command"),
        (of(worker={"command": ["a\0b"]}), "metadata.worker.command"),
        (of(worker={"module": "a", "arguments": [1]}), "metadata.worker.arguments"),
        (of(worker={"module": "a", "worker_id": "../x"}), "metadata.worker.worker_id"),
        (of(worker={"module": "a", "worker_id": "a" * 65}), "metadata.worker.worker_id"),
        (of(worker={"module": "a", "worker_id": "."}), "metadata.worker.worker_id"),
        (of(worker={"module": "a", "gpus": {"requested": -1}}), "metadata.worker.gpus.requested"),
        (of(worker={"module": "a", "gpus": {"requested": True}}), "metadata.worker.gpus.requested"),
        (of(worker={"module": "a", "gpus": {"mandatory": 1}}), "metadata.worker.gpus.mandatory"),
        (of(worker={"module": "a", "cpus": "1"}), "metadata.worker.cpus"),
        (of(worker={"module": "a", "config": []}), "metadata.worker.config"),
        (of(workers=[]), "metadata.workers"),
        (of(workers=[{"module": "a"}] * 257), "metadata.workers"),
        (of(workers=[{"module": "a", "worker_id": one} for one in ("w", "W")]), "metadata.workers"),
        (of(worker={"module": "a"}, run_name="x" * 121), "metadata.run_name"),
    ],
)
def test_an_invalid_configuration_is_refused(text: str, key: str) -> None:
    with pytest.raises(InvalidSubmission) as caught:
        parse_submission(text)
    assert (caught.value.key or "") == key


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(value=st.fixed_dictionaries({"metadata": st.dictionaries(st.sampled_from(("worker", "workers")), JSON)}))
def test_any_json_is_accepted_or_refused(value: dict[str, Any]) -> None:
    with suppress(InvalidSubmission):
        assert parse_submission(json.dumps(value)).workers
