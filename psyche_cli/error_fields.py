"""Exceptions with typed fields, which type checkers know from the annotations of a class as they do for dataclasses.

Nothing is generated at import, unlike with dataclasses: all errors together would cost ``--help`` tens of milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: object) -> Any:
        """At run time, nothing."""
        return lambda kind: kind


def positional(*, kw_only: bool) -> Any:
    """Marks a field that is given by its position."""
    del kw_only


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(positional,))
class ErrorWithFields(Exception):
    """An exception whose annotated class attributes are keyword arguments of its constructor.

    The first argument is the message. An attribute without a value in its class must be given. ``always_shown`` are
    fields that ``shown_fields`` has also when they are as in the class.
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
        """Every field that was given another value than the class has, by name; neither the message nor the hint."""
        names = [name for name in field_names(type(self)) if name not in ("message", "hint")]
        return {
            name: getattr(self, name)
            for name in names
            if name in self.always_shown or getattr(self, name) != getattr(type(self), name, None)
        }


def field_names(kind: type[ErrorWithFields]) -> list[str]:
    """The fields of an error class, those of its bases first."""
    names: dict[str, None] = {}
    for base in reversed(kind.__mro__):
        if base is not ErrorWithFields and issubclass(base, ErrorWithFields):
            annotations: dict[str, str] = vars(base).get("__annotations__", {})
            names |= {name: None for name, text in annotations.items() if not text.startswith("ClassVar")}
    return [*names]
