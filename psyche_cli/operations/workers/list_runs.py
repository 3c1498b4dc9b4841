"""List the runs of workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from psyche_cli.folding import cut
from psyche_cli.operations.tables import text_table
from psyche_cli.operations.workers.data import run_data, since, tone_of
from psyche_cli.operations.workers.opening import OpenWorkers
from psyche_cli.operations.workers.payloads import WorkersListData, WorkersRun
from psyche_cli.results import Line, OperationResult, Span
from psyche_cli.workers.registry.rows import Run

_HEADINGS: Final = ("run", "state", "ended", "gpus", "age", "heard", "name")
_STATE_COLUMN: Final = 1
_LEFT_ALIGNED: Final = 2


def list_worker_runs(workers: OpenWorkers, *, open_only: bool = False, limit: int) -> OperationResult[WorkersListData]:
    """The ``limit`` latest runs, or those that have not ended. Raises RegistryError."""
    page, total, count, gpus = workers.registry.overview(open_only=open_only, limit=limit)
    shown = [(run, run_data(run, of_run)) for run, of_run in reversed(page.with_workers())]
    older = f" Not listed: {page.left_out} older." if page.left_out > 0 else ""
    runs = f"{total} run{'' if total == 1 else 's'} of workers, {count} open."
    only_open = f"{count} open run{'' if count == 1 else 's'} of workers."
    origin = "given with --gpus" if gpus.told else "found on this machine"
    return OperationResult(
        summary=f"{only_open if open_only else runs}{older}",
        data=WorkersListData(
            folder=str(workers.folder.path),
            runs=[data for _, data in shown],
            left_out=page.left_out,
            gpu_slots=len(gpus.slots),
            gpu_slots_free=gpus.free,
            gpu_slots_given=gpus.told,
        ),
        details=(("GPU slots", f"{gpus.free} of {len(gpus.slots)} free ({origin})"),) if shown else (),
        body=(lambda columns, _: _table(shown, workers.now, columns)) if shown else None,
    )


def _table(shown: Sequence[tuple[Run, WorkersRun]], now: float, columns: int) -> list[Line]:
    """A row for each run, without GPUs if none has any. The name, which comes last, gets what is left of the width."""
    with_gpus = any(data.gpu_slots for _, data in shown)
    headings = [one for one in _HEADINGS if with_gpus or one != "gpus"]
    rows = [
        (
            data.run_id,
            data.status,
            f"{data.workers_ended}/{data.workers}",
            *([",".join(map(str, data.gpu_slots)) or "-"] if with_gpus else []),
            since(run.submitted_at, now),
            since(run.heard_at, now) or "-",
        )
        for run, data in shown
    ]
    lines = text_table([headings[:-1], *rows], left=_LEFT_ALIGNED)
    width = max(map(len, lines))
    names = [headings[-1], *(data.name for _, data in shown)]
    tones = [None, *(tone_of(data.status) for _, data in shown)]
    start = lines[0].index(headings[_STATE_COLUMN])
    found: list[Line] = []
    for line, name, tone, row in zip(lines, names, tones, [headings, *rows], strict=True):
        end = start + len(row[_STATE_COLUMN])
        tail = f"{line[end:].ljust(width - end)}  {cut(name, columns - width - 2)}".rstrip()
        found.append((Span(line[:start]), Span(line[start:end], tone), Span(tail)))
    return found
