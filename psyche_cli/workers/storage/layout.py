"""Where the files of workers are.

::

    workers/
    ├── configs/
    │   ├── config-RUN.json              the configuration that was submitted
    │   └── worker-RUN.json              the configuration of its worker; worker-RUN-WORKER.json if it has several
    ├── runs/RUN/                        a training run
    │   ├── checkpoints/
    │   ├── exchange/                    results that members exchange
    │   ├── logs/
    │   │   ├── worker.stdout.log        WORKER.stdout.log if it has several workers
    │   │   └── worker.stderr.log
    │   └── analytics.json               the files and the outcome of the run
    ├── evals/RUN/                       an evaluation run: the same, and eval_summary.json
    ├── telemetry/telemetry.sqlite
    ├── logs/daemon.log
    ├── registry.db
    └── daemon.pid, daemon.lock, daemon.token, daemon.sock

Run ids are made by psyche-cli, and worker ids consist of letters, digits, dots, dashes and underscores, so that no
path leads out of this folder. Folders have mode 0700, and files with configurations 0600.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from psyche_cli.workers.engines.engine import Stream
from psyche_cli.workers.run_ids import is_run_id

FOLDER_NAME: Final = "workers"
RUNS: Final = "runs"
EVALUATIONS: Final = "evals"
PRIVATE_FOLDER: Final = 0o700


class RunFolder(NamedTuple):
    """The folder of a run. ``several`` is whether the run has more than one worker."""

    path: Path
    several: bool = False

    @property
    def checkpoints(self) -> Path:
        """The folder of its checkpoints."""
        return self.path / "checkpoints"

    @property
    def exchange(self) -> Path:
        """The folder in which its workers exchange results."""
        return self.path / "exchange"

    @property
    def logs(self) -> Path:
        """The folder of the output of its workers."""
        return self.path / "logs"

    @property
    def analytics(self) -> Path:
        """The file that lists its files and says how it ended."""
        return self.path / "analytics.json"

    @property
    def summary(self) -> Path:
        """The file with the results of an evaluation run."""
        return self.path / "eval_summary.json"

    def log(self, worker_id: str, stream: Stream) -> Path:
        """The file with the output of a worker."""
        return self.logs / f"{worker_id if self.several else 'worker'}.{stream}.log"

    def create(self) -> None:
        """Create the folder and those in it."""
        for folder in (self.path, self.checkpoints, self.exchange, self.logs):
            folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)


class WorkersFolder(NamedTuple):
    """The folder of all workers."""

    path: Path

    @classmethod
    def of_state(cls, state_folder: Path) -> WorkersFolder:
        """The one in the state folder of psyche-cli."""
        return cls(state_folder / FOLDER_NAME)

    @property
    def configs(self) -> Path:
        """The folder of configurations."""
        return self.path / "configs"

    @property
    def registry(self) -> Path:
        """The file of the registry."""
        return self.path / "registry.db"

    @property
    def telemetry(self) -> Path:
        """The file of the telemetry."""
        return self.path / "telemetry" / "telemetry.sqlite"

    @property
    def daemon_log(self) -> Path:
        """The log of the daemon."""
        return self.path / "logs" / "daemon.log"

    @property
    def daemon_pid(self) -> Path:
        """The file that identifies the daemon: its process id, start time and address."""
        return self.path / "daemon.pid"

    @property
    def daemon_lock(self) -> Path:
        """The file that a running daemon has locked."""
        return self.path / "daemon.lock"

    @property
    def daemon_token(self) -> Path:
        """The file with the token for calls to the daemon."""
        return self.path / "daemon.token"

    @property
    def daemon_socket(self) -> Path:
        """The Unix socket of the daemon."""
        return self.path / "daemon.sock"

    def config(self, run_id: str) -> Path:
        """The file with the configuration that was submitted."""
        return self.configs / f"config-{_checked(run_id)}.json"

    def worker_config(self, run_id: str, worker_id: str, *, several: bool) -> Path:
        """The file with the configuration of a worker."""
        more = f"-{worker_id}" if several else ""
        return self.configs / f"worker-{_checked(run_id)}{more}.json"

    def run(self, run_id: str, *, is_evaluation: bool, several: bool) -> RunFolder:
        """The folder of a run."""
        return RunFolder(self.path / (EVALUATIONS if is_evaluation else RUNS) / _checked(run_id), several)


def _checked(run_id: str) -> str:
    if not is_run_id(run_id):
        raise ValueError("not the id of a run of workers")
    return run_id
