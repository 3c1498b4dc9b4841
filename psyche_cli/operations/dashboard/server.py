"""The HTTP server of the dashboard: the page, its documents, and a stream of new ones (server-sent events)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from psyche_cli.operations.dashboard.documents import TransactionPage
from psyche_cli.operations.dashboard.hub import LIST_TOPIC, Hub, Listener
from psyche_cli.operations.dashboard.page import live_page
from psyche_cli.operations.dashboard.page_server import HEADERS, PageServer, refused
from psyche_cli.operations.dashboard.texts import document_text
from psyche_cli.operations.dashboard.transaction_log import RowFilter
from psyche_cli.operations.serving.threads import in_daemon_thread

if TYPE_CHECKING:
    import socket
    import threading

    from psyche_cli.operations.dashboard.dashboard import Dashboard
    from psyche_cli.operations.dashboard.run_feed import RunFeed

_FIRST_SECONDS: Final = 5.0
"""How long a request waits for a document that was never read before."""
_STATUS_SECONDS: Final = 10.0
_DELIVERY_SECONDS: Final = 20.0
_RETRY_MILLISECONDS: Final = 2_000
_PAGE_SIZE: Final = 50
_LARGEST_PAGE: Final = 200
_LAST_ID: Final = 10**18 - 1
_RUN: Final = re.compile(r"/api/runs/([1-9A-HJ-NP-Za-km-z]{32,44})(/curves|/transactions)?")
_NUMBER: Final = re.compile(r"[0-9]{1,18}")


class DashboardServer(PageServer):
    """Serves a page at a bound socket, with the documents of a dashboard. ``redacted`` removes secrets from them.

    A listener that does not read for ``delivery_seconds`` is dropped.
    """

    def __init__(
        self,
        dashboard: Dashboard,
        hub: Hub,
        bound: socket.socket,
        *,
        token: str,
        redacted: Callable[[str], str],
        report: Callable[[str], None],
        delivery_seconds: float = _DELIVERY_SECONDS,
    ) -> None:
        super().__init__(live_page(), bound, token=token, report=report)
        self._dashboard = dashboard
        self._hub = hub
        self._redacted = redacted
        self._delivery_seconds = delivery_seconds
        self._streams: set[asyncio.Task[Any]] = set()

    def end_streams(self) -> None:
        """End the streams of events."""
        for stream in self._streams.copy():
            stream.cancel()

    async def document(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        """A document, or a stream of new ones. Raises MonitoringError if there are too many."""
        runs = self._dashboard.runs
        if path == "/api/updates":
            return await self._updates(request)
        if path == "/api/runs":
            runs.touch()
            await _first(runs.read_once)
            return self._json(runs.document)
        found = _RUN.fullmatch(path)
        if found is None:
            return refused(404, "There is nothing at this path.")
        address, part = found.groups()
        feed = await self._feed(address)
        if feed is None:
            return refused(404, f"The run {address} does not exist.")
        await _first(feed.read_once, feed.told_once)
        if part == "/curves":
            return self._json(feed.curves)
        if part == "/transactions":
            return await self._transactions(request, feed)
        return self._json(feed.document)

    async def _feed(self, address: str) -> RunFeed | None:
        runs = self._dashboard.runs
        if runs.run_id(address) is None:
            runs.touch()
            await _first(runs.read_once)
        return self._dashboard.run(address)

    async def _transactions(self, request: web.BaseRequest, feed: RunFeed) -> web.StreamResponse:
        query = request.query
        numbers = query.get("limit", str(_PAGE_SIZE)), query.get("before", str(_LAST_ID))
        if not all(map(_NUMBER.fullmatch, numbers)):
            return refused(400, "limit and before must be numbers.")
        limit, before = min(int(numbers[0]), _LARGEST_PAGE), int(numbers[1])
        only = RowFilter(query.get("kind", ""), query.get("signer", ""), query.get("failed", "") == "1")
        page = await in_daemon_thread(lambda: feed.page(limit, before, only))
        return self._json(page or TransactionPage(0, []))

    # --- events -----------------------------------------------------------------------------------------------------

    async def _updates(self, request: web.BaseRequest) -> web.StreamResponse:
        address = request.query.get("run", LIST_TOPIC)
        feed = None if address == LIST_TOPIC else await self._feed(address)
        if address != LIST_TOPIC and feed is None:
            return refused(404, "The run does not exist.")
        listener = self._hub.listen(address)
        task = asyncio.current_task()
        assert task is not None  # a request is answered in one
        self._streams.add(task)
        try:
            return await self._stream(request, listener, feed)
        finally:
            self._streams.discard(task)
            self._hub.leave(listener)

    async def _stream(self, request: web.BaseRequest, listener: Listener, feed: RunFeed | None) -> web.StreamResponse:
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        await self._send(request, response, f"retry: {_RETRY_MILLISECONDS}\n\n{self._current(feed)}")
        while True:
            found = await listener.take(_STATUS_SECONDS)
            source = self._dashboard.runs if feed is None else feed
            source.touch()
            if not any(event == "status" for event, _ in found):
                found.append(("status", document_text(source.status, self._redacted)))
            await self._send(request, response, "".join(_event(*one) for one in found))

    def _current(self, feed: RunFeed | None) -> str:
        """What is known now, as events."""
        documents: list[tuple[str, object]] = []
        runs = self._dashboard.runs
        if feed is None:
            documents.append(("status", runs.status))
            if runs.read_once.is_set():
                documents.append(("runs", runs.document))
        else:
            documents.append(("status", feed.status))
            if feed.read_once.is_set():
                documents.append(("run", feed.document))
            if feed.curves is not None:
                documents.append(("curves", feed.curves))
        return "".join(_event(name, document_text(document, self._redacted)) for name, document in documents)

    async def _send(self, request: web.BaseRequest, response: web.StreamResponse, text: str) -> None:
        """Send events. A listener that does not take them in time is dropped, with what it has not taken."""
        try:
            await asyncio.wait_for(response.write(text.encode()), self._delivery_seconds)
        except asyncio.TimeoutError as error:
            if request.transport is not None:
                request.transport.abort()  # closing it would wait for the listener
            raise ConnectionResetError("the listener does not read") from error

    def _json(self, document: object) -> web.Response:
        text = document_text(document, self._redacted)
        return web.Response(body=text.encode(), content_type="application/json", headers=HEADERS)


def _event(name: str, text: str) -> str:
    return f"event: {name}\ndata: {text}\n\n"


async def _first(*events: threading.Event) -> None:
    """Wait a little for documents that were never read before."""
    for event in events:
        if not event.is_set():
            await in_daemon_thread(lambda event=event: event.wait(_FIRST_SECONDS))  # type: ignore[misc]
