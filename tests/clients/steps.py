"""Sessions of dependent steps, each of which is a separate test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import pytest

_Session = TypeVar("_Session")


class Played:
    """The outcome of each step. Steps after a failed one are not run."""

    def __init__(self) -> None:
        self._ended: dict[str, BaseException | None] = {}

    def note(self, name: str, error: BaseException | None = None) -> None:
        """Record the outcome of a step."""
        assert name not in self._ended, f"two steps are called {name}"
        self._ended[name] = error

    def check(self, name: str) -> None:
        """Raise the exception of the step, if any. Fails if the step was not run."""
        if name not in self._ended:
            pytest.fail(f"not tried, because a step before it failed: {[*self._ended][-1:]}")
        error = self._ended[name]
        if error is not None:
            raise error


def play(steps: Sequence[Callable[[_Session], None]], session: _Session) -> Played:
    """Run the steps in order."""
    played = Played()
    for step in steps:
        try:
            step(session)
        except (Exception, pytest.fail.Exception) as error:
            played.note(step.__name__, error)
            break
        played.note(step.__name__)
    return played


async def play_async(
    steps: Sequence[Callable[[_Session], Awaitable[None]]],
    session: _Session,
    *,
    before: Callable[[], None] = lambda: None,
) -> Played:
    """The same with steps that are coroutines; ``before`` is called before each."""
    played = Played()
    for step in steps:
        before()
        try:
            await step(session)
        except (Exception, pytest.fail.Exception) as error:
            played.note(step.__name__, error)
            break
        played.note(step.__name__)
    return played


def a_test_of_each(steps: Sequence[Callable[..., object]]) -> Callable[[Played, str], None]:
    """One test per step, which uses the fixture ``played`` of its module."""

    @pytest.mark.parametrize("step", [step.__name__ for step in steps])
    def test_step(played: Played, step: str) -> None:
        played.check(step)

    return test_step
