"""Sends notifications: to webhooks with httpx, and to everything else that apprise reaches.

A notification is removed once its destination has accepted it. If the process ends in between, it is sent again with
the same idempotency key: every notification is delivered at least once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from psyche_cli import __version__
from psyche_cli.errors import MonitoringError
from psyche_cli.extras import install_hint
from psyche_cli.operations.monitoring.alarm_file import Failing
from psyche_cli.operations.serving.threads import in_daemon_thread
from psyche_cli.printable import printable

if TYPE_CHECKING:
    from psyche_cli.environment import Clock
    from psyche_cli.operations.monitoring.alarm_file import AlarmFile, Notification
    from psyche_cli.operations.monitoring.rules import Destination

ATTEMPT_SECONDS: Final = 10.0
"""The time limit of one attempt, including the response."""

_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 600.0
_MOST_AGE: Final = 7 * 86_400.0
_LONGEST_BODY: Final = 65_536
_OK: Final = range(200, 300)


class Delivered(NamedTuple):
    """The result of sending: notifications that were accepted, and that wait, and the destinations that fail, with the
    reasons."""

    accepted: int
    waiting: int
    failed: Mapping[str, str]


def check_destinations(destinations: Sequence[Destination]) -> None:
    """Raise MonitoringError unless the packages for all destinations are installed and understand their URLs."""
    for one in destinations:
        if one.kind == "apprise" and _apprise_sender(one) is None:
            raise MonitoringError(
                f"apprise does not understand the URL of the destination {one.name!r}.",
                hint="See the list of services in apprise's documentation.",
            )


def deliver(
    file: AlarmFile, destinations: Sequence[Destination], clock: Clock, report: Callable[[str], None]
) -> Delivered:
    """Send the notifications that wait, in order, to all destinations at the same time.

    A destination that fails is tried again later, after pauses that grow from 5 seconds to 10 minutes. ``report`` gets
    a line when it begins to fail and when it accepts notifications again. Raises MonitoringError.
    """
    known = {one.name: one for one in destinations}
    now = clock.unix_time()
    with file.changing() as alarms:
        for one in alarms.waiting():
            is_known = one.destination in known
            if is_known and now - one.created_at <= _MOST_AGE:
                continue
            alarms.remove(one.id)
            why = "it could not be delivered for 7 days" if is_known else "the rules file no longer has it"
            report(f"A notification for the destination {one.destination!r} was given up: {why}.")
        queues = {name: [one for one in alarms.waiting() if one.destination == name] for name in known}
        failing = {name: alarms.failing(name) for name in known}
    due = {name: queue for name, queue in queues.items() if queue and failing[name].next_attempt_at <= now}
    outcomes = asyncio.run(_send_all(file, due, known)) if due else {}
    failed = {}
    with file.changing() as alarms:
        for name in due:
            before, reason = failing[name], outcomes[name]
            if reason:
                failed[name] = reason
                pause = min(_FIRST_PAUSE * 2**before.attempts, _LONGEST_PAUSE)
                alarms.set_failing(name, Failing(before.attempts + 1, clock.unix_time() + pause, True))
                if not before.reported:
                    report(f"The destination {name!r} failed: {reason}. Its notifications are sent again later.")
            else:
                alarms.set_failing(name, Failing())
                if before.reported:
                    report(f"The destination {name!r} accepts notifications again.")
        left = alarms.waiting()
        failed |= {one.destination: "it failed before" for one in left if one.destination not in failed}
    return Delivered(sum(map(len, queues.values())) - len(left), len(left), failed)


async def _send_all(
    file: AlarmFile, queues: Mapping[str, Sequence[Notification]], known: Mapping[str, Destination]
) -> dict[str, str]:
    """Send each queue up to the first failure. Returns the reason by destination; empty for success."""
    reasons = await asyncio.gather(*(_send_queue(file, known[name], queue) for name, queue in queues.items()))
    return dict(zip(queues, reasons, strict=True))


async def _send_queue(file: AlarmFile, to: Destination, queue: Sequence[Notification]) -> str:
    send = _send_to_webhook if to.kind == "webhook" else _send_with_apprise
    for one in queue:
        try:
            reason = await asyncio.wait_for(send(to, one), ATTEMPT_SECONDS)
        except asyncio.TimeoutError:
            reason = f"it did not respond within {ATTEMPT_SECONDS:.0f} seconds"
        if reason:
            return reason
        with file.changing() as alarms:
            alarms.remove(one.id)
    return ""


async def _send_to_webhook(to: Destination, one: Notification) -> str:
    """Why a webhook did not accept a notification, without anything that it has sent; empty if it did.

    Redirects are not followed: the notification and the secrets of its URL are only for the destination.
    """
    import httpx

    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": one.id,
        "User-Agent": f"psyche-cli/{__version__}",
    }
    try:
        async with (
            httpx.AsyncClient(timeout=ATTEMPT_SECONDS, follow_redirects=False) as client,
            client.stream("POST", to.url, content=one.body.encode(), headers=headers) as answer,
        ):
            size = 0
            async for chunk in answer.aiter_raw():  # so that the connection ends properly
                size += len(chunk)
                if size > _LONGEST_BODY:
                    break
            status = answer.status_code
    except httpx.TimeoutException:
        return f"it did not respond within {ATTEMPT_SECONDS:.0f} seconds"
    except httpx.ConnectError:
        return "it cannot be reached"
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError):
        return "the connection failed, or its URL is not valid"
    if status in _OK:
        return ""
    redirects = ", a redirect, which is not followed" if 300 <= status < 400 else ""
    return f"it responded with HTTP status {status}{redirects}"


async def _send_with_apprise(to: Destination, one: Notification) -> str:
    """Why apprise could not send a notification; empty if it could."""
    body: Mapping[str, Any] = json.loads(one.body)
    kinds = {"info": "info", "warning": "warning", "critical": "failure"}
    kind = "success" if body["event"] == "cleared" else kinds[body["severity"]]
    sender = _apprise_sender(to)
    assert sender is not None  # check_destinations has tried it

    def send() -> bool:
        try:
            return bool(sender.notify(title=printable(body["title"]), body=text_of(body), notify_type=kind))
        except Exception:  # of a plugin, whose message may contain the URL
            return False

    # A daemon thread, because apprise's own time limits are per request.
    return "" if await in_daemon_thread(send) else "apprise could not send the notification"


def text_of(body: Mapping[str, Any]) -> str:
    """A notification as plain text."""
    rows = [f"{row['name']}: {row['value']}" for row in body["evidence"]]
    lines = [body["sentence"], "", *rows, f"severity: {body['severity']}", f"id: {body['id']}"]
    return "\n".join(map(printable, lines))


def _apprise_sender(to: Destination) -> Any | None:
    """What sends to a destination of apprise; None if apprise does not understand its URL. Raises MonitoringError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what apprise imports
        try:
            import apprise
        except ImportError as error:
            raise MonitoringError(
                "Destinations of the kind apprise need the package apprise, which is not installed.",
                hint=install_hint("notify"),
            ) from error
        logger = logging.getLogger("apprise")  # its lines contain URLs
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
        sender = apprise.Apprise()
        return sender if sender.add(to.url) else None
