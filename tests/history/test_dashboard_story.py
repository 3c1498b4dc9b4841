"""What the dashboard tells of a history whose latest transactions were dropped with a fork."""

from __future__ import annotations

from contextlib import closing

from psyche_cli.operations.dashboard.story import RunStory
from psyche_cli.protocol.programs import PUBLISHED
from tests.history.conftest import Reading
from tests.history.endpoints import Partial
from tests.history.story import StillStory
from tests.history.test_gaps import slots_of


def test_a_story_begins_anew_after_a_fork(told: StillStory, reading: Reading) -> None:
    slots = slots_of(told)
    last = told.recorded[-1]
    dropped = {one for one in told.recorded[-40:-1:3] if slots[one] < slots[last]}
    reader = reading(told)
    reader.sync(Partial(told.transport(), slots, finalized=min(slots[one] for one in dropped) - 1))
    with closing(RunStory(reader.history, PUBLISHED)) as story, closing(RunStory(reader.history, PUBLISHED)) as fresh:
        assert story.update(lambda _: True)
        total = story.log.total
        assert not story.update(lambda _: True)
        reader.sync(Partial(told.transport(), slots, hidden=dropped))
        assert story.update(lambda _: True)
        fresh.update(lambda _: True)
        assert story.log.total < total
        assert story.log.page(total) == fresh.log.page(total)
        assert (story.course.spans, story.course.epochs) == (fresh.course.spans, fresh.course.epochs)
