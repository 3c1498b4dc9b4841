"""The body of an HTTP answer: unpacked piece by piece, whole, and never larger than allowed."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPResponse, IncompleteRead
from typing import Any

ACCEPTED_CODINGS = "gzip, zstd"
"""The value of ``Accept-Encoding``."""

_PIECE = 64 * 1024


class WronglyCompressed(Exception):
    """The body is not what its ``Content-Encoding`` says."""


def unpacked_pieces(response: HTTPResponse) -> Iterator[bytes]:
    """The body in pieces of at most 64 KiB, however much they unfold to.

    Raises WronglyCompressed, IncompleteRead when the body is shorter than announced or missing altogether, and what
    reading from a socket raises.
    """
    reader = _unpacking(response)
    read_anything = False
    while True:
        try:
            piece = reader.read(_PIECE)
        except Exception as error:
            if reader is response or not _is_about_compression(error):
                raise
            raise WronglyCompressed from error
        if not piece:
            break
        read_anything = True
        yield piece
    # HTTPResponse.read says nothing of a body that ends early. One whose length is not announced ends with the
    # connection, so none at all is a head that ended early.
    missing = response.length
    if (missing is not None and missing > 0) or (missing is None and not response.chunked and not read_anything):
        raise IncompleteRead(b"", missing)


def _unpacking(response: HTTPResponse) -> Any:
    """A reader of the unpacked body."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding == "identity":
        return response
    if coding in ("gzip", "x-gzip"):
        import gzip

        return gzip.GzipFile(fileobj=response, mode="rb")
    if coding == "zstd":
        import zstandard

        return zstandard.ZstdDecompressor().stream_reader(response, read_across_frames=True)
    raise WronglyCompressed


def _is_about_compression(error: Exception) -> bool:
    import zlib

    import zstandard

    # EOFError: gzip data that ends early.
    return isinstance(error, (zlib.error, zstandard.ZstdError, EOFError)) or type(error).__name__ == "BadGzipFile"
