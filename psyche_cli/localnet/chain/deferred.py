"""Fields of JSON that is made when it is first read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, overload

from psyche_cli.json_values import Json

DeferredJson: TypeAlias = "Json | Callable[[], Json]"
"""JSON, or a function that makes it."""


class Deferred:
    """A field of a dataclass that may be set to a function, which is called when the field is first read."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, record: None, owner: type) -> Deferred: ...

    @overload
    def __get__(self, record: object, owner: type) -> Json: ...

    def __get__(self, record: object | None, owner: type) -> Json:
        if record is None:
            raise AttributeError(self._name)  # dataclasses take what this returns as the default of the field
        value = record.__dict__[self._name]
        if callable(value):
            value = record.__dict__[self._name] = value()
        return value

    def __set__(self, record: object, value: DeferredJson) -> None:
        record.__dict__[self._name] = value
