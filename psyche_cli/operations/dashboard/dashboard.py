"""The feeds of a dashboard: the list of runs, and the runs that pages show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from psyche_cli.errors import MonitoringError
from psyche_cli.operations.dashboard.feed import Sources
from psyche_cli.operations.dashboard.list_feed import ListFeed
from psyche_cli.operations.dashboard.run_feed import RunFeed

MOST_RUNS: Final = 8
"""Runs that are followed at the same time. Those that no page shows make room for others."""


class Dashboard:
    """The runs with these ids, or all runs of the cluster if ``run_ids`` is None. For one thread."""

    def __init__(self, sources: Sources, run_ids: Sequence[str] | None) -> None:
        self._sources = sources
        self.runs = ListFeed(sources, run_ids)
        self._followed: dict[str, RunFeed] = {}

    def run(self, address: str) -> RunFeed | None:
        """The feed of the run with an instance at an address; None if it is not in the list.

        Raises MonitoringError if too many runs are followed.
        """
        feed = self._followed.pop(address, None)
        if feed is None:
            run_id = self.runs.run_id(address)
            if run_id is None:
                return None
            self._make_room()
            feed = RunFeed(self._sources, run_id, address)
        self._followed[address] = feed  # the latest one is the last one
        feed.touch()
        return feed

    def end(self) -> None:
        """End all feeds."""
        for feed in (self.runs, *self._followed.values()):
            feed.end()

    def _make_room(self) -> None:
        if len(self._followed) < MOST_RUNS:
            return
        idle = next((address for address, feed in self._followed.items() if not feed.is_wanted), None)
        if idle is None:
            raise MonitoringError(
                f"{MOST_RUNS} runs are open, which is the maximum.", hint="Close the page of another run."
            )
        self._followed.pop(idle).end()
