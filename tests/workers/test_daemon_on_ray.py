"""The daemon with workers on a real Ray cluster of two nodes."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from psyche_cli.errors import InvalidSubmission
from psyche_cli.workers.engines.names import is_engine_name, ray_engine_name
from psyche_cli.workers.registry.submission import parse_submission
from tests.support.ray_cluster import RayCluster
from tests.workers.daemons import Daemon, configuration, daemon, is_alive, noted, run_reaching, wait_until


@pytest.fixture
def on_ray(ray_cluster: RayCluster, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon that can use the cluster."""
    with daemon(tmp_path / "state", variables=ray_cluster.variables) as running:
        yield running


def test_a_run_on_a_cluster_ends_as_its_workers_end(on_ray: Daemon, ray_cluster: RayCluster) -> None:
    engine = ray_engine_name(ray_cluster.address)
    with on_ray.client() as client:
        run = client.submit(configuration({"steps": 3}, {"steps": 3, "exit": 4, "stderr": "broken"}, engine=engine)).run
        ended = client.wait_for_end(run.run_id)
    assert (ended.status, [worker.state for worker in ended.workers]) == ("FAULTED", ["TERMINATED", "FAULTED"])
    assert ended.workers[1].exit_code == 4
    folder = on_ray.folder.path / f"engine-ray-{ray_cluster.address.replace(':', '-')}"
    wait_until(lambda: not list(folder.glob("*.json")))


def test_a_cancelled_run_on_a_cluster_leaves_nothing_running(
    on_ray: Daemon, ray_cluster: RayCluster, tmp_path: Path
) -> None:
    config = {"stay": True, "steps": 1, "note": str(tmp_path / "note")}
    with on_ray.client() as client:
        run = client.submit(configuration(config, engine=ray_engine_name(ray_cluster.address))).run
        run_reaching(client, run.run_id, "EXECUTING")
        worker = noted(tmp_path / "note")["pid"]
        client.cancel(run.run_id)
        assert client.wait_for_end(run.run_id).status == "CANCELLED"
    assert not is_alive(worker)


def test_workers_on_a_cluster_are_adopted_by_the_next_daemon(
    on_ray: Daemon, ray_cluster: RayCluster, tmp_path: Path
) -> None:
    config = {"stay": True, "steps": 1, "note": str(tmp_path / "note")}
    with on_ray.client() as client:
        run = client.submit(configuration(config, engine=ray_engine_name(ray_cluster.address))).run
        run_reaching(client, run.run_id, "EXECUTING")
    worker = noted(tmp_path / "note")["pid"]
    on_ray.kill()
    assert is_alive(worker)
    on_ray.start()
    wait_until(lambda: "adopted" in on_ray.log)
    with on_ray.client() as client:
        client.cancel(run.run_id)
        ended = client.wait_for_end(run.run_id)
    assert ended.status == "CANCELLED"
    assert ended.workers[0].exit_signal in (0, signal.SIGTERM)
    assert not is_alive(worker)


@pytest.mark.full
def test_a_cluster_is_not_asked_for_the_gpus_of_this_machine(on_ray: Daemon, ray_cluster: RayCluster) -> None:
    gpus = {"requested": 1, "mandatory": True}
    with ray_cluster.node_with_gpu(), on_ray.client() as client:
        run = client.submit(
            configuration({"steps": 1}, resources={"gpus": gpus}, engine=ray_engine_name(ray_cluster.address))
        ).run
        assert client.wait_for_end(run.run_id).status == "TERMINATED"


@pytest.mark.parametrize(
    "name", ["", "Local", "ray", "ray:", "ray:host", "ray:host:", "ray::1", "ray:a/b:1", "ray:ray://h:1", 7, None]
)
def test_an_engine_that_does_not_exist_is_refused(name: object) -> None:
    assert not is_engine_name(name)
    with pytest.raises(InvalidSubmission, match=r"payload\.engine"):
        parse_submission(json.dumps(configuration({}, engine=name)))


def test_the_names_of_engines_are_accepted() -> None:
    for name in ("local", "ray:127.0.0.1:6379", "ray:[::1]:6379", "ray:head.example.org:6379"):
        parse_submission(json.dumps(configuration({}, engine=name)))
