"""Every leaf of the coordinator account's memory image has the program's offset."""

from __future__ import annotations

import ctypes
import itertools
import re
from typing import Any

import pytest

from psyche_cli import limits
from psyche_cli.protocol.layouts import v1 as layout
from psyche_cli.protocol.layouts import v1_model as layout_model
from psyche_cli.protocol.layouts.kinds import OptionF32, OptionText64, TagOnly
from psyche_cli.protocol.run_states import ClientState, RunState
from tests.protocol.leaf_table import ENUMS, LEAVES

IMAGE_START = 8


def field_type(structure: Any, name: str) -> Any:
    """The type of a field, anonymous unions included."""
    for field, kind in structure._fields_:
        if field == name:
            return kind
        if field in getattr(structure, "_anonymous_", ()):
            for member, member_kind in kind._fields_:
                if member == name:
                    return member_kind
    raise AssertionError(f"{structure.__name__} has no field {name}")


def locate(path: str) -> tuple[int, Any, list[tuple[int, int]]]:
    """Offset in the account, type, and repetitions (count, stride) of a path in the image."""
    offset, repetitions = IMAGE_START, []
    kind: Any = layout.CoordinatorImage
    for step in re.findall(r"[^.\[\]]+|\[\w\]", path):
        if step == "<tag>" and issubclass(kind, TagOnly):
            break
        if step.startswith("["):
            repetitions.append((kind._length_, ctypes.sizeof(kind._type_)))
            kind = kind._type_
            continue
        name = "tag" if step == "<tag>" else step
        offset += getattr(kind, name).offset
        kind = field_type(kind, name)
    return offset, kind, repetitions


def rows() -> list[tuple[str, int, int, tuple[int, int] | None, list[tuple[int, int]]]]:
    parsed = []
    for line in LEAVES.splitlines():
        match = re.fullmatch(r"(\d+) (\d+) (\S+)(?: of (\d+)x(\d+))?(?: at ([\dx ]+))?", line)
        assert match, line
        elements = (int(match[4]), int(match[5])) if match[4] else None
        repetitions = [(int(count), int(stride)) for count, stride in re.findall(r"(\d+)x(\d+)", match[6] or "")]
        alternatives = [part.split("|") for part in match[3].split(".")]
        for names in itertools.product(*alternatives):
            parsed.append((".".join(names), int(match[1]), int(match[2]), elements, repetitions))
    return parsed


@pytest.mark.parametrize(("path", "offset", "size", "elements", "repetitions"), rows())
def test_leaf(
    path: str,
    offset: int,
    size: int,
    elements: tuple[int, int] | None,
    repetitions: list[tuple[int, int]],
) -> None:
    found_offset, kind, found_repetitions = locate(path)
    assert found_offset == offset
    assert ctypes.sizeof(kind) == size
    assert found_repetitions == repetitions
    if elements:
        assert (kind._length_, ctypes.sizeof(kind._type_)) == elements


def leaves_of(kind: Any, path: str) -> set[str]:
    """Every path in the image that is not a structure with named fields."""
    if hasattr(kind, "_fields_"):
        found: set[str] = set()
        for name, inner in kind._fields_:
            if name in getattr(kind, "_anonymous_", ()):
                found |= leaves_of(inner, path)
            else:
                found |= leaves_of(inner, f"{path}.<tag>" if name == "tag" else f"{path}.{name}")
        return found
    if issubclass(kind, ctypes.Array) and hasattr(kind._type_, "_fields_"):
        return leaves_of(kind._type_, f"{path}[]")
    # The table calls the number of a four-byte enum a tag, and a one-byte enum a leaf of its own name.
    suffix = ".<tag>" if issubclass(kind, TagOnly) and ctypes.sizeof(kind) > 1 else ""
    return {path.removeprefix(".") + suffix}


def test_the_table_names_every_leaf_of_the_image() -> None:
    pinned = {re.sub(r"\[\w\]", "[]", path) for path, *_ in rows()}
    assert leaves_of(layout.CoordinatorImage, "") <= pinned


def test_enums_have_the_programs_numbers() -> None:
    for path, variants in ENUMS.items():
        _, kind, _ = locate(path.removesuffix(".<tag>"))
        assert list(kind.variants) == variants
    assert [state.variant for state in RunState] == ENUMS["state.coordinator.run_state"]


@pytest.mark.parametrize(
    ("kind", "size", "alignment"),
    [
        (layout.CoordinatorImage, 119_152, 8),
        (layout.InstanceState, 119_136, 8),
        (layout.Coordinator, 94_048, 8),
        (layout.EpochState, 93_360, 8),
        (layout.ClientsState, 24_624, 8),
        (layout.RoundRecord, 14_112, 8),
        (layout.WitnessRecord, 440, 8),
        (layout.WitnessProof, 24, 8),
        (layout.EpochClientRecord, 72, 4),
        (layout.PendingClientRecord, 96, 8),
        (layout.RunMetadata, 360, 8),
        (layout.CoordinatorConfig, 64, 8),
        (layout.CoordinatorProgress, 16, 8),
        (layout_model.Model, 552, 8),
        (layout_model.Llm, 544, 8),
        (layout_model.Checkpoint, 136, 4),
        (layout_model.DataLocation, 304, 4),
        (layout_model.HttpData, 300, 4),
        (layout_model.HttpLocation, 260, 4),
        (layout_model.LrSchedule, 56, 8),
        (layout_model.ConstantLr, 24, 8),
        (layout_model.DecayingLr, 32, 8),
        (layout_model.WarmupStableDecayLr, 48, 8),
        (layout_model.Optimizer, 32, 4),
        (layout_model.Shuffle, 36, 4),
        (layout_model.HubRepo, 129, 1),
        (layout_model.GcsRepo, 129, 1),
        (OptionF32, 8, 4),
        (OptionText64, 65, 1),
    ],
)
def test_component_sizes_and_alignments(kind: Any, size: int, alignment: int) -> None:
    assert (ctypes.sizeof(kind), ctypes.alignment(kind)) == (size, alignment)


def test_account_sizes() -> None:
    assert limits.COORDINATOR_ACCOUNT_BYTES == 119_160 == IMAGE_START + ctypes.sizeof(layout.CoordinatorImage)


def test_state_texts_and_predicates() -> None:
    assert [state.text for state in RunState] == [
        "Uninitialized",
        "Waiting for members",
        "Warmup",
        "Training",
        "Witness",
        "Cooldown",
        "Finished",
        "Paused",
    ]
    assert [int(state) for state in RunState if state.is_halted] == [0, 6, 7]
    assert [int(state) for state in RunState if state.is_active] == [3, 4, 5]
    assert [state.text for state in ClientState] == ["Healthy", "Dropped", "Withdrawn", "Ejected"]
