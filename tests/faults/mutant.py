"""Versions of the product with an error, which tests must notice."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any


@dataclass(frozen=True)
class Mutant:
    """A function of the product with part of its source replaced."""

    function: Any
    text: str
    instead: str

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Context manager: the function behaves like the mutant, wherever it was imported."""
        function = inspect.unwrap(self.function)
        original = function.__code__
        self.apply()
        try:
            yield
        finally:
            function.__code__ = original

    def apply(self) -> None:
        """Make the function behave like the mutant from now on."""
        module = inspect.getmodule(self.function)
        assert module is not None
        whole, part = inspect.getsource(module), inspect.getsource(self.function)
        assert part.count(self.text) == 1, f"{self.text} is not in {self.function.__qualname__} any more"
        changed = whole.replace(part, part.replace(self.text, self.instead))
        namespace = dict(vars(module))
        exec(compile(changed, str(module.__file__), "exec"), namespace)
        found: Any = namespace
        for name in self.function.__qualname__.split("."):
            found = found[name] if found is namespace else getattr(found, name)
        assert isinstance(found, FunctionType)
        inspect.unwrap(self.function).__code__ = inspect.unwrap(found).__code__
