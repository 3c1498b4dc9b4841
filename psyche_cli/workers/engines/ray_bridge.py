"""The process that talks to a Ray cluster for the daemon.

Ray ends the process that uses it when the cluster cannot be reached for a while, writes to its streams, and handles its
signals. The daemon therefore runs it in a process of its own: requests and answers are lines of JSON on a socket. The
process ends when the daemon closes the socket.

Run as ``python -m psyche_cli.workers.engines.ray_bridge SOCKET ADDRESS NAMESPACE``, with a socket's descriptor.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from psyche_cli.workers.engines import held_process, holder, ray_actor

CALL_SECONDS: Final = 15.0
"""The time limit of a request to an actor, except for its start and its end."""
REMOVE_SECONDS: Final = 45.0
LEAST_CPUS: Final = 0.01
"""What a worker without requested CPUs gets. Ray does not spread actors that request nothing evenly over the nodes."""
_REASON_LENGTH: Final = 300
_REASON_LINES: Final = 2
_DETAIL: Final = (" ", "\t")


class LaunchProblem(Exception):
    """Why a worker cannot be started."""


class RayBridge:
    """The requests that the daemon can make. Actors are found by the names of their launches, in a namespace."""

    def __init__(self, address: str, namespace: str) -> None:
        import ray

        self.ray = ray
        self.namespace = namespace
        self.source = Path(holder.__file__).read_text(encoding="utf-8")
        for module in (holder, held_process, ray_actor):
            ray.cloudpickle.register_pickle_by_value(module)
        ray.init(address=address, namespace=namespace, log_to_driver=False, logging_level="critical")

    def launch(
        self, name: str, task: dict[str, object], variables: dict[str, str], gpus: int, cpus: float, seconds: float
    ) -> dict[str, object]:
        """Start a worker in an actor. Returns the ``node`` and its ``address``. Raises LaunchProblem."""
        ray = self.ray
        kind = ray.remote(ray_actor.WorkerActor).options(
            name=name,
            namespace=self.namespace,
            lifetime="detached",
            num_cpus=cpus or LEAST_CPUS,
            num_gpus=gpus,
            max_restarts=0,
            max_concurrency=8,
            scheduling_strategy="SPREAD",
        )
        try:
            actor = kind.remote()
        except ValueError as error:
            raise LaunchProblem("an actor with this name exists") from error
        try:
            started = ray.get(actor.start.remote(task, variables, self.source, gpus), timeout=seconds)
        except BaseException as error:
            ray.kill(actor)
            if isinstance(error, ray.exceptions.GetTimeoutError):
                raise LaunchProblem(self.shortage(gpus, cpus, seconds)) from error
            if isinstance(error, ray.exceptions.RayError):
                raise LaunchProblem(f"its Ray actor failed: {_reason(error)}") from error
            raise
        if started["problem"]:
            ray.kill(actor)
            raise LaunchProblem(started["problem"])
        return {"node": started["node"], "address": started["address"]}

    def shortage(self, gpus: int, cpus: float, seconds: float) -> str:
        """Why an actor was not started in time."""
        wanted = {"GPU": gpus, "CPU": cpus}
        words = " and ".join(
            f"{number:g} {name}{'' if number == 1 else 's'}" for name, number in wanted.items() if number
        )
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        if not any(all(node.get(name, 0) >= number for name, number in wanted.items()) for node in nodes):
            return f"no node of the Ray cluster has {words}"
        return f"the Ray cluster did not provide {words or 'a process'} within {seconds:g} seconds"

    def poll(self, name: str, node: str) -> dict[str, object]:
        """What the actor says about its worker, or ``unknown`` if it cannot be asked at the moment."""
        errors = self.ray.exceptions
        try:
            actor = self.actor(name)
            return dict(self.ray.get(actor.poll.remote(), timeout=CALL_SECONDS))
        except ValueError:
            if node and not any(found["NodeID"] == node for found in self.ray.nodes()):
                return {"lost": "Its Ray cluster was stopped, and another one runs at the address now."}
            return {"lost": "Its Ray actor has ended, or its node."}
        except errors.ActorDiedError:
            return {"lost": "Its node has ended." if self.is_dead(node) else "Its Ray actor has ended."}
        except (errors.ActorUnavailableError, errors.GetTimeoutError):
            return {"lost": "Its node has ended."} if self.is_dead(node) else {"unknown": True}

    def is_dead(self, node: str) -> bool:
        """Whether the cluster knows that a node has ended."""
        return any(found["NodeID"] == node and not found["Alive"] for found in self.ray.nodes())

    def send_signal(self, name: str, number: int) -> None:
        """Send a signal to a worker's group. Without effect if its actor has ended."""
        try:
            self.ray.get(self.actor(name).send_signal.remote(number), timeout=CALL_SECONDS)
        except (ValueError, self.ray.exceptions.ActorDiedError):
            return

    def read_log(self, name: str, stream: str, offset: int, limit: int) -> str | None:
        """A part of a log in base64; None if the actor has ended."""
        try:
            part = self.ray.get(self.actor(name).read_log.remote(stream, offset, limit), timeout=CALL_SECONDS)
        except (ValueError, self.ray.exceptions.ActorDiedError, self.ray.exceptions.ActorUnavailableError):
            return None
        return base64.b64encode(part).decode()

    def remove(self, name: str) -> None:
        """End a worker that still runs, and its actor."""
        try:
            actor = self.actor(name)
        except ValueError:
            return
        with suppress(self.ray.exceptions.RayError):  # the holder ends the worker when the actor is gone
            self.ray.get(actor.remove.remote(), timeout=REMOVE_SECONDS)
        self.ray.kill(actor)

    def actor(self, name: str) -> Any:
        """The actor of a launch. Raises ValueError if it has ended or never existed."""
        return self.ray.get_actor(name, namespace=self.namespace)


