"""What only the engine of a Ray cluster does: resources, nodes that end, and keeping Ray apart from the daemon."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from psyche_cli.errors import EngineUnavailable, LaunchFailed
from psyche_cli.extras import install_hint
from psyche_cli.workers.engines import ray_engine
from psyche_cli.workers.engines.engine import Exited, Lost, Running
from psyche_cli.workers.engines.holder import marked_processes
from psyche_cli.workers.engines.ray_engine import RayEngine
from tests.support.ray_cluster import LOOPBACK
from tests.workers.engines.places import RayPlace, until

SLEEP = ("sleep", "1000")


def test_the_workers_of_a_node_that_ends_are_lost_and_end(ray_place: RayPlace) -> None:
    with ray_place.cluster.node_with_gpu() as kill_node:
        code = "import os, time; print(os.environ['CUDA_VISIBLE_DEVICES'], flush=True); time.sleep(1000)"
        handle = ray_place.start(ray_place.python("worker", code, gpus=1))
        ray_place.printed(handle, b"0\n")
        files = holder_folder(ray_place, handle)
        kill_node()
        end = ray_place.end_of(handle)
        assert isinstance(end, Lost)
        assert "node has ended" in end.reason
    until(lambda: not marked_processes(handle.rpartition(":")[2]))
    assert not files.exists()
    assert ray_place.engine.read_log(handle, "stdout") == b"0\n"
    ray_place.engine.signal(handle, signal.SIGTERM)
    restarted = ray_place.open()
    assert restarted.poll(handle) == end
    restarted.close()


def holder_folder(place: RayPlace, handle: str) -> Path:
    """The folder of the actor, on the node of the worker."""
    script = Path(f"/proc/{place.holder(handle)}/cmdline").read_bytes().split(b"\0")[3]
    return Path(script.decode()).parent


def test_gpus_are_assigned_by_the_scheduler_and_returned_by_forget(ray_place: RayPlace) -> None:
    engine = ray_place.open(launch_seconds=1)
    with ray_place.cluster.node_with_gpu():
        first = ray_place.start(ray_place.task("first", *SLEEP, gpus=1))
        with pytest.raises(LaunchFailed, match="did not provide 1 GPU within 1 seconds") as caught:
            engine.launch(ray_place.task("second", *SLEEP, gpus=1))
        assert "Request fewer" in caught.value.hint
        ray_place.engine.forget(first)
        second = ray_place.start(ray_place.task("second", "sh", "-c", "echo $CUDA_VISIBLE_DEVICES", gpus=1))
        assert ray_place.end_of(second) == Exited(code=0)
        assert ray_place.engine.read_log(second, "stdout") == b"0\n"
    engine.close()


@pytest.mark.full
@pytest.mark.parametrize(
    ("more", "lacking"),
    [({"gpus": 9, "cpus": 0.5}, "9 GPUs and 0.5 CPUs"), ({"gpus": 1, "cpus": 1000}, "1 GPU and 1000 CPUs")],
)
def test_resources_that_no_node_has_are_named(ray_place: RayPlace, more: dict[str, float], lacking: str) -> None:
    engine = ray_place.open(launch_seconds=0.5)
    with pytest.raises(LaunchFailed, match=f"no node of the Ray cluster has {lacking}"):
        engine.launch(ray_place.task("large", *SLEEP, **more))
    assert engine.find("large") is None
    engine.close()


def test_a_worker_ends_with_its_actor(ray_place: RayPlace) -> None:
    handle = ray_place.start(ray_place.task("worker", *SLEEP))
    files = holder_folder(ray_place, handle)
    os.kill(actor_process(ray_place, handle), signal.SIGKILL)
    end = ray_place.end_of(handle)
    assert isinstance(end, Lost)
    assert "actor has ended" in end.reason
    until(lambda: not marked_processes(handle.rpartition(":")[2]))
    assert not files.exists()


def actor_process(place: RayPlace, handle: str) -> int:
    """The process of a worker's actor: it has the other end of the lifeline of the worker's holder."""
    pipes = {link for link in open_files(place.holder(handle)) if link.startswith("pipe:")}
    [found] = [pid for pid in marked_processes(place.cluster.mark) if pipes & open_files(pid)]
    return found


def open_files(pid: int) -> set[str]:
    """What the descriptors of a process refer to."""
    found = set()
    for link in Path(f"/proc/{pid}/fd").glob("*"):
        with suppress(OSError):  # closed meanwhile
            found.add(str(link.readlink()))
    return found


def test_the_workers_of_a_cluster_that_is_stopped_are_lost_once_another_one_runs(ray_place: RayPlace) -> None:
    handle = ray_place.start(ray_place.task("worker", *SLEEP))
    with ray_place.cluster.stopped():
        for call in (
            lambda: ray_place.engine.poll(handle),
            lambda: ray_place.engine.signal(handle, signal.SIGTERM),
            lambda: ray_place.engine.forget(handle),
            lambda: ray_place.start(ray_place.task("other", *SLEEP)),
        ):
            with pytest.raises(EngineUnavailable, match="Connection refused"):
                call()
    until(lambda: answers(ray_place, handle, Lost))
    end = ray_place.end_of(handle)
    assert isinstance(end, Lost)
    assert "another one runs at the address" in end.reason
    until(lambda: not marked_processes(handle.rpartition(":")[2]))


def test_the_engine_survives_the_end_of_the_process_that_uses_ray(ray_place: RayPlace) -> None:
    handle = ray_place.start(ray_place.task("worker", *SLEEP))
    os.kill(bridge_process(), signal.SIGKILL)
    until(lambda: answers(ray_place, handle, Running))
    assert ray_place.engine.find("worker") == handle


def answers(place: RayPlace, handle: str, condition: type) -> bool:
    try:
        return isinstance(place.engine.poll(handle), condition)
    except EngineUnavailable:  # the request was in transit, or a connection has failed a moment ago
        return False


def children() -> Iterator[int]:
    """The processes that this one has started."""
    for task in Path("/proc/self/task").iterdir():
        yield from map(int, (task / "children").read_text(encoding="ascii").split())


def bridge_process() -> int:
    """The process of the engine that uses Ray."""
    return next(pid for pid in children() if b"ray_bridge" in Path(f"/proc/{pid}/cmdline").read_bytes())


@pytest.mark.full
def test_two_daemons_use_a_cluster_without_seeing_each_other(
    ray_place: RayPlace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = RayPlace(tmp_path_factory.mktemp("other"), ray_place.cluster)
    first, second = ray_place.start(ray_place.task("same", *SLEEP)), other.start(other.task("same", *SLEEP))
    other.engine.signal(second, signal.SIGTERM)
    assert other.end_of(second) == Exited(signal=signal.SIGTERM)
    assert isinstance(ray_place.engine.poll(first), Running)
    other.close()


@pytest.mark.full
def test_a_launch_that_was_interrupted_is_lost(ray_place: RayPlace) -> None:
    record = ray_place.folder / "engine" / "worker.json"
    record.write_text('{"mark": "abc", "stdout": "/x", "stderr": "/x", "node": "", "pid": 0}', encoding="utf-8")
    handle = ray_place.engine.find("worker")
    assert handle
    assert isinstance(ray_place.engine.poll(handle), Lost)
    ray_place.engine.forget(handle)
    ray_place.start(ray_place.task("worker", *SLEEP))


def test_the_token_of_the_cluster_stays_in_its_processes(ray_place: RayPlace) -> None:
    token = ray_place.cluster.variables["RAY_AUTH_TOKEN"]
    handle = ray_place.start(ray_place.task("worker", "sh", "-c", "env; sleep 1000"))
    ray_place.printed(handle, b"PATH=")
    for pid in marked_processes(handle.rpartition(":")[2]):
        assert b"RAY_" not in Path(f"/proc/{pid}/environ").read_bytes()
    files = [path for path in ray_place.folder.rglob("*") if path.is_file()]
    assert len(files) >= 4
    assert [path for path in files if token in path.read_text(encoding="utf-8", errors="replace")] == []


@pytest.mark.full
def test_a_wrong_token_is_refused_and_not_shown(ray_place: RayPlace) -> None:
    variables = {**os.environ, **ray_place.cluster.variables, "RAY_AUTH_TOKEN": "ab" * 32}
    engine = RayEngine(ray_place.folder / "other", ray_place.cluster.address, variables)
    with pytest.raises(EngineUnavailable, match="The Ray cluster cannot be used") as caught:
        engine.launch(ray_place.task("worker", "true"))
    assert "ab" * 32 not in f"{caught.value} {caught.value.hint}"
    assert "RAY_AUTH_TOKEN" in caught.value.hint
    engine.close()


def test_the_cluster_listens_on_loopback_only(ray_place: RayPlace) -> None:
    ray_place.start(ray_place.task("worker", *SLEEP))
    listening = listening_addresses(marked_processes(ray_place.cluster.mark))
    assert len(listening) > 5
    assert {address for address, _ in listening} == {LOOPBACK}


def listening_addresses(pids: list[int]) -> set[tuple[str, int]]:
    """The TCP addresses on which processes listen."""
    sockets = {file for pid in pids for file in open_files(pid)}
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            words, port = fields[1].split(":")
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                found.add((address_of(bytes.fromhex(words)), int(port, 16)))
    return found


def address_of(words: bytes) -> str:
    """An address of /proc/net: 32-bit words in the byte order of the machine."""
    packed = b"".join(words[start : start + 4][::-1] for start in range(0, len(words), 4))
    address = ipaddress.ip_address(packed)
    return str((address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None) or address)


@pytest.mark.parametrize("address", ["", "auto", "local", "host", "host:", ":6379", "ray://host:10001", "-x:1"])
def test_an_address_that_is_not_host_and_port_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(ray_engine, "is_installed", lambda: True)
    with pytest.raises(EngineUnavailable, match="Invalid address"):
        RayEngine(tmp_path / "engine", address)
    assert not (tmp_path / "engine").exists()


def test_without_ray_the_error_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_engine, "is_installed", lambda: False)
    with pytest.raises(EngineUnavailable, match="Ray is not installed") as caught:
        RayEngine(tmp_path / "engine", f"{LOOPBACK}:6379")
    assert caught.value.hint == install_hint("ray")


def test_an_unreachable_cluster_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_engine, "is_installed", lambda: True)
    with socket.socket() as unused:
        unused.bind((LOOPBACK, 0))
        address = f"{LOOPBACK}:{unused.getsockname()[1]}"
        engine = RayEngine(tmp_path / "engine", address)
        with pytest.raises(EngineUnavailable, match=f"cannot be used: {address}: Connection refused"):
            engine.poll(recorded(engine, tmp_path / "engine" / "worker.json"))
        with pytest.raises(EngineUnavailable):
            engine.forget("ray:worker:abc")
    engine.close()


def recorded(engine: RayEngine, record: Path) -> str:
    record.write_text('{"mark": "abc", "stdout": "/x", "stderr": "/x", "node": "n", "pid": 7}', encoding="utf-8")
    return engine.find("worker") or ""
