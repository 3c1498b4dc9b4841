"""A transport that changes what simulations return, and the verbs that are tried with it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import zstandard

from psyche_cli.transport import Transport
from tests.cli.conftest import House
from tests.cli.harness import CommandLine

Accounts: TypeAlias = list[dict[str, Any] | None]
"""The accounts of a simulation as in its JSON, in the order of the request: the payer first, the clock last."""


class Tampering:
    """Passes the accounts of every simulation to ``change``, which returns what the client receives instead."""

    def __init__(self, inner: Transport, change: Callable[[Accounts], Accounts | None]) -> None:
        self._inner, self._change = inner, change

    @property
    def label(self) -> str:
        return self._inner.label

    def send(self, body: bytes, *, timeout: float) -> bytes:
        answer: Any = json.loads(self._inner.send(body, timeout=timeout))
        for one in answer if isinstance(answer, list) else [answer]:
            value = one["result"].get("value") if isinstance(one.get("result"), dict) else None
            if isinstance(value, dict) and value.get("accounts"):
                value["accounts"] = self._change(value["accounts"])
        return json.dumps(answer).encode()

    def close(self) -> None:
        self._inner.close()


def tampered(house: House, change: Callable[[Accounts], Accounts | None]) -> CommandLine:
    """The command line of the house with tampered simulations."""
    return replace(house.cli, open_transport=lambda url: Tampering(house.chain.transport(url), change))


def data_of(account: dict[str, Any]) -> bytes:
    """The data of an account in a simulation."""
    return zstandard.ZstdDecompressor().decompress(base64.b64decode(account["data"][0]), max_output_size=1 << 20)


def with_data(account: dict[str, Any], data: bytes) -> dict[str, Any]:
    """The account with other data."""
    return {**account, "data": [base64.b64encode(zstandard.ZstdCompressor().compress(data)).decode(), "base64+zstd"]}
