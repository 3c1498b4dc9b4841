"""A story that several tests read, and histories of it in files of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from psyche_cli.history.file import HistoryFile, history_path
from psyche_cli.history.store import History
from psyche_cli.history.sync import Synced, sync
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.transport import Transport
from tests.history.story import StillStory
from tests.solana.scripted import FakeClock


class Reader:
    """A history in a folder, and the endpoint that it is read from."""

    def __init__(self, folder: Path, run_id: str, genesis_hash: str) -> None:
        self.run_id = run_id
        self.genesis_hash = genesis_hash
        self.clock = FakeClock()
        self.file = HistoryFile(history_path(folder, genesis_hash, run_id))
        self.history = History(self.file)

    def sync(self, transport: Transport) -> Synced:
        """Read what is new from an endpoint, one request at a time."""
        rpc = RpcClient(transport, self.clock)
        return sync(self.file, [rpc], self.run_id, self.genesis_hash, programs=PUBLISHED, clock=self.clock)

    def close(self) -> None:
        """Close the file."""
        self.history.close()

    @property
    def signatures(self) -> list[str]:
        """The transactions of the history in order."""
        return [one.signature for one in self.history.transactions()]


Reading: TypeAlias = Callable[[StillStory], Reader]


@pytest.fixture(scope="session")
def told() -> StillStory:
    """The story of a run id with three incarnations. Tests must not continue it."""
    story = StillStory()
    story.tell()
    return story


@pytest.fixture
def reading(tmp_path: Path) -> Iterator[Reading]:
    """Creates an empty history of a story."""
    readers: list[Reader] = []

    def create(story: StillStory) -> Reader:
        readers.append(Reader(tmp_path / str(len(readers)), story.run_id, str(story.rpc.genesis_hash())))
        return readers[-1]

    yield create
    for reader in readers:
        reader.close()
