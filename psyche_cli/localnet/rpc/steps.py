"""Answers that take long, in steps: the server handles other connections between them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Final, TypeAlias

from psyche_cli.localnet.rpc.fault import RpcFault
from psyche_cli.solana.rpc.codes import SCAN_ERROR

MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""The maximum size of the response to one request, in bytes."""

Steps: TypeAlias = "Generator[None, None, list[bytes]]"
"""Work that yields between its steps and returns a response in pieces."""


class SlowResult:
    """The result of a method that takes long: its JSON text in parts, each of which takes a millisecond or so.

    The parts must be from one state of the chain, though it may change before the last of them is composed. A part may
    be empty; an RpcFault in place of a part replaces the whole result.
    """

    def __init__(self, parts: Iterator[str]) -> None:
        self.parts = parts


def too_large() -> RpcFault:
    """-32012, for a request whose result is larger than a response may be."""
    return RpcFault(
        SCAN_ERROR, f"The result has more than {MAX_ANSWER_BYTES >> 20} MiB. Select less, with filters or dataSlice."
    )


def encoded(result: SlowResult, before: bytes, after: bytes) -> Steps:
    """The result in pieces, between ``before`` and ``after``. Raises RpcFault if it is too large."""
    pieces, size = [before], 0
    for part in result.parts:
        if part:
            pieces.append(part.encode())
            size += len(pieces[-1])
            if size > MAX_ANSWER_BYTES:
                raise too_large()
        yield
    pieces.append(after)
    return pieces


def completed(steps: Steps) -> bytes:
    """The response of steps that are taken at once."""
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        return b"".join(stop.value)
