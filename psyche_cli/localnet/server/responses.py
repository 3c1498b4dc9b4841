"""HTTP responses as bytes, with the headers that let pages of any origin read them (CORS)."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Final

JSON: Final = b"application/json; charset=utf-8"
TEXT: Final = b"text/plain; charset=utf-8"
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_PREFLIGHT_SECONDS: Final = 86_400
_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class _Date:
    """The header ``Date``, composed once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._header = b""

    def header(self) -> bytes:
        second = int(time.time())
        if second != self._second:
            now = time.gmtime(second)
            self._second = second
            self._header = (
                f"Date: {_DAYS[now.tm_wday]}, {now.tm_mday:02} {_MONTHS[now.tm_mon - 1]} {now.tm_year} "
                f"{now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02} GMT\r\n"
            ).encode()
        return self._header


_date: Final = _Date()


def head(
    status: int, length: int, content_type: bytes = JSON, *, headers: bytes = b"", connection: bytes = b""
) -> bytes:
    """The head of a response with a body of ``length`` bytes.

    ``headers`` are complete lines; ``connection`` is the value of the header ``Connection``, if it must be sent.
    """
    kind = b"Content-Type: %b\r\n" % content_type if length else b""
    persistence = b"Connection: %b\r\n" % connection if connection else b""
    return b"%b%b%bAccess-Control-Allow-Origin: *\r\n%b%bContent-Length: %d\r\n\r\n" % (
        _STATUS_LINES[status], _date.header(), kind, headers, persistence, length,
    )  # fmt: skip


def preflight_headers(asked: bytes | None, *, private_network: bool) -> bytes:
    """The headers that answer a browser's question whether a page may send a request.

    ``asked`` are the headers that the page wants to send. They are repeated, since ``*`` does not include all of them
    (not ``Authorization``). ``private_network`` answers a public page that asks whether it may reach this machine.
    """
    lines = [
        b"Access-Control-Allow-Methods: POST, GET, OPTIONS",
        b"Access-Control-Allow-Headers: " + (asked or b"*"),
        b"Access-Control-Max-Age: %d" % _PREFLIGHT_SECONDS,
    ]
    if private_network:
        lines.append(b"Access-Control-Allow-Private-Network: true")
    return b"".join(line + b"\r\n" for line in lines)
