"""The actor that runs a worker on a machine of a Ray cluster.

Ray copies this module, ``held_process`` and ``holder`` to the machine; they import only the standard library, and Ray.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from psyche_cli.workers.engines.held_process import HeldProcess
from psyche_cli.workers.engines.holder import inherited, remove_folder


class WorkerActor:
    """Starts one worker and answers questions about it. If the actor ends, the holder of the worker ends it too.

    Ray ends the direct children of a process that ends, but not their children; the holder is therefore detached.
    """

    def __init__(self) -> None:
        self.held: HeldProcess | None = None
        self.folder: Path | None = None
        self.lifeline = -1

    def start(self, task: dict[str, object], variables: dict[str, str], holder: str, gpus: int) -> dict[str, object]:
        """Start the worker. ``holder`` is the source code of the holder's module.

        Returns ``problem``, which is empty if the worker runs, and the ``node``'s id and ``address``.
        """
        import ray

        self.folder = Path(tempfile.mkdtemp(prefix="psyche-worker-"))
        script = self.folder / "holder.py"
        script.write_text(holder, encoding="utf-8")
        self.held = HeldProcess(self.folder / "worker")
        watched, self.lifeline = os.pipe()
        devices = {} if gpus else {"CUDA_VISIBLE_DEVICES": ""}  # Ray hides the other devices only if some are requested
        try:
            problem = self.held.start(
                task, {**inherited(dict(os.environ)), **devices, **variables}, str(script), watched
            )[1]
        except OSError as error:
            problem = str(error)
        finally:
            os.close(watched)
        if problem:
            self.remove()
        context = ray.get_runtime_context()
        return {"problem": problem, "node": context.get_node_id(), "address": ray.util.get_node_ip_address()}

    def poll(self) -> dict[str, object]:
        """See HeldProcess."""
        return self.held.poll() if self.held else {"lost": "It was never started."}

    def send_signal(self, number: int) -> None:
        """See HeldProcess."""
        if self.held:
            self.held.send_signal(number)

    def read_log(self, stream: str, offset: int, limit: int) -> bytes:
        """See HeldProcess."""
        return self.held.read_log(stream, offset, limit) if self.held else b""

    def remove(self) -> None:
        """Kill the worker if it runs, and remove the files of the holder."""
        if self.held and self.folder:
            self.held.remove()
            remove_folder(self.folder)
            self.held = None
