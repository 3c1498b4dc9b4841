"""The URLs that a file service may send: none that leads back into this machine, unless the service runs here, too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from psyche_cli.errors import BadServiceResponse
from psyche_cli.operations.files.exchange import FileHttp
from psyche_cli.operations.files.progress import TransferProgress
from psyche_cli.operations.files.service import RunFiles
from psyche_cli.solana.wallet import Wallet

REMOTE = "https://files.example/v1"
LOCAL = "http://127.0.0.1:8000/v1"
LOCAL_TLS = "https://localhost:8000/v1"


class Answering:
    """Answers every request with ``document``; it stands for a service with a certificate, on another machine."""

    status = 200

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    @contextmanager
    def request(self, *_: object, **__: object) -> Iterator[Answering]:
        yield self

    def body(self, limit: int) -> bytes:
        return json.dumps(self._document).encode()[:limit]


class NoProgress:
    """Shows nothing."""

    def note(self, text: str) -> None:
        """Ignored."""


def service(base_url: str, url: str) -> RunFiles:
    """A service at ``base_url`` whose only file has this URL, for downloads and for uploads."""
    http = Answering({"urls": [{"path": "a", "url": url}], "url": url})
    return RunFiles(
        cast(FileHttp, http),
        Wallet.generate(),
        base_url=base_url,
        run_id="test",
        expires_in_seconds=60,
        progress=cast(TransferProgress, NoProgress()),
    )


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        (REMOTE, "http://127.0.0.1:8000/a"),
        (REMOTE, "https://127.0.0.1:8000/a"),
        (REMOTE, "http://localhost/a"),
        (REMOTE, "https://localhost/a"),
        (REMOTE, "http://[::1]/a"),
        (REMOTE, "http://storage.example/a"),
        (LOCAL, "http://storage.example/a"),
        (LOCAL_TLS, "http://storage.example/a"),
        (LOCAL, "ftp://127.0.0.1/a"),
    ],
)
def test_the_url_is_refused(base_url: str, url: str) -> None:
    files = service(base_url, url)
    for request in (files.downloads, lambda: files.upload("a")):
        with pytest.raises(BadServiceResponse) as caught:
            request()
        assert "a URL that is not https, or that is a server on this machine" in caught.value.message
        assert url not in caught.value.message


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        (REMOTE, "https://storage.example/a"),
        (LOCAL, "https://storage.example/a"),
        (LOCAL, "http://127.0.0.1:9000/a"),
        (LOCAL, "https://localhost/a"),
        (LOCAL_TLS, "http://127.0.0.1:9000/a"),
    ],
)
def test_the_url_is_used(base_url: str, url: str) -> None:
    files = service(base_url, url)
    assert files.downloads() == [("a", url)]
    assert files.upload("a") == url
