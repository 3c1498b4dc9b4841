"""The log of aiohttp's servers."""

from __future__ import annotations

from psyche_cli.operations.serving.bounded_server import http_logger


def test_http_log_distinguishes_internal_errors_from_client_errors() -> None:
    told: list[tuple[str, bool]] = []
    logger = http_logger(lambda line, ours: told.append((line, ours)))
    for error in (ConnectionResetError(), ValueError()):
        logger.error("Error handling request from %s", "127.0.0.1", exc_info=error)
    assert told == [
        ("http: Error handling request from 127.0.0.1: ConnectionResetError", False),
        ("http: Error handling request from 127.0.0.1: ValueError", True),
    ]
