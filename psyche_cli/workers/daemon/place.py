"""Calls engines outside of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, TypeVar

from psyche_cli.workers.engines.engine import Engine

_THREADS: Final = 8

_Result = TypeVar("_Result")


class Place:
    """An engine with threads of its own, in which it is called.

    An engine that does not respond thus delays no other engine. The threads do not keep the process from ending.
    """

    def __init__(self, engine: Engine) -> None:
        self.has_scheduler = engine.has_scheduler
        self._engine = engine
        self._work: SimpleQueue[tuple[Future[Any], Callable[[Engine], Any]] | None] = SimpleQueue()
        for _ in range(_THREADS):
            Thread(target=self._serve, name="engine", daemon=True).start()

    async def call(self, what: Callable[[Engine], _Result]) -> _Result:
        """Call a function with the engine."""
        future: Future[_Result] = Future()
        self._work.put((future, what))
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Close the engine and end the threads that wait. Workers continue."""
        self._engine.close()
        for _ in range(_THREADS):
            self._work.put(None)

    def _serve(self) -> None:
        while (item := self._work.get()) is not None:
            future, what = item
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(what(self._engine))
                except BaseException as error:
                    future.set_exception(error)
