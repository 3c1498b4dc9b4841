"""State machines as Mermaid and Graphviz DOT diagrams."""

from __future__ import annotations

from typing import Final, NamedTuple

from psyche_cli.lifecycle.machine import Machine

CREATED: Final = "(new)"
REMOVED: Final = "(closed)"


class Edge(NamedTuple):
    """All transitions from one state to another, with their triggers. ``rare`` is True if all have a note: they
    cannot occur, or only in exceptional cases."""

    source: str | None
    target: str | None
    triggers: tuple[str, ...]
    rare: bool

    @property
    def label(self) -> str:
        """The triggers, separated by commas."""
        return ", ".join(self.triggers)


def edges(machine: Machine) -> list[Edge]:
    """The transitions of a machine, with those between the same two states combined."""
    triggers: dict[tuple[str | None, str | None], list[str]] = {}
    rare: dict[tuple[str | None, str | None], bool] = {}
    for one in machine.transitions:
        ends = (one.source, one.target)
        found = triggers.setdefault(ends, [])
        if one.trigger not in found:
            found.append(one.trigger)
        rare[ends] = rare.get(ends, True) and bool(one.note)
    return [Edge(*ends, tuple(found), rare[ends]) for ends, found in triggers.items()]


def mermaid(machine: Machine, highlighted: str | None = None) -> str:
    """The machine as a Mermaid ``stateDiagram-v2``; the state ``highlighted`` is highlighted."""
    lines = ["stateDiagram-v2"]
    lines += [f"    {edge.source or '[*]'} --> {edge.target or '[*]'}: {edge.label}" for edge in edges(machine)]
    if highlighted is not None:
        lines += ["    classDef highlighted fill:#2563eb,color:#ffffff", f"    class {highlighted} highlighted"]
    return "\n".join(lines) + "\n"


def dot(machine: Machine, highlighted: str | None = None) -> str:
    """The machine as a Graphviz digraph; the state ``highlighted`` is highlighted."""
    lines = [f'digraph "{machine.name}" {{', "    rankdir=TB;", '    node [shape=box, style="rounded"];']
    lines += [f'    "{name}" [shape=point];' for name in sorted(outer_ends(machine), reverse=True)]
    # Graphviz draws the nodes from top to bottom in the order of their declaration, as far as the edges allow it.
    for state in machine.states:
        style = (
            ' [style="rounded,filled", fillcolor="#2563eb", fontcolor="#ffffff"]' if state.name == highlighted else ""
        )
        ends = " [peripheries=2]" if state.is_end else ""
        lines.append(f'    "{state.name}"{style}{ends};')
    for edge in edges(machine):
        dashed = ", style=dashed" if edge.rare else ""
        lines.append(f'    "{edge.source or CREATED}" -> "{edge.target or REMOVED}" [label="{edge.label}"{dashed}];')
    return "\n".join([*lines, "}"]) + "\n"


def outer_ends(machine: Machine) -> set[str]:
    """The names of the start and end points that are not states: creation and removal."""
    ends = {CREATED for one in machine.transitions if one.source is None}
    return ends | {REMOVED for one in machine.transitions if one.target is None}
