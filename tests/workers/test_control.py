"""Control of workers: turns, steps, pauses, rates and credits, also across restarts of the daemon."""

from __future__ import annotations

from pathlib import Path

from psyche_cli.workers.client import DaemonClient
from psyche_cli.workers.director import Director
from psyche_cli.workers.pace import Pace
from psyche_cli.workers.service import worker_pb2
from tests.workers.daemons import PATIENCE, Daemon, configuration, daemon, run_reaching, wait_until


def reports(director: Director, number: int) -> list[tuple[str, worker_pb2.Report]]:
    """The next reports, without other news."""
    found: list[tuple[str, worker_pb2.Report]] = []
    while len(found) < number:
        news = director.news(PATIENCE)
        assert news is not None
        if news.WhichOneof("news") == "report":
            found.append((news.worker_id, news.report))
    return found


def last_step(client: DaemonClient, run_id: str) -> int:
    steps = [step.read().number for delivery in client.steps(run_id) for step in delivery.events]
    return steps[-1] if steps else -1


def test_turns_are_given_and_reported(one: Daemon) -> None:
    with one.client() as client, client.direct() as director:
        run = client.submit(configuration({"turns": True, "case": "turns"}, {"turns": True})).run
        for number in (1, 2):
            for worker in ("w0", "w1"):
                director.grant_turn(run.run_id, worker, number, "act" if number == 1 else "work")
            found = sorted(reports(director, 2), key=lambda one: one[0])
            assert [(worker, report.turn, report.wake_at) for worker, report in found] == [
                ("w0", number, number * 10),
                ("w1", number, number * 10),
            ]
            assert [report.has_work for _, report in found] == [number == 1] * 2
        client.cancel(run.run_id)
        ends: set[str] = set()
        while ends != {"w0", "w1"}:
            news = director.news(PATIENCE)
            assert news is not None
            if news.worker.state == "CANCELLED":
                ends.add(news.worker_id)


def test_turns_survive_a_daemon_that_is_killed(tmp_path: Path) -> None:
    with daemon(tmp_path) as running, running.client() as client, client.direct() as director:
        run = client.submit(configuration({"turns": True})).run
        for number in range(1, 4):
            director.grant_turn(run.run_id, "w0", number, "act")
            # Before the turn arrives, or before its report does.
            running.kill()
            running.start()
            # The report of the turn before may come again first.
            while (turn := reports(director, 1)[0][1].turn) != number:
                assert turn == number - 1
        wait_until(lambda: last_step(client, run.run_id) == 3)
        steps = [step.read().number for delivery in client.steps(run.run_id) for step in delivery.events]
        assert steps == [1, 2, 3]  # each turn was made once
        client.cancel(run.run_id)
        client.wait_for_end(run.run_id)


def test_an_event_for_a_worker_that_ended_is_not_delivered(one: Daemon) -> None:
    with one.client() as client, client.direct() as director:
        run = client.submit(configuration({"case": "ended"})).run
        client.wait_for_end(run.run_id)
        director.grant_turn(run.run_id, "w0", 1, "act")
        director.grant_turn(run.run_id, "w7", 1, "act")
        problems: list[tuple[str, str]] = []
        while len(problems) < 2:
            news = director.news(PATIENCE)
            assert news is not None
            if news.undelivered:
                problems.append((news.worker_id, news.undelivered))
        assert problems == [("w0", "It has ended."), ("w7", "It does not exist.")]


def test_a_worker_makes_only_steps_that_were_granted_and_none_while_paused(one: Daemon) -> None:
    with one.client() as client, client.direct() as director:
        run = client.submit(configuration({"paced": True})).run
        director.pause(run.run_id, "w0")
        director.grant_steps(run.run_id, "w0", 5)
        run_reaching(client, run.run_id, "READY")
        wait_until(lambda: client.list_runs(run.run_id)[0].workers[0].connected)
        assert last_step(client, run.run_id) == -1
        director.resume(run.run_id, "w0")
        wait_until(lambda: last_step(client, run.run_id) == 4)
        director.limit_rate(run.run_id, "w0", 1000.0)
        director.grant_steps(run.run_id, "w0", 300)
        wait_until(lambda: last_step(client, run.run_id) == 304)
        client.cancel(run.run_id)
        client.wait_for_end(run.run_id)
        assert last_step(client, run.run_id) == 304


def test_more_events_than_credits_arrive(one: Daemon) -> None:
    with one.client() as client, client.direct() as director:
        run = client.submit(configuration({"paced": True, "case": "credits"})).run
        director.pause(run.run_id, "w0")
        for _ in range(200):
            director.grant_steps(run.run_id, "w0", 1)
        director.resume(run.run_id, "w0")
        wait_until(lambda: last_step(client, run.run_id) == 199)
        client.cancel(run.run_id)


class Clock:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_rate_is_the_time_between_two_steps() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.limit(4.0)
    assert pace.wait_for_step()
    clock.now += 0.25
    assert pace.wait_for_step()
    pace.limit(0.0)
    assert pace.wait_for_step()
    pace.end()
    assert not pace.wait_for_step()


def test_the_first_grant_limits_the_steps() -> None:
    pace = Pace()
    assert pace.steps_left is None
    assert pace.wait_for_step()
    pace.grant(2)
    assert pace.wait_for_step()
    assert pace.steps_left == 1
