"""Decompression of HTTP response bodies in chunks, with detection of truncated bodies."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPResponse, IncompleteRead
from typing import Any

ACCEPTED_CODINGS = "gzip, zstd"
"""The value of ``Accept-Encoding``."""

_PIECE = 64 * 1024


class DecompressionError(Exception):
    """The body is not valid in its ``Content-Encoding``."""


def unpacked_pieces(response: HTTPResponse) -> Iterator[bytes]:
    """The decompressed body in chunks of at most 64 KiB each.

    Raises DecompressionError, IncompleteRead if the body is missing or shorter than its declared length, and the
    exceptions of socket reads.
    """
    reader = _unpacking(response)
    read_anything = False
    while True:
        try:
            piece = reader.read(_PIECE)
        except Exception as error:
            if reader is response or not _is_about_compression(error):
                raise
            raise DecompressionError from error
        if not piece:
            break
        read_anything = True
        yield piece
    # HTTPResponse.read does not report a body that ends early. A body without a declared length ends with the
    # connection, so if it is empty, the headers were truncated.
    missing = response.length
    if (missing is not None and missing > 0) or (missing is None and not response.chunked and not read_anything):
        raise IncompleteRead(b"", missing)


def _unpacking(response: HTTPResponse) -> Any:
    """A reader of the decompressed body."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding == "identity":
        return response
    if coding in ("gzip", "x-gzip"):
        import gzip

        return gzip.GzipFile(fileobj=response, mode="rb")
    if coding == "zstd":
        import zstandard

        return zstandard.ZstdDecompressor().stream_reader(response, read_across_frames=True)
    raise DecompressionError


def _is_about_compression(error: Exception) -> bool:
    import zlib

    import zstandard

    # EOFError: truncated gzip data.
    return isinstance(error, (zlib.error, zstandard.ZstdError, EOFError)) or type(error).__name__ == "BadGzipFile"
