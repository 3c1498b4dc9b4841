"""The layouts of the runs of a history, from the sizes with which their accounts were created."""

from __future__ import annotations

from collections.abc import Sequence

from psyche_cli.history.events import created_layout, decoded_calls
from psyche_cli.history.records import Incarnation
from psyche_cli.history.store import History
from psyche_cli.protocol.programs import ProgramIds


def layout_of(history: History, incarnation: Incarnation, programs: ProgramIds) -> str | None:
    """The layout of an incarnation; None if its creation is in a gap. Raises the errors of the history."""
    created = None if incarnation.created_by is None else history.transaction(incarnation.created_by)
    if created is None:
        return None
    found: dict[str, str] = {}
    for one in decoded_calls(created, programs):
        found |= created_layout(one, programs)
    return found.get(incarnation.coordinator_account)


def known_layouts(history: History, incarnations: Sequence[Incarnation], programs: ProgramIds) -> dict[str, str]:
    """The layouts by the addresses of coordinator accounts and treasurers, without those that have had several."""
    found: dict[str, set[str | None]] = {}
    for one in incarnations:
        layout = layout_of(history, one, programs)
        for address in (one.coordinator_account, one.treasurer_run):
            if address is not None:
                found.setdefault(address, set()).add(layout)
    return {
        address: layout
        for address, layouts in found.items()
        for layout in layouts
        if layout is not None and len(layouts) == 1
    }
