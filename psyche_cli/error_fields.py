"""Exceptions with typed fields, declared by class annotations that type checkers treat like those of a dataclass.

Unlike dataclasses, these classes generate no code at import; for all errors that would add tens of milliseconds to
``--help``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: object) -> Any:
        """Has no effect at run time."""
        return lambda kind: kind


def positional(*, kw_only: bool) -> Any:
    """Marks a field that is a positional argument of the constructor."""
    del kw_only


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(positional,))
class ErrorWithFields(Exception):
    """An exception whose annotated class attributes are keyword arguments of its constructor.

    The first argument is the message. An attribute without a default is required. ``always_shown`` names fields that
    ``shown_fields`` includes even if they have their default value.
    """

    always_shown: ClassVar[tuple[str, ...]] = ()

    def __init__(self, message: str, **fields: object) -> None:
        super().__init__(message)
        self.message = message
        known = field_names(type(self))
        for name, value in fields.items():
            if name not in known:
                raise TypeError(f"{type(self).__name__} has no field {name}")
            setattr(self, name, value)
        missing = [name for name in known if not hasattr(self, name)]
        if missing:
            raise TypeError(f"{type(self).__name__} needs {', '.join(missing)}")

    def shown_fields(self) -> dict[str, Any]:
        """Fields whose value differs from the default, by name, without the message and the hint."""
        names = [name for name in field_names(type(self)) if name not in ("message", "hint")]
        return {
            name: getattr(self, name)
            for name in names
            if name in self.always_shown or getattr(self, name) != getattr(type(self), name, None)
        }


def field_names(kind: type[ErrorWithFields]) -> list[str]:
    """The field names of an error class, base class fields first."""
    names: dict[str, None] = {}
    for base in reversed(kind.__mro__):
        if base is not ErrorWithFields and issubclass(base, ErrorWithFields):
            annotations: dict[str, str] = vars(base).get("__annotations__", {})
            names |= {name: None for name, text in annotations.items() if not text.startswith("ClassVar")}
    return [*names]
