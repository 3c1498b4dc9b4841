"""Fields of JSON that is made when it is first read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, overload

from psyche_cli.json_values import Json

DeferredJson: TypeAlias = "Json | Callable[[], Json]"
"""JSON, or a function that makes it."""


class Deferred:
    """A field of a dataclass that may be set to a function, which is called when the field is first read.

    An empty list takes no memory of its own: many records are kept, whose lists are mostly empty.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name
        self._stored = f"_{name}"

    @overload
    def __get__(self, record: None, owner: type) -> Deferred: ...

    @overload
    def __get__(self, record: object, owner: type) -> Json: ...

    def __get__(self, record: object | None, owner: type) -> Json:
        if record is None:
            raise AttributeError(self._name)  # dataclasses take what this returns as the default of the field
        value = getattr(record, self._stored)
        if callable(value):
            value = value()
            self.__set__(record, value)
        return [] if value == () else value

    def __set__(self, record: object, value: DeferredJson) -> None:
        # Not through __dict__: as long as nobody asks for it, an instance needs no dictionary.
        setattr(record, self._stored, () if value == [] else value)


def stored_name(owner: type, name: str) -> str:
    """The name of the attribute that has what a field was set to: of a deferred one, JSON or a function."""
    return f"_{name}" if isinstance(vars(owner).get(name), Deferred) else name
