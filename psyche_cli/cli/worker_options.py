"""Options shared by the ``workers`` verbs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from psyche_cli.cli.options import Argument, option
from psyche_cli.environment import Environment
from psyche_cli.errors import PsycheError

_MOST_COMPLETED: Final = 200


def _run_ids(environment: Environment, values: Mapping[str, Any]) -> Iterable[str]:
    """The ids of the latest runs, for shell completion; none if the registry cannot be read."""
    from psyche_cli.operations.workers.opening import open_workers

    try:
        with open_workers(environment, values.get("state_dir")) as workers:
            return [run.run_id for run in reversed(workers.registry.page(limit=_MOST_COMPLETED).runs)]
    except PsycheError:
        return []


WorkersRunId = Annotated[str, Argument(metavar="RUN", help="The id of a run of workers.", values=_run_ids)]
WorkersStateDir = Annotated[
    Path | None,
    option(
        "--state-dir",
        metavar="DIR",
        help="Folder whose subfolder workers contains the runs. Defaults to psyche-cli in the user's state folder.",
    ),
]
