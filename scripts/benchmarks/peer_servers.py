"""Servers that answer every request like ``getHealth``: ``python -m scripts.benchmarks.peer_servers KIND``.

``raw`` is an asyncio protocol that does not even read the request; ``aiohttp`` does what the local validator once did.
Prints the port.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web

_BODY = b'{"jsonrpc":"2.0","result":"ok","id":1}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(_BODY), _BODY)


class RawProtocol(asyncio.Protocol):
    """Answers whatever arrives."""

    _transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 -- the interface of asyncio
        """Called by asyncio."""
        self._transport.write(_ANSWER)


async def _answer(request: web.BaseRequest) -> web.Response:
    from aiohttp import web

    asked = json.loads(await request.read())
    text = json.dumps({"jsonrpc": "2.0", "result": "ok", "id": asked["id"]})
    return web.Response(body=text.encode(), content_type="application/json")


async def main(kind: str) -> None:
    """Serve until the process ends."""
    factory: Callable[[], asyncio.BaseProtocol] = RawProtocol
    if kind == "aiohttp":
        from aiohttp import web

        factory = web.Server(_answer)
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
