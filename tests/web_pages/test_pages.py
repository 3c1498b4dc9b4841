"""Web pages of other origins, in a real browser: they may read the local validator, but not control it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator

HOST = "explorer.example"
"""A name that only the browser resolves, to this machine."""


class OnePage(BaseHTTPRequestHandler):
    """An empty page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def validator() -> Iterator[LocalValidator]:
    with LocalValidator(LocalnetOptions(Genesis(programs={}), rpc_port=0)) as running:
        yield running


@pytest.fixture(scope="module")
def site() -> Iterator[int]:
    """The port of a site."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), OnePage)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(params=["127.0.0.1", HOST], ids=["a page of this machine", "a page of another origin"])
def page(browser: Browser, site: int, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(permissions=["local-network-access"])
    opened = context.new_page()
    if request.param == HOST:
        opened.route(f"https://{HOST}/", lambda route: route.fulfill(status=200, content_type="text/html", body=""))
        opened.goto(f"https://{HOST}/")
    else:
        opened.goto(f"http://127.0.0.1:{site}/")
    yield opened
    context.close()


ASK = """async ([url, method, params, headers]) => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const answer = await fetch(url, { method: 'POST', body, headers });
  return answer.json();
}"""
WITH_ANY_HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer x", "solana-client": "js/1.0.0"}


def test_page_reads_the_chain(page: Page, validator: LocalValidator) -> None:
    for headers in ({}, WITH_ANY_HEADERS):
        answer = page.evaluate(ASK, [validator.rpc_url, "getHealth", [], headers])
        assert answer == {"jsonrpc": "2.0", "result": "ok", "id": 1}
    assert page.evaluate("async (url) => (await fetch(url)).text()", f"{validator.rpc_url}/health") == "ok"


def test_only_pages_of_this_machine_control_the_chain(page: Page, validator: LocalValidator) -> None:
    answer = page.evaluate(ASK, [validator.rpc_url, "localnet_warpSlots", [1], WITH_ANY_HEADERS])
    if "127.0.0.1" in page.url:
        assert answer["result"]["slot"] > 1
    else:
        assert answer["error"]["code"] == -32600
        assert "web pages from other origins" in answer["error"]["message"]


def test_page_subscribes_but_never_controls_over_websocket(page: Page, validator: LocalValidator) -> None:
    ask = """([url, methods]) => new Promise((resolve, reject) => {
      const socket = new WebSocket(url), answers = [];
      socket.onerror = () => reject(new Error('the connection failed'));
      socket.onopen = () => methods.forEach((method, id) => {
        socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params: [] }));
      });
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        if ('id' in message) answers.push(message);
        if (answers.length === methods.length) { socket.close(); resolve(answers); }
      };
    })"""
    subscribed, refused = page.evaluate(ask, [validator.ws_url, ["slotSubscribe", "localnet_reset"]])
    assert isinstance(subscribed["result"], int)
    assert refused["error"] == {"code": -32601, "message": "Method not found"}
