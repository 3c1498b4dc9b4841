"""Command lines that run at the same time, each on a computer of its own, whose requests take turns."""

from __future__ import annotations

import contextlib
import random
import sys
import threading
from pathlib import Path

from psyche_cli.transport import Transport
from tests.cli.conftest import House
from tests.cli.harness import CommandLine, Outcome
from tests.support.patience import PATIENCE


class _Turns:
    """Lets one of several threads continue at a time; which one, is up to chance."""

    def __init__(self, count: int, chance: random.Random) -> None:
        self._here = threading.Condition()
        self._waiting: set[int] = set()
        self._left = set(range(count))
        self._turn: int | None = None
        self._chance = chance

    def take(self, me: int) -> None:
        """Wait until all others wait or have ended, and it is the turn of this thread."""
        with self._here:
            self._waiting.add(me)
            self._choose()
            assert self._here.wait_for(lambda: self._turn == me, PATIENCE)
            self._waiting.remove(me)

    def end(self, me: int) -> None:
        """This thread takes no more turns."""
        with self._here:
            self._left.remove(me)
            self._choose()

    def _choose(self) -> None:
        if self._waiting and self._waiting == self._left:
            self._turn = self._chance.choice(sorted(self._waiting))
            self._here.notify_all()


class _TakingTurns:
    """A transport whose every request waits for the turn of its computer."""

    def __init__(self, inner: Transport, turns: _Turns, me: int) -> None:
        self._inner, self._turns, self._me = inner, turns, me

    @property
    def label(self) -> str:
        return self._inner.label

    def send(self, body: bytes, *, timeout: float) -> bytes:
        self._turns.take(self._me)
        return self._inner.send(body, timeout=timeout)

    def close(self) -> None:
        self._inner.close()


def at_once(house: House, folder: Path, words: list[list[object]], chance: random.Random) -> list[Outcome]:
    """Run command lines at once. Each has its own home and state folder, and waits before each request."""
    turns = _Turns(len(words), chance)
    outcomes: dict[int, Outcome] = {}

    def run(me: int) -> None:
        home = folder / f"computer-{me}"
        home.mkdir(exist_ok=True)

        def connect(url: str) -> Transport:
            return _TakingTurns(house.chain.transport(url), turns, me)

        try:
            cli = CommandLine(home, connect, house.cli.variables, house.cli.clock)
            outcomes[me] = cli(*words[me], "--state-dir", home / "state")
        finally:
            turns.end(me)

    threads = [threading.Thread(target=run, args=(me,), daemon=True) for me in range(len(words))]
    with contextlib.redirect_stderr(sys.stderr):  # each command redirects it, and may restore that of another one
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    return [outcomes[me] for me in range(len(words))]
