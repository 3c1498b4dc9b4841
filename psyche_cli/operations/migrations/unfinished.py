"""Run files of migrations: the export beside a file says at which step its run continues."""

from __future__ import annotations

import os

from psyche_cli.errors import UsageError
from psyche_cli.operations.migrations.export import Exported, read_export
from psyche_cli.operations.migrations.migration import default_export
from psyche_cli.operations.run_files.actual import ActualRun
from psyche_cli.operations.run_files.payloads import ObstacleData
from psyche_cli.operations.run_files.planning import Plan
from psyche_cli.operations.run_files.target import Target
from psyche_cli.run_file.wanted import WantedRun


class ReplacingTarget(Target):
    """The run of a file beside which there is the export of the run that it replaces."""

    def __init__(self, wanted: WantedRun, exported: Exported) -> None:
        super().__init__(wanted)
        self._exported = exported

    def plan(self, actual: ActualRun, *, most: int | None = None) -> Plan:
        """The plan, with an obstacle if it would start the run at another step than the one that it continues at."""
        plan = super().plan(actual, most=most)
        origin = self._exported.origin
        if origin is None or origin.step == 1 or actual.state not in ("absent", "unstarted"):
            return plan
        obstacle = ObstacleData(
            "start_step",
            f"{self._exported.folder} is the export of the run that is replaced, which was at step {origin.step}: "
            "apply the plan of the migration, or add start_step to the file",
        )
        return plan._replace(obstacles=(obstacle, *plan.obstacles))


def target_of(wanted: WantedRun) -> Target:
    """What makes a run match its file. Takes care of a migration that was interrupted."""
    folder = default_export(wanted.source)
    if wanted.start_step is not None or not os.path.lexists(folder):
        return Target(wanted)
    try:
        exported = read_export(folder)
    except UsageError:
        exported = None
    return Target(wanted) if exported is None else ReplacingTarget(wanted, exported)