def _reason(error: BaseException) -> str:
    """What an error message of Ray says, without its indented details, tracebacks and the cluster's token."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith(_DETAIL)]
    text = " ".join(lines[:_REASON_LINES])[:_REASON_LENGTH] or type(error).__name__
    token = os.environ.get("RAY_AUTH_TOKEN", "")
    return text.replace(token, "...") if token else text


class _Server:
    """Answers the requests on a socket, each in a thread."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.sending = threading.Lock()
        self.bridge: RayBridge | None = None
        self.connected = threading.Event()

    def serve(self) -> None:
        """Read requests until the daemon closes the socket."""
        for line in self.connection.makefile("rb"):
            threading.Thread(target=self.answer, args=(json.loads(line),), daemon=True).start()
        os._exit(0)  # Ray's own threads are left to the system, and detached actors live on

    def answer(self, request: dict[str, Any]) -> None:
        """Answer a request with ``result``, ``problem`` (of a launch) or ``unavailable``."""
        self.connected.wait()
        try:
            method: Callable[..., object] = getattr(self.bridge, request["call"])
            answer = {"result": method(**request["arguments"])}
        except LaunchProblem as problem:
            answer = {"problem": str(problem)}
        except Exception as error:
            answer = {"unavailable": _reason(error)}
        self.send({"id": request["id"], **answer})

    def send(self, document: dict[str, object]) -> None:
        """Send a line."""
        with self.sending:
            self.connection.sendall(json.dumps(document).encode() + b"\n")


def _main(descriptor: str, address: str, namespace: str) -> None:
    server = _Server(socket.socket(fileno=int(descriptor)))
    reader = threading.Thread(target=server.serve, daemon=True)
    reader.start()
    try:
        server.bridge = RayBridge(address, namespace)
    except BaseException as error:
        server.send({"id": 0, "unavailable": _reason(error)})
        os._exit(1)
    server.send({"id": 0, "result": True})
    server.connected.set()
    reader.join()


if __name__ == "__main__":
    _main(*sys.argv[1:])
