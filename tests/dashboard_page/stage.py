"""A run that really plays on a local validator, ``psyche-cli dashboard`` as a process, and pages in Chromium."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.timekeeping import ClockMode
from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator
from psyche_cli.solana.wallet import Wallet
from tests.clients.node import FOLDER, require_clients
from tests.history.story import START
from tests.support.patience import PATIENCE
from tests.support.training_story import TrainingStory

Theme = Literal["light", "dark"]
THEMES: Final[tuple[Theme, ...]] = ("light", "dark")
WIDTHS: Final = (390, 820, 1280)
MILLISECONDS: Final = 1000 * PATIENCE
MARKUP: Final = "</script><img src=x onerror=alert(1)>"
HOSTILE: Final = f"{MARKUP}\u202e\x1b[31m<b>"
"""Markup, a character that reverses what follows it, and one that begins a terminal's command."""
SHOWN: Final = f"{MARKUP}\ufffd\ufffd[31m<b>"
"""It in the page."""


def chromium() -> str | None:
    """The path of Chromium: ``CHROME``, or where Debian and others install it."""
    given = os.environ.get("CHROME")
    return given or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def launch_options(program: str) -> dict[str, Any]:
    """How Chromium is started: as root, it refuses its sandbox."""
    return {"executable_path": program, "args": ["--no-sandbox"] if os.geteuid() == 0 else []}


def url_of(process: subprocess.Popen[str]) -> str:
    """The URL of a dashboard that starts."""
    assert process.stdout is not None
    text = ""
    while not text.endswith("}\n") or text.count("{") != text.count("}"):
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.communicate()[1])
        text += line
    url: str = json.loads(text)["data"]["url"]
    return url


class HostileStory(TrainingStory):
    """A run with hostile texts wherever its owner and its members can store text."""

    repository = HOSTILE
    evaluations = (MARKUP[9:], "\u202e</script><b>")
    data = HOSTILE


class Stage:
    """A run, its validator, and the dashboard that serves it."""

    def __init__(self, folder: Path, validator: LocalValidator, run: TrainingStory) -> None:
        self.folder = folder
        self.validator = validator
        self.run = run
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    @property
    def address(self) -> str:
        """The address by which the page knows the run."""
        return str(self.run.instance.address)

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        endpoint = ("--rpc", self.validator.rpc_url)
        command = [sys.executable, "-m", "psyche_cli", *arguments, *endpoint, "--output", "json"]
        state = {"HOME": str(self.folder), "PSYCHE_CLI_STATE_DIR": str(self.folder / "state")}
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **state}
        )

    def serve(self, port: int = 0) -> None:
        """Start the dashboard."""
        self._process = self._start("dashboard", "--port", str(port))
        self.url = url_of(self._process)

    @property
    def port(self) -> int:
        """The port of the dashboard."""
        port = urlsplit(self.url).port
        assert port is not None
        return port

    def end(self, *, kill: bool = False) -> None:
        """End the dashboard."""
        if self._process is None:
            return
        if kill:
            self._process.kill()
        else:
            self._process.terminate()
        self._process.communicate(timeout=PATIENCE)
        self._process = None

    def export(self, path: Path) -> None:
        """Export the page of the run to a file."""
        process = self._start("dashboard", "export", "--run-id", self.run.run_id, "-o", str(path))
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, errors


@contextmanager
def opened_stage(folder: Path, run_id: str = "tiny", *, name: str | None = None, epochs: int = 1) -> Iterator[Stage]:
    """A run in the middle of an epoch, after ``epochs`` others, with the dashboard serving it.

    Without a name, its texts are hostile.
    """
    owner = Wallet.generate()
    genesis = Genesis(balances={owner.address: 10**11})
    options = LocalnetOptions(genesis=genesis, rpc_port=0, slot_seconds=0.4, clock_mode=ClockMode("fixed", START))
    with LocalValidator(options) as validator, closing(validator.open_transport()) as transport:
        run = HostileStory(transport, owner, run_id) if name is None else TrainingStory(transport, owner, run_id)
        run.begin(name=name or HOSTILE, description="A small model, for tests." if name else HOSTILE)
        for number in range(epochs):
            run.train(12)
            run.end_epoch()
            if number % 2 == 0:
                run.rest(300)
        run.train(6)
        stage = Stage(folder, validator, run)
        stage.serve()
        try:
            yield stage
        finally:
            stage.end()


class Visit:
    """A page, and everything that must not happen in it."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(MILLISECONDS)
        self.problems: list[str] = []
        self.expected: list[re.Pattern[str]] = []
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.problems.append(str(error.stack)))
        self.page.on("dialog", lambda dialog: self.problems.append(f"a dialog: {dialog.message}"))
        self.page.on("request", self._on_request)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    def _on_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "file") and parts.hostname != "127.0.0.1":
            self.problems.append(f"a request to {request.url}")

    def check(self) -> None:
        """Assert that nothing of that has happened."""
        left = [one for one in self.problems if not any(known.search(one) for known in self.expected)]
        assert not left

    def accessibility_faults(self) -> list[str]:
        """The serious and critical faults that axe-core finds."""
        require_clients()
        self.page.evaluate((FOLDER / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{one['id']}: {node['html']} ({node['failureSummary']})"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        width: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return width


@contextmanager
def visit(browser: Browser, *, width: int = 1280, theme: Theme = "light", offline: bool = False) -> Iterator[Visit]:
    """A new window."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, offline=offline)
    try:
        found = Visit(context)
        yield found
        found.check()
    finally:
        context.close()
