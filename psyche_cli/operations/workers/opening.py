"""Opens the folder of workers of an invocation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from psyche_cli.environment import Environment
from psyche_cli.private_keys import refuse_key_as_path
from psyche_cli.suggestions import NOTHING_GIVEN, GivenOptions
from psyche_cli.workers.registry.registry import Registry
from psyche_cli.workers.storage.layout import RunFolder, WorkersFolder


class OpenWorkers(NamedTuple):
    """The folder of workers and its registry. ``now`` is the time in seconds since 1970."""

    folder: WorkersFolder
    registry: Registry
    now: float
    given: GivenOptions = NOTHING_GIVEN

    def run_folder(self, run_id: str) -> RunFolder:
        """The folder of a run in the registry. Raises WorkerRunNotFound."""
        run = self.registry.run(run_id)
        several = len(self.registry.workers(run_id)) > 1
        return self.folder.run(run_id, is_evaluation=run.is_evaluation, several=several)


@contextmanager
def open_workers(
    environment: Environment, state_folder: Path | None, given: GivenOptions = NOTHING_GIVEN
) -> Iterator[OpenWorkers]:
    """Open the workers in a state folder (None: the default one). Raises UsageError for a key in place of a folder."""
    if state_folder is not None:
        refuse_key_as_path("--state-dir", state_folder)
    folder = WorkersFolder.of_state(state_folder or environment.state_folder)
    with closing(Registry(folder.registry)) as registry:
        yield OpenWorkers(folder, registry, environment.clock.unix_time(), given)
