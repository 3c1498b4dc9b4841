"""The page of a run as one file, which needs neither a server nor a network."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from psyche_cli import __version__
from psyche_cli.errors import NotFound, PsycheError
from psyche_cli.new_files import complete_new_file, require_new_file
from psyche_cli.operations.curves.data import curves_data
from psyche_cli.operations.dashboard.documents import ClusterNow, Exported
from psyche_cli.operations.dashboard.page import Page, exported_page
from psyche_cli.operations.dashboard.payloads import ExportedDashboardData
from psyche_cli.operations.dashboard.reading import read_run
from psyche_cli.operations.dashboard.story import RunStory
from psyche_cli.operations.dashboard.texts import document_text
from psyche_cli.operations.dashboard.view import run_view, told
from psyche_cli.operations.history.sync import open_history, sync_history
from psyche_cli.protocol.addresses import instance_address
from psyche_cli.results import OperationResult
from psyche_cli.solana.cluster_clock import decode_clock
from psyche_cli.solana.programs import CLOCK_SYSVAR

if TYPE_CHECKING:
    from psyche_cli.operations.sessions import Session

MOST_TRANSACTIONS: Final = 1_000
MOST_POINTS: Final = 1_000
"""Points of a curve; the lowest and highest values of each part are kept."""
_WHAT: Final = "the output file"


class StillPage(NamedTuple):
    """The page of a run at one time. ``warnings`` are sentences about what it lacks, and ``total`` is the number of
    transactions of the run, of which ``left_out`` are not in the page."""

    page: Page
    total: int
    left_out: int
    synced_slot: int | None
    reliable: bool
    warnings: tuple[str, ...]


def export_dashboard(
    session: Session,
    path: Path,
    *,
    run_id: str,
    state_folder: Path,
    redacted: Callable[[str], str],
    treasurer_index: int | None = None,
) -> OperationResult[ExportedDashboardData]:
    """Write the page of a run to a new file, which exists only once it is complete.

    Raises UsageError and the errors of ``still_page``.
    """
    require_new_file(path, what=_WHAT)
    found = still_page(session, run_id, state_folder, redacted, treasurer_index)
    content = found.page.html.encode()
    with complete_new_file(path, what=_WHAT) as file:
        file.write(content)
    data = ExportedDashboardData(
        run_id=run_id,
        path=str(path),
        size_bytes=len(content),
        transactions=found.total - found.left_out,
        left_out=found.left_out,
        synced_slot=found.synced_slot,
        reliable=found.reliable,
    )
    return OperationResult(
        summary=f"Wrote the page of run {run_id} to {path}.",
        data=data,
        details=(("transactions", f"{data.transactions:,} of {found.total:,}"), ("size", f"{data.size_bytes:,} bytes")),
        warnings=found.warnings,
    )


def still_page(
    session: Session,
    run_id: str,
    state_folder: Path,
    redacted: Callable[[str], str],
    treasurer_index: int | None = None,
    latest: int = MOST_TRANSACTIONS,
) -> StillPage:
    """The page of a run as it is now, with the ``latest`` transactions. Of a run that was closed, it shows the history.

    Raises RunNotFound for a run that never existed, UsageError, NetworkError, and the errors of the history.
    """
    clock = session.feed.clock
    now, problems = None, dict[str, str]()
    try:
        now = read_run(session, run_id, treasurer_index)
    except NotFound as error:
        missing: PsycheError = error
        problems = dict.fromkeys(("show", "members", "explain", "configuration"), error.message)
    with (
        open_history(session, run_id, state_folder) as run,
        closing(RunStory(run.history, session.programs)) as story,
    ):
        synced = sync_history(session, run)
        story.update(lambda _: True)
        if now is None and story.incarnation is None:
            raise missing
        story.compare(None if now is None else now.observation.run.account)
        time = decode_clock(session.rpc.account(CLOCK_SYSVAR)) if now is None else now.observation.clock
        cluster = ClusterNow(
            label=session.rpc.label,
            genesis_hash=run.genesis_hash,
            now=time.unix_timestamp,
            slot=time.slot,
            read_at=clock.unix_time(),
            stale=None,
        )
        history = told(story, latest=latest)
        shown = history.transactions
        left_out = shown.total - len(shown.latest)
        history = history._replace(transactions=replace(shown, left_out=left_out))
        address = str(instance_address(run_id, session.programs))
        curves = None
        if story.curves is not None and story.incarnation is not None:
            curves = curves_data(run_id, story.incarnation, story.curves, story.totals, most=MOST_POINTS)
        view = run_view(address, run_id, cluster, now, history, problems=problems)
        documents = Exported(int(clock.unix_time()), __version__, view, curves)
    older = (f"The {left_out:,} oldest transactions are not in the file.",) if left_out > 0 else ()
    return StillPage(
        page=exported_page(document_text(documents, redacted)),
        total=shown.total,
        left_out=left_out,
        synced_slot=history.history.synced_slot,
        reliable=history.history.reliable,
        warnings=(*synced.notes[1:], *history.history.notes, *older),
    )
