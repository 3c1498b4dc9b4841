"""Images of coordinator accounts, written from a table of leaves, and the values of the leaves in a decoded account.

The tables in the folder ``leaves`` contain one line per leaf of a layout: offset in the account of the first element,
size, type, path; for an array its elements as ``of COUNTxSTRIDE``; inside arrays the repetitions as
``at COUNTxSTRIDE ...``, outermost first. ``A|B`` stands for several variants. A leaf of a variant is in use if the
variant is the one that the tag above it names; any byte that no leaf in use covers is garbage, as in real accounts.
"""

from __future__ import annotations

import itertools
import random
import re
import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from psyche_cli.protocol.accounts.account_checks import account_discriminator
from tests.protocol.leaf_table import ENUMS

FOLDER = Path(__file__).parent / "leaves"
FORMATS = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q", "f32": "<f", "f64": "<d", "enum": "<B", "flag": "<B"}
FORMATS["bool"] = "<B"
OPTION = ["None", "Some"]
SOURCE = "state.coordinator.model.LLM.checkpoint_source.<tag>"
VARIANTS = {**ENUMS, SOURCE: ["Ephemeral", "Stored", "P2P"]}
BYTES_IN_USE = "state.coordinator.model.LLM.checkpoint_data.data"
"""An array of bytes with a length, of which only those in use are values."""


class Leaf(NamedTuple):
    """A line of a table. ``elements`` and ``repetitions`` are pairs of a count and a stride."""

    offset: int
    size: int
    type: str
    path: str
    elements: tuple[int, int] | None
    repetitions: tuple[tuple[int, int], ...]


class Place(NamedTuple):
    """A leaf with indexes: its path, and its offset in the account."""

    leaf: Leaf
    path: str
    offset: int


@cache
def leaves(layout: str) -> tuple[Leaf, ...]:
    """The table of a layout."""
    found = []
    for line in (FOLDER / f"{layout}.txt").read_text().splitlines():
        match = re.fullmatch(r"(\d+) (\d+) (\w+) (\S+)(?: of (\d+)x(\d+))?(?: at ([\dx ]+))?", line)
        assert match, line
        repetitions = tuple((int(count), int(stride)) for count, stride in re.findall(r"(\d+)x(\d+)", match[7] or ""))
        elements = (int(match[5]), int(match[6])) if match[5] else None
        found.append(Leaf(int(match[1]), int(match[2]), match[3], match[4], elements, repetitions))
    return tuple(found)


def variants(path: str) -> list[str]:
    """The names of the variants of a tag or an enum."""
    return VARIANTS.get(path, OPTION)


def is_in_use(path: str, tags: dict[str, int]) -> bool:
    """Whether the tags above a leaf name its variants."""
    steps = path.split(".")
    for i in range(1, len(steps)):
        tag = ".".join(steps[:i]) + ".<tag>"
        if tag in tags and steps[i] != "<tag>" and variants(tag)[tags[tag]] not in steps[i].split("|"):
            return False
    return True


class WrittenImage(NamedTuple):
    """An account, the values of its leaves by path, and the leaves in use."""

    data: bytes
    values: dict[str, tuple[Leaf, Any]]
    used: frozenset[Leaf]


def write_image(layout: str, version: int | None, draw: random.Random, **fixed: int) -> WrittenImage:
    """An account of a layout with random tags, lengths and values. ``fixed`` are the tags of fields by their names."""
    table = leaves(layout)
    last = table[-1]
    data = bytearray(draw.randbytes(last.offset + last.size))
    tags: dict[str, int] = {}
    for leaf in table:
        if leaf.type == "tag" and is_in_use(leaf.path, tags):
            name = leaf.path.split(".")[-2]
            tags[leaf.path] = fixed.get(name, draw.randrange(len(variants(leaf.path))))
    lengths: dict[str, int] = {}
    for leaf in table:
        if leaf.path.endswith(".len"):
            capacity = 32 if "witnesses" in leaf.path else 256
            for place in _places(leaf, {}):
                lengths[place.path] = draw.choice([0, 1, 2, capacity if draw.random() < 0.2 else 3])
    values: dict[str, tuple[Leaf, Any]] = {}
    used = set()
    data[:8] = account_discriminator("CoordinatorAccount")
    for leaf in table:
        if not is_in_use(leaf.path, tags):
            continue
        used.add(leaf)
        for place in _places(leaf, lengths):
            value = _drawn(leaf, draw, tags, lengths, place.path)
            if leaf.path == "version":
                value = version
            values[place.path] = (leaf, value)
            _put(data, leaf, place.offset, value)
    if BYTES_IN_USE in values:
        leaf, whole = values[BYTES_IN_USE]
        values[BYTES_IN_USE] = (leaf, whole[: lengths[BYTES_IN_USE.replace(".data", ".len")]])
    return WrittenImage(bytes(data), values, frozenset(used))


