"""Hypothesis strategies of the argument values of any instruction in the IDLs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from solders.pubkey import Pubkey

from psyche_cli.protocol.instructions.idl_decoder import snake_case
from psyche_cli.resources import PSYCHE_PROGRAM_NAMES, idl_path

IDLS = {program: json.loads(idl_path(program).read_text(encoding="utf-8")) for program in PSYCHE_PROGRAM_NAMES}
INSTRUCTIONS = [(program, entry) for program, idl in IDLS.items() for entry in idl["instructions"]]
KEYS = st.binary(min_size=32, max_size=32).map(Pubkey)

_WHOLE = {"u8": (0, 8), "u16": (0, 16), "u32": (0, 32), "u64": (0, 64), "i32": (31, 31), "i64": (63, 63)}


def arguments(program: str, entry: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The arguments of an instruction, by name."""
    types = {item["name"]: item["type"] for item in IDLS[program].get("types", ())}
    return st.fixed_dictionaries({snake_case(one["name"]): _values(one["type"], types) for one in entry["args"]})


def _values(kind: Any, types: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if isinstance(kind, str):
        return _simple(kind)
    ((form, inner),) = kind.items()
    if form == "option":
        return st.none() | _values(inner, types)
    if form == "vec":
        return st.lists(_values(inner, types), max_size=3)
    if form == "array":
        element, length = inner
        if element == "u8":
            return st.binary(min_size=length, max_size=length)
        return st.lists(_values(element, types), min_size=length, max_size=length)
    return _defined(inner, types)


def _simple(kind: str) -> st.SearchStrategy[Any]:
    if kind in _WHOLE:
        below, above = _WHOLE[kind]
        return st.integers(-(2**below) if below else 0, 2**above - 1)
    if kind in ("f32", "f64"):
        return st.floats(width=int(kind[1:]), allow_nan=False)  # type: ignore[arg-type]
    return {"bool": st.booleans(), "string": st.text(max_size=20), "bytes": st.binary(max_size=40), "publicKey": KEYS}[
        kind
    ]


def _defined(name: str, types: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    definition = types[name]
    if name.startswith("FixedString"):
        size = definition["fields"][0]["type"]["array"][1]
        return st.text(max_size=size).filter(lambda text: len(text.encode()) <= size and not text.endswith("\0"))
    if name.startswith("FixedVec"):
        element, capacity = definition["fields"][0]["type"]["array"]
        return st.lists(_values(element, types), max_size=capacity)
    if definition["kind"] == "struct":
        return _fields(definition["fields"], types)
    return st.one_of(
        [
            _payload(variant["fields"], types).map(lambda value, name=variant["name"]: {name: value})  # type: ignore[misc]
            if "fields" in variant
            else st.just(variant["name"])
            for variant in definition["variants"]
        ]
    )


def _payload(fields: list[Any], types: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    named = isinstance(fields[0], Mapping) and "name" in fields[0]
    return _fields(fields, types) if named else _values(fields[0], types)


def _fields(fields: list[Any], types: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({snake_case(field["name"]): _values(field["type"], types) for field in fields})
