from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.dashboard_page.stage import Stage, chromium, launch_options, opened_stage


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A run that the tests continue."""
    with opened_stage(tmp_path_factory.mktemp("dashboard")) as opened:
        yield opened


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium. It is closed after the package, because Playwright's event loop would disturb tests with their own."""
    program = chromium()
    if program is None:
        reason = "needs Chromium: apt-get install chromium, or CHROME=/path"
        assert not os.environ.get("PSYCHE_CLI_REQUIRE_CHROMIUM"), reason
        pytest.skip(reason)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(**launch_options(program))
        yield found
        found.close()


@pytest.fixture(scope="package")
def exported(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the run in a file."""
    file = tmp_path_factory.mktemp("exported") / "run.html"
    stage.export(file)
    return file
