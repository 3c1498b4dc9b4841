"""The wait of the daemon's loops, which a cancellation always ends."""

from __future__ import annotations

import asyncio

from psyche_cli.workers.daemon.waiting import wait_at_most


async def _cancelled_when_set() -> bool:
    event, waits = asyncio.Event(), 0

    async def loop() -> None:
        nonlocal waits
        while waits < 2:
            waits += 1
            await wait_at_most(event, 60)

    task = asyncio.create_task(loop())
    await asyncio.sleep(0)  # it waits
    await asyncio.sleep(0)  # the event is waited for
    event.set()
    await asyncio.sleep(0)  # the event's waiter is done, and the loop is about to continue
    task.cancel()
    await asyncio.wait((task,))
    return task.cancelled() and waits == 1


def test_a_cancellation_is_not_lost_when_the_event_is_set_at_the_same_time() -> None:
    assert asyncio.run(_cancelled_when_set())


def test_the_wait_ends_with_the_event_and_after_its_time() -> None:
    async def waits() -> list[bool]:
        event, late = asyncio.Event(), []
        await wait_at_most(event, 0.001)
        late.append(event.is_set())
        asyncio.get_running_loop().call_soon(event.set)
        await wait_at_most(event, 60)
        return [*late, event.is_set()]

    assert asyncio.run(waits()) == [False, True]
