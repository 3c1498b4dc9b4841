"""Compressed responses: decompression, invalid encodings, and the size limit after decompression."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from contextlib import closing

import pytest
import zstandard

from psyche_cli.errors import BadRpcResponse
from psyche_cli.solana.rpc.http import LARGEST_ANSWER, HttpTransport
from tests.solana.http_servers import Serve, answering, failure
from tests.support.patience import PATIENCE

TEXT = b'{"jsonrpc":"2.0"}' * 10_000


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("GZIP", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])),
        ("x-gzip", gzip.compress(TEXT)),
        ("zstd", zstandard.compress(TEXT)),
        ("zstd", zstandard.compress(TEXT[:100]) + zstandard.compress(TEXT[100:])),
        ("identity", TEXT),
    ],
)
def test_a_compressed_body_is_decompressed(serve: Serve, coding: str, body: bytes) -> None:
    requests: list[bytes] = []
    url = serve(answering(body, f"Content-Encoding: {coding}", requests=requests))
    with closing(HttpTransport(url)) as transport:
        assert [transport.send(b"{}", timeout=PATIENCE) for _ in range(2)] == [TEXT, TEXT]
    assert b"\r\naccept-encoding: gzip, zstd\r\n" in requests[0].lower()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"not gzip at all"),
        ("gzip", gzip.compress(TEXT)[:-20]),
        ("gzip", gzip.compress(TEXT) + b"something else"),
        ("gzip", gzip.compress(TEXT)[:-6] + b"\0\0\0\0\0\0"),
        ("zstd", b"not zstd at all"),
        ("br", b"never asked for"),
        ("gzip, zstd", b"never asked for"),
    ],
)
def test_a_body_that_is_not_in_its_declared_encoding_is_an_error(serve: Serve, coding: str, body: bytes) -> None:
    error = failure(serve(answering(body, f"Content-Encoding: {coding}")))
    assert isinstance(error, BadRpcResponse)
    assert "could not be decompressed" in error.message


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_decompression_of_an_endless_body_is_aborted(serve: Serve, coding: str) -> None:
    gigabyte = zeros_of_a_gigabyte(coding)
    assert len(gigabyte) < 2 * 1024 * 1024
    url = serve(answering(gigabyte, f"Content-Encoding: {coding}"))
    tracemalloc.start()
    try:
        error = failure(url, timeout=PATIENCE)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(error, BadRpcResponse)
    assert f"larger than {LARGEST_ANSWER} bytes" in error.message
    assert peak < 4 * LARGEST_ANSWER


def zeros_of_a_gigabyte(coding: str) -> bytes:
    megabyte = bytes(1024 * 1024)
    if coding == "zstd":
        whole = zstandard.ZstdCompressor().compressobj()
        return b"".join(whole.compress(megabyte) for _ in range(1024)) + whole.flush()
    # After a full flush, equal data is compressed to equal bytes. The end of the stream is missing.
    compressor = zlib.compressobj(9, wbits=31)
    first, other = (compressor.compress(megabyte) + compressor.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + other * 1023
