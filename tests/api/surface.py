"""The names exported by ``psyche_cli.api`` as text: signatures of functions, fields and members of classes.

``python -m tests.api.surface`` writes this text to ``exported_names.txt``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, ForwardRef, is_typeddict

from psyche_cli import api

_DESCRIBED = re.compile(r"""Annotated\[(.+?), (?:'[^']*'|"[^"]*")\]""")
GOLDEN = Path(__file__).with_name("exported_names.txt")


def described() -> str:
    return "".join(f"{line}\n" for name in sorted(api.__all__) for line in _lines(name, getattr(api, name)))


def _lines(name: str, value: Any) -> Iterator[str]:
    if not inspect.isclass(value):
        yield f"{name}{_signature(value)}" if inspect.isfunction(value) else name
        return
    if is_typeddict(value):
        yield f"class {name}(TypedDict)"
        yield from (f"    {key}: {_annotation(kind.__forward_arg__)}" for key, kind in value.__annotations__.items())
        return
    protocol = getattr(value, "_is_protocol", False)
    yield f"class {name}" + ("" if protocol or issubclass(value, Enum) else _signature(value).removesuffix(" -> None"))
    for member in sorted(name for name in dir(value) if not name.startswith("_")):
        found = inspect.getattr_static(value, member)
        if isinstance(found, staticmethod | classmethod):
            found = found.__func__
        if _inherited_from_python(value, member) or _is_in_the_signature(value, member):
            continue
        yield f"    {member}{_signature(found)}" if inspect.isfunction(found) else f"    {member}"


def _inherited_from_python(kind: type, member: str) -> bool:
    """Whether a member is inherited from ``int`` or ``Enum``; these differ between Python versions."""
    owner = next(base for base in kind.__mro__ if member in vars(base))
    return not owner.__module__.startswith("psyche_cli")


def _is_in_the_signature(kind: type, member: str) -> bool:
    """Whether a member is a named tuple's field without a default, which its signature already shows."""
    return member in getattr(kind, "_fields", ()) and member not in getattr(kind, "_field_defaults", ())


def _signature(value: Any) -> str:
    signature = inspect.signature(value)
    parameters = [_parameter(parameter) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=parameters, return_annotation=_annotation(signature.return_annotation)))


def _parameter(parameter: inspect.Parameter) -> inspect.Parameter:
    """The parameter with its annotation as in the source, and a default whose repr is reproducible."""
    default: Any = parameter.default
    if default is api.PUBLISHED:
        default = _Named("PUBLISHED")
    elif inspect.isfunction(default):
        default = _Named(default.__name__)
    elif "Pubkey(" in repr(default):
        default = _Named("...")
    return parameter.replace(default=default, annotation=_annotation(parameter.annotation))


def _annotation(annotation: Any) -> Any:
    """An annotation as in the source, without the description in ``Annotated``."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    return _Named(_DESCRIBED.sub(r"\1", annotation)) if isinstance(annotation, str) else annotation


class _Named:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


if __name__ == "__main__":
    GOLDEN.write_text(described(), encoding="utf-8")
