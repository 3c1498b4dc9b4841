"""A rehearsal in progress, as lines for a terminal of any width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from psyche_cli.amounts import format_amount
from psyche_cli.durations import format_duration
from psyche_cli.operations.rehearsal.setup import DECIMALS
from psyche_cli.operations.tables import text_table
from psyche_cli.operations.tones import state_tone
from psyche_cli.plots import Curve, text_plot
from psyche_cli.rehearsal.cluster import Cluster
from psyche_cli.rehearsal.run_workers import RunWorkers
from psyche_cli.results import Line, Span, Tone

_MOST_MEMBERS: Final = 16
_PLOT_HEIGHT: Final = 6
_MOST_PLOT: Final = 76
_TONES: Final[dict[str, Tone]] = {"FAULTED": "bad", "CANCELLED": "caution", "EXECUTING": "good", "READY": "good"}


class Progress(NamedTuple):
    """What can be shown of a rehearsal in progress.

    ``phase`` says what is done before it begins and after it ended; it is empty while the run is in progress.
    ``wallets`` are those of the members in the order of their numbers (32 bytes). ``decimals`` are those of the
    run's token.
    """

    phase: str
    cluster: Cluster | None = None
    workers: RunWorkers | None = None
    wallets: Sequence[bytes] = ()
    decimals: int = DECIMALS


def progress_lines(progress: Progress, width: int, utf8: bool) -> list[Line]:
    """The lines for a terminal of ``width`` columns; without ``utf8``, they are ASCII."""
    cluster, workers = progress.cluster, progress.workers
    if cluster is None or workers is None:
        return []  # the phase is shown as the status of the screen
    state, record = cluster.record.state, cluster.record
    paid = sum(client.earned for client in state.clients) - sum(client.earned for client in record.first.clients)
    lines: list[Line] = [
        [
            Span("  "),
            Span(state.run_state.variant, state_tone(state.run_state, pausing=state.pending_pause)),
            Span(
                f"  epoch {state.progress['epoch']}, step {state.step}, after "
                f"{format_duration(record.now - record.started_at)}, {format_amount(paid, progress.decimals)} paid"
            ),
        ],
        [],
        *_members(progress, workers, cluster, width),
    ]
    if len(workers.losses) > 1:
        curve = Curve("loss by round", workers.losses, "1", str(len(workers.losses)))
        plot = text_plot(curve, width=min(width - 2, _MOST_PLOT), height=_PLOT_HEIGHT, braille=utf8)
        lines += [[], *([Span(f"  {line}")] for line in plot)]
    return lines


def _members(progress: Progress, workers: RunWorkers, cluster: Cluster, width: int) -> list[Line]:
    state = cluster.record.state
    earned = {client.id.signer: client.earned for client in state.clients}
    healthy = {client.id.signer: client.state.text for client in state.epoch.clients}
    rows = [["member", "worker", "in the epoch", "earned", "does"]]
    shown = range(1, min(len(progress.wallets), _MOST_MEMBERS) + 1)
    for number in shown:
        wallet, worker = progress.wallets[number - 1], workers.by_member.get(number)
        rows.append(
            [
                f"{number}",
                "-" if worker is None else worker.state,
                healthy.get(wallet, "-"),
                format_amount(earned.get(wallet, 0), progress.decimals),
                workers.doing.get(number, "-"),
            ]
        )
    heading, *texts = text_table(rows, left=5)
    lines: list[Line] = [[Span(f"  {heading[: width - 2]}", "dim")]]
    for number, text in zip(shown, texts, strict=True):
        worker = workers.by_member.get(number)
        tone = None if worker is None else _TONES.get(worker.state)
        lines.append([Span(f"  {text[: width - 2]}", tone if tone in ("bad", "caution") else None)])
    if len(progress.wallets) > _MOST_MEMBERS:
        lines.append([Span(f"  and {len(progress.wallets) - _MOST_MEMBERS} more members", "dim")])
    return lines
