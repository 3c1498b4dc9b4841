"""Write the pictures of the dashboard in ``docs/pictures``, from a run that is played on a local validator.

Needs Chromium (``CHROME=/path`` for another one than Debian's). The pictures differ a little each time.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402 -- after the path
from playwright.sync_api import Browser, expect, sync_playwright  # noqa: E402

from tests.dashboard_page.stage import MILLISECONDS, Stage, Theme, chromium, launch_options, opened_stage, visit  # noqa: E402

FOLDER = ROOT / "docs" / "pictures"
SHOTS: tuple[tuple[str, int, int, Theme], ...] = (
    ("dashboard.png", 1280, 1180, "light"),
    ("dashboard-dark.png", 820, 1180, "dark"),
    ("dashboard-phone.png", 390, 860, "dark"),
)
_COLORS = 96


def take(browser: Browser, stage: Stage, name: str, width: int, height: int, theme: Theme) -> None:
    """Write one picture, with few colors so that it is small."""
    with visit(browser, width=width, theme=theme) as visited:
        page = visited.page
        page.set_viewport_size({"width": width, "height": height})
        page.goto(f"{stage.url}#/{stage.address}")
        expect(page.locator("#plot-loss svg.curves")).to_be_visible()
        expect(page.locator("#transactions tbody tr").nth(3)).to_be_visible()
        path = FOLDER / name
        page.screenshot(path=path)
    Image.open(path).convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Play the run, and write the pictures."""
    program = chromium()
    if program is None:
        raise SystemExit("needs Chromium: apt-get install chromium, or CHROME=/path")
    expect.set_options(timeout=MILLISECONDS)
    with (
        tempfile.TemporaryDirectory() as folder,
        opened_stage(Path(folder), "tiny-llama", name="Tiny Llama", epochs=3) as stage,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(**launch_options(program))
        for shot in SHOTS:
            take(browser, stage, *shot)
        browser.close()


if __name__ == "__main__":
    main()
