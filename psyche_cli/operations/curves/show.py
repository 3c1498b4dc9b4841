"""Show the curves of a run, or write them to a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from psyche_cli.curves.curve import Curve
from psyche_cli.curves.reading import read
from psyche_cli.errors import UsageError
from psyche_cli.history.records import Incarnation
from psyche_cli.operations.curves.data import curve_data, curves_data
from psyche_cli.operations.curves.files import write_curves
from psyche_cli.operations.curves.payloads import CurvesData
from psyche_cli.operations.curves.request import Request
from psyche_cli.operations.curves.selection import in_tokens, of_steps
from psyche_cli.operations.curves.tables import csv_lines
from psyche_cli.operations.curves.text import CurvesText, details, summary, warnings
from psyche_cli.operations.history.sync import no_history, open_history, sync_history
from psyche_cli.operations.sessions import Session
from psyche_cli.results import OperationResult, PlainText, Result


def show_curves(session: Session, request: Request) -> Result:
    """The curves of a run from its history, which is brought up to date before, unless the request says otherwise.

    Raises UsageError, RunNotFound, InvalidRunId, NetworkError and the errors of the history.
    """
    with open_history(session, request.run_id, request.state_folder) as run:
        if request.sync:
            for note in sync_history(session, run).notes:
                session.notify(note)
        incarnation = _incarnation(run.history.incarnations(), request)
        reader = read(run.history, incarnation, session.programs, waits=session.rpc.waits)
        totals = run.history.totals()
    curves = [of_steps(one, request.first_step, request.last_step) for one in reader.curves(request.what)]
    data = curves_data(request.run_id, incarnation, reader, totals, what=())
    return _result(request, data, [one for one in curves if one.points])


def _incarnation(found: Sequence[Incarnation], request: Request) -> Incarnation:
    if not found:
        raise no_history(request.run_id, read=request.sync)
    if request.incarnation is None:
        return found[-1]
    if not 1 <= request.incarnation <= len(found):
        raise UsageError(
            f"Run {request.run_id!r} has no incarnation {request.incarnation}.",
            hint=f"Use --incarnation with a number from 1 to {len(found)}.",
        )
    return found[request.incarnation - 1]


def _result(request: Request, data: CurvesData, curves: Sequence[Curve]) -> Result:
    to_file = request.file is not None and request.format is not None
    if not to_file or request.format == "json":
        data = replace(data, curves=tuple(map(curve_data, curves)))
    if request.file is not None and request.format is not None:
        write_curves(request.file, request.format, data, curves)
        data = replace(data, curves=tuple(curve_data(one, 0) for one in curves), file=str(request.file))
    elif request.format == "csv":
        return PlainText("".join(csv_lines(curves)), data)
    return OperationResult(
        summary=summary(data, curves),
        data=data,
        details=tuple(details(data)),
        warnings=tuple(warnings(data)),
        body=None if request.file is not None or not curves else CurvesText(in_tokens(curves, data.decimals)),
    )
