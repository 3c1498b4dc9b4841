"""The list of runs, read again and again while a page shows it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from psyche_cli.errors import PsycheError
from psyche_cli.operations.dashboard.documents import RunList, RunSummary, Status
from psyche_cli.operations.dashboard.feed import Feed, Sources, limited
from psyche_cli.operations.dashboard.hub import LIST_TOPIC, Update
from psyche_cli.operations.dashboard.texts import document_text
from psyche_cli.operations.monitoring.reading import RunReader, RunReading
from psyche_cli.operations.observe.list_runs import RunFilter, list_runs
from psyche_cli.operations.observe.run_payloads import ListedRun
from psyche_cli.protocol.addresses import instance_address
from psyche_cli.solana.cluster_clock import decode_clock
from psyche_cli.solana.programs import CLOCK_SYSVAR

_EVERY: Final = 5.0
_READ_WHOLE: Final = 16
"""Runs of which more is read than the beginning of the account: as many as one call takes."""
_MOST_NOTES: Final = 20


class ListFeed(Feed):
    """The runs with these ids, or all runs of the cluster if ``run_ids`` is None."""

    def __init__(self, sources: Sources, run_ids: Sequence[str] | None) -> None:
        super().__init__(sources, LIST_TOPIC)
        programs = sources.session.programs
        self.read_once = threading.Event()
        self._wanted = None if run_ids is None else {str(instance_address(one, programs)): one for one in run_ids}
        self._only = next(iter(self._wanted)) if self._wanted is not None and len(self._wanted) == 1 else None
        self._runs: list[RunSummary] = []
        self._notes: dict[str, None] = {}
        self._sent = ""
        self.start(self._read_forever)

    def run_id(self, address: str) -> str | None:
        """The id of the run with an instance at an address; None if it is not in the list."""
        if self._wanted is not None:
            return self._wanted.get(address)
        return next((run.run_id for run in self._runs if run.address == address), None)

    @property
    def document(self) -> RunList:
        """The list as it was last read."""
        return RunList(self.cluster, self._only, [*self._notes], self._runs)

    @property
    def status(self) -> Status:
        """Whether the list could be read."""
        now = self.cluster
        return Status(now.stale is None, now.stale, now.now, now.slot, now.stale)

    def _read_forever(self) -> None:
        session = self.sources.new_session(self._note)
        genesis_hash = None
        while not self.ended.is_set():
            self.rest_until_wanted()
            pause = _EVERY
            try:
                reading = limited(session)
                genesis_hash = genesis_hash or str(reading.rpc.genesis_hash())
                listed = {one.coordinator_instance: one for one in list_runs(reading, RunFilter()).data.runs}
                clock = decode_clock(reading.rpc.account(CLOCK_SYSVAR))
                chosen = self._chosen(listed)
                ids = [listed[address].run_id for address in chosen if address in listed][:_READ_WHOLE]
                whole = RunReader(session, ids).read().runs if ids else ()
                details = {one.run_id: one for one in whole}
                self._runs = [self._summary(address, listed.get(address), details) for address in chosen]
                self.saw(clock, genesis_hash)
            except PsycheError as error:
                pause = self.failed(error.message)
            self.read_once.set()
            self._publish()
            self.rest(pause)

    def _note(self, sentence: str) -> None:
        if len(self._notes) < _MOST_NOTES:
            self._notes[sentence] = None

    def _chosen(self, listed: Mapping[str, ListedRun]) -> list[str]:
        return [*(listed if self._wanted is None else self._wanted)]

    def _summary(self, address: str, run: ListedRun | None, details: Mapping[str, RunReading]) -> RunSummary:
        if run is None:
            run_id = (self._wanted or {})[address]
            return RunSummary(address, run_id, *(None,) * 5, "The run does not exist, or was closed.", None)
        more = details.get(run.run_id)
        shown = None if more is None else more.shown
        row = RunSummary(
            address=address,
            run_id=run.run_id,
            name=run.name,
            state=run.state,
            epoch=run.epoch,
            step=run.step,
            total_steps=run.total_steps,
            problem=run.problem,
            main_authority=run.main_authority,
        )
        if shown is None:
            return row
        members = shown.members
        return replace(
            row,
            since=shown.since,
            members=members.in_epoch if members.in_epoch > 0 else members.joined_next,
            funded_epochs=None if shown.treasury is None else shown.treasury.cover.epochs,
            severity=shown.attention[0].severity if shown.attention else None,
        )

    def _publish(self) -> None:
        """Send the list if it has changed, apart from the time."""
        document, redacted = self.document, self.sources.redacted
        stale = replace(document.cluster, now=None, slot=None, read_at=None)
        text = document_text(replace(document, cluster=stale), redacted)
        if text != self._sent:
            self._sent = text
            self.sources.hub.publish(Update(self.topic, "runs", document_text(document, redacted)))