def _places(leaf: Leaf, lengths: dict[str, int]) -> Iterator[Place]:
    """The leaf at each of its indexes that the lengths of the vectors around it allow."""
    names = re.findall(r"\[(\w)\]", leaf.path)
    for indexes in itertools.product(*(range(count) for count, _ in leaf.repetitions)):
        path, offset = leaf.path, leaf.offset
        inside = True
        for name, index, (_, stride) in zip(names, indexes, leaf.repetitions, strict=True):
            vector = path.split(f"[{name}]")[0]
            length = lengths.get(f"{vector.removesuffix('.data')}.len") if vector.endswith(".data") else None
            inside = inside and (length is None or index < length)
            path, offset = path.replace(f"[{name}]", f"[{index}]", 1), offset + index * stride
        if inside:
            yield Place(leaf, path, offset)


def _drawn(leaf: Leaf, draw: random.Random, tags: dict[str, int], lengths: dict[str, int], path: str) -> Any:
    if leaf.type == "tag":
        return tags[leaf.path]
    if path in lengths:
        return lengths[path]
    if leaf.type == "enum":
        return draw.randrange(len(variants(leaf.path)))
    if leaf.type == "text":
        return _text(draw, leaf.size, minimum=1 if leaf.path.endswith(("repo_id", "bucket")) else 0)
    if leaf.type == "bytes":
        return draw.randbytes(leaf.size)
    if leaf.elements is not None:
        return [_number(leaf.type, draw) for _ in range(leaf.elements[0])]
    return _number(leaf.type, draw)


def _number(kind: str, draw: random.Random) -> Any:
    if kind in ("flag", "bool"):
        return draw.randrange(2)
    if kind in ("f32", "f64"):
        value = draw.choice([0.0, -1.5, 1e-30, draw.random()])
        return struct.unpack(FORMATS[kind], struct.pack(FORMATS[kind], value))[0]
    bits = 8 * struct.calcsize(FORMATS[kind])
    return draw.choice([0, 1, 2**bits - 1, draw.randrange(2**bits)])


def _text(draw: random.Random, size: int, minimum: int) -> str:
    text = ""
    for _ in range(draw.choice([minimum, 5, size])):
        longer = text + draw.choice("abz/-.~é東")
        if len(longer.encode()) > size:
            break
        text = longer
    return text


def _put(data: bytearray, leaf: Leaf, offset: int, value: Any) -> None:
    if leaf.type == "text":
        data[offset : offset + leaf.size] = value.encode().ljust(leaf.size, b"\0")
    elif leaf.type == "bytes":
        data[offset : offset + leaf.size] = value
    elif leaf.elements is not None:
        for index, one in enumerate(value):
            struct.pack_into(FORMATS[leaf.type], data, offset + index * leaf.elements[1], one)
    elif leaf.type == "tag":
        data[offset : offset + leaf.size] = value.to_bytes(leaf.size, "little")
    else:
        struct.pack_into(FORMATS[leaf.type], data, offset, value)


def value_at(account: dict[str, Any], leaf: Leaf, path: str) -> Any:
    """The value of a leaf in a decoded account, in the form in which an image has it."""
    found: Any = account
    for step in path.split("."):
        name, *indexes = re.findall(r"[^\[\]]+", step)
        if name == "<tag>":
            return _tag_of(found, leaf.path)
        if name == "len" and isinstance(found, list):
            return len(found)
        if name == "Some" or (name == "data" and isinstance(found, list)):
            pass
        elif "|" in name:
            [found] = [found[one] for one in name.split("|") if one in found]
        else:
            found = found[name]
        for index in indexes:
            found = found[int(index)]
    if leaf.type == "enum":
        return variants(leaf.path).index(found)
    return bytes(found) if leaf.type == "bytes" else found


def _tag_of(value: Any, path: str) -> int:
    names = variants(path)
    if names is OPTION:
        return 0 if value is None else 1
    return names.index(value if isinstance(value, str) else next(iter(value)))
