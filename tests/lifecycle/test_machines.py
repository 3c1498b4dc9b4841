"""Consistency of all machines, the engine, and the diagrams."""

from __future__ import annotations

import itertools
from xml.etree import ElementTree

import pytest

from psyche_cli.lifecycle.diagrams import dot, edges, mermaid
from psyche_cli.lifecycle.machine import Machine, Possibility, negated, outlooks
from psyche_cli.lifecycle.machines import MACHINES
from psyche_cli.lifecycle.pictures import svg

EVERY = pytest.mark.parametrize("machine", MACHINES.values(), ids=lambda machine: machine.name)


@EVERY
def test_a_machine_is_consistent(machine: Machine) -> None:
    names = machine.states_by_name
    assert len(names) == len(machine.states)
    assert len(machine.conditions_by_name) == len(machine.conditions)
    used = set()
    for one in machine.transitions:
        assert one.source is None or one.source in names
        assert one.target is None or one.target in names
        assert not set(one.requires) & set(one.excludes)
        used |= {*one.requires, *one.excludes}
    assert used == machine.conditions_by_name.keys()
    assert len(set(machine.transitions)) == len(machine.transitions)


@EVERY
def test_every_state_is_reached_and_left_unless_it_is_an_end(machine: Machine) -> None:
    for state in machine.states:
        assert machine.entering(state.name), state
        onward = [one for one in machine.leaving(state.name) if one.target not in (None, state.name)]
        assert bool(onward) != state.is_end, state


def test_conditions_decide_what_is_possible() -> None:
    machine = MACHINES["psyche-run"]
    warm = "Warmup"

    def of(*given: str) -> dict[str | None, Possibility]:
        return {one.transition.target: one.possibility for one in outlooks(machine, "WaitingForMembers", given)}

    assert of() == {warm: Possibility.DEPENDS, "Paused": Possibility.POSSIBLE}
    assert of("enough-members")[warm] is Possibility.DEPENDS
    assert of("enough-members", "extra-wait-over")[warm] is Possibility.POSSIBLE
    assert of("enough-members", "not-extra-wait-over")[warm] is Possibility.IMPOSSIBLE
    [first, _] = outlooks(machine, "WaitingForMembers", ["not-enough-members"])
    assert (first.obstacles, first.missing) == (("enough-members",), ("extra-wait-over",))
    assert negated(negated("enough-members")) == "enough-members"


@EVERY
def test_diagrams_contain_every_edge(machine: Machine) -> None:
    found = edges(machine)
    assert {(one.source, one.target) for one in found} == {(one.source, one.target) for one in machine.transitions}
    drawn = [line for line in mermaid(machine).splitlines() if " --> " in line]
    assert len(drawn) == len(found) == dot(machine).count(" -> ")
    for edge, line in zip(found, drawn, strict=True):
        assert line.strip() == f"{edge.source or '[*]'} --> {edge.target or '[*]'}: {edge.label}"


@EVERY
def test_pictures_contain_every_state_and_every_edge(machine: Machine) -> None:
    highlighted = machine.states[1].name
    root = ElementTree.fromstring(svg(machine, highlighted))
    namespace = "{http://www.w3.org/2000/svg}"
    texts = [text.text for text in root.iter(f"{namespace}text")]
    for state in machine.states:
        assert texts.count(state.name) == 1
    count = len(edges(machine))
    assert len(list(root.iter(f"{namespace}circle"))) == count
    assert [text for text in texts if text and ": " in text] == [
        f"{edge.source or '(new)'} → {edge.target or '(closed)'}: {edge.label}" for edge in edges(machine)
    ]
    filled = [box for box in root.iter(f"{namespace}rect") if box.get("fill") == "#2563eb"]
    assert len(filled) == 1
    assert "#2563eb" not in svg(machine)


@EVERY
def test_arcs_of_a_picture_do_not_cover_each_other(machine: Machine) -> None:
    root = ElementTree.fromstring(svg(machine))
    badges = [
        (int(one.get("cx", "")), int(one.get("cy", ""))) for one in root.iter("{http://www.w3.org/2000/svg}circle")
    ]
    for (x, y), (other_x, other_y) in itertools.combinations(badges, 2):
        assert x != other_x or abs(y - other_y) > 18
