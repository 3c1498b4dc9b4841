"""The registry: submissions, transitions, GPU slots, tokens and recovery."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from psyche_cli.errors import IllegalTransition, InvalidSubmission, SlotsNotFree, WorkerRunNotFound
from psyche_cli.lifecycle.worker import CANCELLED, EXITED, LOST, NOT_HEARD, NOT_REGISTERED, NOT_STARTED, RESTARTED
from psyche_cli.workers.registry.registry import Registry
from tests.workers.registry.submissions import submission

ONE = "worker-001"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with closing(Registry(tmp_path / "workers" / "registry.db")) as registry:
        yield registry


def executing(registry: Registry, name: str = "test", *, gpus: int = 0) -> str:
    """A run with one worker in EXECUTING since 103."""
    run_id = ready(registry, name, gpus=gpus)
    registry.heard_from(run_id, ONE, at=103, telemetry=True)
    return run_id


def ready(registry: Registry, name: str = "test", *, gpus: int = 0) -> str:
    run_id = started(registry, name, gpus=gpus)
    token = registry.issue_token(run_id, ONE, "launch", at=101)
    assert registry.register(run_id, ONE, token, accepted=True, at=102)
    return run_id


def started(registry: Registry, name: str = "test", *, gpus: int = 0) -> str:
    run_id = registry.submit(submission(name, gpus=gpus), at=100).run.run_id
    registry.start(run_id, ONE, at=101)
    return run_id


def states(registry: Registry, run_id: str) -> list[str]:
    return [move.target for move in registry.history(run_id)]


def held(registry: Registry) -> list[int]:
    return [slot.number for slot in registry.slots() if slot.run_id is not None]


def test_a_run_goes_through_all_states(registry: Registry) -> None:
    run_id = executing(registry, gpus=2)
    worker = registry.worker(run_id, ONE)
    assert (worker.state, worker.slots, held(registry)) == ("EXECUTING", (0, 1), [0, 1])
    ended = registry.transition(run_id, ONE, EXITED, ["exit-code-0"], at=104, exit_code=0)
    assert (ended.state, ended.finished_at, ended.slots, held(registry)) == ("TERMINATED", 104, (0, 1), [])
    run = registry.run(run_id)
    assert (run.status, run.finished_at, run.reason) == ("TERMINATED", 104, "")
    assert states(registry, run_id) == ["INIT", "HANDSHAKE", "READY", "EXECUTING", "TERMINATED"]


def test_submitting_again_returns_the_same_run(registry: Registry) -> None:
    first = registry.submit(submission("a"), at=100)
    again = registry.submit(submission("a"), at=200)
    other = registry.submit(submission("b"), at=300)
    assert (first.created, again.created, other.created) == (True, False, True)
    assert again.run == first.run != other.run
    assert [run.name for run in registry.runs()] == ["a", "b"]


def test_an_exit_with_an_error_is_a_fault(registry: Registry) -> None:
    run_id = executing(registry)
    ended = registry.transition(
        run_id, ONE, EXITED, at=104, exit_code=3, reason="exit code 3", error_lines=["first", "x" * 2000]
    )
    assert (ended.state, ended.exit_code, ended.exit_signal) == ("FAULTED", 3, None)
    assert ended.error_lines == ("first", "x" * 1000)
    assert registry.run(run_id).reason == "exit code 3"


def test_an_exit_with_code_0_before_telemetry(registry: Registry) -> None:
    assert registry.transition(ready(registry, "a"), ONE, EXITED, ["exit-code-0"], at=104).state == "TERMINATED"
    assert registry.transition(started(registry, "b"), ONE, EXITED, ["exit-code-0"], at=104).state == "FAULTED"


def test_a_worker_that_is_silent_for_300_seconds_is_faulted_once_its_processes_are_gone(registry: Registry) -> None:
    run_id = executing(registry, gpus=1)
    for at, facts in ((402.9, ["group-gone"]), (403, [])):
        with pytest.raises(IllegalTransition):
            registry.transition(run_id, ONE, NOT_HEARD, facts, at=at)
    assert [one.run_id for one in registry.silent(403)] == [run_id]
    assert not registry.silent(402.9)
    assert registry.transition(run_id, ONE, NOT_HEARD, ["group-gone"], at=403).state == "FAULTED"
    assert held(registry) == []


def test_a_sign_of_life_that_comes_before_the_fault_is_recorded_prevents_it(registry: Registry) -> None:
    run_id = executing(registry)
    registry.heard_from(run_id, ONE, at=402)
    with pytest.raises(IllegalTransition) as caught:
        registry.transition(run_id, ONE, NOT_HEARD, ["silent", "group-gone"], at=403)
    assert caught.value.obstacles == ("silent",)
    assert registry.worker(run_id, ONE).state == "EXECUTING"


def test_a_hand_shake_that_does_not_come_in_time(registry: Registry) -> None:
    run_id = started(registry)
    assert not registry.late(220.9)
    assert [one.run_id for one in registry.late(221)] == [run_id]
    with pytest.raises(IllegalTransition):
        registry.transition(run_id, ONE, NOT_REGISTERED, ["group-gone"], at=220.9)
    assert registry.transition(run_id, ONE, NOT_REGISTERED, ["group-gone"], at=221).state == "FAULTED"
    assert not registry.late(500)


def test_a_program_that_cannot_be_started_is_a_fault(registry: Registry) -> None:
    run_id = started(registry, gpus=1)
    ended = registry.transition(run_id, ONE, NOT_STARTED, at=102, reason="no such program")
    assert (ended.state, ended.reason, held(registry)) == ("FAULTED", "no such program", [])


@pytest.mark.parametrize("prepare", [started, ready, executing])
def test_a_cancelled_run_ends_once_its_processes_are_gone(registry: Registry, prepare: object) -> None:
    assert callable(prepare)
    run_id = prepare(registry, gpus=1)
    with pytest.raises(IllegalTransition):
        registry.transition(run_id, ONE, CANCELLED, ["group-gone"], at=110)
    assert [one.worker_id for one in registry.cancel(run_id, at=110).to_stop] == [ONE]
    # Neither its exit nor its silence counts as such after the request.
    for event, facts in ((CANCELLED, []), (EXITED, ["exit-code-0"]), (EXITED, []), (LOST, []), (RESTARTED, [])):
        with pytest.raises(IllegalTransition):
            registry.transition(run_id, ONE, event, facts, at=111)
    assert held(registry) == [0]
    assert registry.transition(run_id, ONE, CANCELLED, ["group-gone"], at=112, exit_signal=9).state == "CANCELLED"
    assert (registry.run(run_id).status, held(registry)) == ("CANCELLED", [])


def test_cancelling_before_the_start_and_after_the_end(registry: Registry) -> None:
    run_id = registry.submit(submission(workers=2), at=100).run.run_id
    cancelled = registry.cancel(run_id, at=101)
    assert (cancelled.run.status, cancelled.run.finished_at, cancelled.to_stop) == ("CANCELLED", 101, ())
    assert registry.cancel(run_id, at=102) == cancelled
    with pytest.raises(IllegalTransition):
        registry.start(run_id, ONE, at=103)
    assert registry.worker(run_id, ONE).starts == 0


def test_an_end_is_final(registry: Registry) -> None:
    run_id = executing(registry)
    ended = registry.transition(run_id, ONE, EXITED, at=104)
    for event in (EXITED, LOST, CANCELLED, RESTARTED):
        with pytest.raises(IllegalTransition):
            registry.transition(run_id, ONE, event, ["exit-code-0", "group-gone"], at=105)
    assert registry.heard_from(run_id, ONE, at=900, telemetry=True) == ended


def test_a_run_of_several_workers_is_as_far_as_the_one_that_got_farthest(registry: Registry) -> None:
    run_id = registry.submit(submission(workers=3), at=100).run.run_id
    second, third = "worker-002", "worker-003"
    for worker_id in (ONE, second):
        registry.start(run_id, worker_id, at=101)
    token = registry.issue_token(run_id, ONE, "launch", at=101)
    registry.register(run_id, ONE, token, accepted=True, at=102)
    assert registry.run(run_id).status == "READY"
    registry.transition(run_id, ONE, EXITED, ["exit-code-0"], at=103)
    assert registry.run(run_id).status == "READY"
    registry.transition(run_id, second, LOST, at=104, reason="its node failed")
    registry.start(run_id, third, at=105)
    assert registry.run(run_id).finished_at is None
    registry.transition(run_id, third, NOT_STARTED, at=106, reason="later")
    run = registry.run(run_id)
    assert (run.status, run.reason, run.finished_at) == ("FAULTED", "worker-002: its node failed", 106)


def test_slots_are_claimed_from_the_lowest_free_one(registry: Registry) -> None:
    first, second = executing(registry, "a", gpus=3), executing(registry, "b", gpus=4)
    assert registry.worker(second, ONE).slots == (3, 4, 5, 6)
    registry.transition(first, ONE, EXITED, at=104)
    third = registry.submit(submission("c", gpus=5), at=105).run.run_id
    assert registry.start(third, ONE, at=106).slots == (0, 1, 2, 7)


def test_a_worker_that_requires_slots_waits_for_them(registry: Registry) -> None:
    first = executing(registry, "a", gpus=7)
    second = registry.submit(submission("b", gpus=2, mandatory=True), at=100).run.run_id
    with pytest.raises(SlotsNotFree) as caught:
        registry.start(second, ONE, at=104)
    assert (caught.value.wanted, caught.value.free) == (2, 1)
    assert [one.run_id for one in registry.waiting()] == [second]
    assert registry.worker(second, ONE).starts == 0
    registry.transition(first, ONE, EXITED, at=105)
    assert registry.start(second, ONE, at=106).slots == (0, 1)


def test_more_slots_than_the_machine_has_are_refused_at_once(registry: Registry) -> None:
    with pytest.raises(InvalidSubmission, match="requires 9 GPUs, and this machine has 8"):
        registry.submit(submission(gpus=9, mandatory=True), at=100, most_gpus=8)
    assert registry.runs() == []
    run_id = registry.submit(submission(gpus=9), at=100, most_gpus=8).run.run_id
    assert len(registry.start(run_id, ONE, at=101).slots) == 8


def test_an_engine_with_a_scheduler_needs_no_slots(registry: Registry) -> None:
    run_id = registry.submit(submission(gpus=9, mandatory=True), at=100).run.run_id
    assert registry.start(run_id, ONE, at=101, assign_slots=False).slots == ()
    assert held(registry) == []


def test_the_number_of_slots_is_configurable(registry: Registry) -> None:
    run_id = executing(registry, gpus=3)
    registry.set_slot_count(2)
    assert [slot.number for slot in registry.slots()] == [0, 1, 2]
    registry.transition(run_id, ONE, EXITED, at=104)
    registry.set_slot_count(2)
    assert [slot.number for slot in registry.slots()] == [0, 1]
    registry.set_slot_count(4)
    assert [slot.number for slot in registry.slots()] == [0, 1, 2, 3]


def test_a_number_of_slots_that_was_given_is_remembered(registry: Registry) -> None:
    assert registry.set_slot_count(1) == 1
    assert registry.gpus().told is False
    assert registry.set_slot_count(1, told=3) == 3
    with closing(Registry(registry.path)) as later:
        assert later.set_slot_count(1) == 3
        assert (len(later.slots()), later.gpus().told) == (3, True)
        assert later.set_slot_count(1, told=0) == 0
        assert later.set_slot_count(1) == 0
        assert later.set_slot_count(1, told="auto") == 1
    assert (len(registry.slots()), registry.gpus().told) == (1, False)


def test_runs_are_listed_in_pages_without_their_configurations(registry: Registry) -> None:
    ids = [registry.submit(submission(str(number), 2), at=100 + number).run.run_id for number in range(5)]
    for run_id in ids[:3]:
        registry.cancel(run_id, at=200)
    page = registry.page(limit=2)
    assert ([run.run_id for run in page.runs], page.left_out) == (ids[3:], 3)
    assert [(run.run_id, [worker.run_id for worker in found]) for run, found in page.with_workers()] == [
        (run_id, [run_id] * 2) for run_id in ids[3:]
    ]
    assert {run.config for run in registry.runs()} == {""}
    assert registry.run(ids[0]).config
    page = registry.page(limit=2, before=ids[3])
    assert ([run.run_id for run in page.runs], page.left_out) == (ids[1:3], 1)
    page = registry.page(limit=2, before=ids[1])
    assert ([run.run_id for run in page.runs], page.left_out) == (ids[:1], 0)
    page = registry.page(open_only=True, limit=1)
    assert ([run.run_id for run in page.runs], page.left_out) == (ids[4:], 1)
    assert [run.run_id for run in registry.page(ids[1:4], open_only=True).runs] == [ids[3]]
    assert registry.open_run_ids() == ids[3:]
    assert {*registry.changes()} == {*ids}
    assert registry.overview(open_only=True, limit=1)[1:3] == (5, 2)


def test_only_changes_by_others_change_the_version(registry: Registry) -> None:
    registry.submit(submission("first"), at=100)
    before = registry.version()
    run_id = registry.submit(submission("second"), at=100).run.run_id
    assert registry.version() == before
    with closing(Registry(registry.path)) as other:
        other.cancel(run_id, at=101)
    assert registry.version() != before


def test_tokens(registry: Registry) -> None:
    run_id = started(registry)
    launch = registry.issue_token(run_id, ONE, "launch", at=101)
    assert registry.register(run_id, ONE, launch + "x", accepted=True, at=102) is None
    with pytest.raises(IllegalTransition):
        registry.register(run_id, ONE, launch, accepted=False, at=102)
    lost = registry.register(run_id, ONE, launch, accepted=True, at=102)
    session = registry.register(run_id, ONE, launch, accepted=True, at=103)
    assert lost is not None
    assert session is not None
    assert not registry.check_token(run_id, ONE, "session", lost)
    assert registry.check_token(run_id, ONE, "session", session)
    assert registry.register(run_id, ONE, launch, accepted=True, at=104) is None
    assert [move.target for move in registry.history(run_id)] == ["INIT", "HANDSHAKE", "READY"]
    assert not registry.check_token(run_id, ONE, "publish", session)
    assert not registry.check_token(run_id, "worker-002", "session", session)
    assert session not in registry.path.read_bytes().decode("latin-1")
    registry.transition(run_id, ONE, EXITED, at=104)
    assert not registry.check_token(run_id, ONE, "session", session)


def test_recovery_after_a_crash(registry: Registry) -> None:
    starting, running = started(registry, "a", gpus=1), executing(registry, "b", gpus=1)
    registry.set_handle(running, ONE, "a handle")
    found = registry.recover()
    assert {(one.run_id, one.handle) for one in found.running} == {(starting, None), (running, "a handle")}
    assert found.freed == ()
    again = registry.transition(starting, ONE, RESTARTED, ["group-gone"], at=110)
    assert (again.state, held(registry)) == ("INIT", [1])
    with pytest.raises(IllegalTransition):
        registry.transition(running, ONE, RESTARTED, ["group-gone"], at=110)
    assert registry.transition(running, ONE, LOST, at=111).state == "FAULTED"
    assert registry.start(starting, ONE, at=112).starts == 2
    assert registry.run(starting).status == "HANDSHAKE"


def test_a_run_that_has_ended_can_be_removed(registry: Registry) -> None:
    run_id = executing(registry, gpus=1)
    assert not registry.remove(run_id)
    registry.transition(run_id, ONE, EXITED, at=104)
    assert registry.remove(run_id)
    assert registry.runs() == []
    with pytest.raises(WorkerRunNotFound):
        registry.history(run_id)
    assert registry.submit(submission(gpus=1), at=105).created


def test_what_does_not_exist(registry: Registry) -> None:
    assert registry.runs() == []
    assert registry.waiting() == registry.running() == registry.page().workers == []
    assert not registry.check_token("none", ONE, "session", "")
    with pytest.raises(WorkerRunNotFound, match="No run of workers has the id none"):
        registry.workers("none")
    assert not registry.path.parent.exists()
    run_id = registry.submit(submission(), at=100).run.run_id
    with pytest.raises(WorkerRunNotFound, match="has no worker other"):
        registry.worker(run_id, "other")
