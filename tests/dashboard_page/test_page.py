"""The page of the dashboard in Chromium: a run that plays, the real server, and an exported file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard_page.stage import MILLISECONDS, SHOWN, THEMES, WIDTHS, Stage, Visit, visit

SUBJECTS = ("loss", "tokens", "bandwidth", "evals", "lr", "members", "witnesses", "rewards")
LOST = re.compile("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE")

expect.set_options(timeout=MILLISECONDS)
pytestmark = pytest.mark.first  # so that one process plays the run, and starts Chromium once


def open_run(visited: Visit, stage: Stage) -> Page:
    """The page of the run, with its curves and its history."""
    visited.page.goto(f"{stage.url}#/{stage.address}")
    expect(visited.page.locator("#plot-loss svg.curves")).to_be_visible()
    expect(visited.page.locator("#transactions tbody tr").nth(3)).to_be_visible()
    return visited.page


def documents(stage: Stage) -> dict[str, list[dict[str, Any]]]:
    """The curves of the server, by subject."""
    content = httpx.get(f"{stage.url}api/runs/{stage.address}/curves").raise_for_status().json()
    return {what: [one for one in content["curves"] if one["what"] == what] for what in SUBJECTS}


def check_charts(page: Page, curves: dict[str, list[dict[str, Any]]]) -> None:
    """Every chart draws all points of its curves, and its table has their exact values."""
    page.evaluate("document.querySelectorAll('.chart details').forEach((one) => { one.open = true; })")
    expect(page.locator(".chart table")).to_have_count(page.locator(".chart details").count())
    for what, expected in curves.items():
        chart = page.locator(f"#plot-{what}")
        points = [point for curve in expected for point in curve["points"]]
        assert points
        expect(chart.locator("svg.curves")).to_have_attribute("data-points", str(len(points)))
        assert chart.locator("path.line").count() > len(expected)  # in the legend and in the drawing
        shown = chart.locator("tbody").evaluate("body => [...body.querySelectorAll('td [title]')].map(x => x.title)")
        scale = 10**6 if what == "rewards" else 1
        values = {float(value) for value in shown}
        for curve in expected:  # of values at the same time, the last one holds
            lasting = {point[curve["axis"]]: point["value"] for point in curve["points"]}
            for wanted in lasting.values():
                assert wanted is None or any(abs(wanted / scale - one) <= 1e-9 * abs(one) for one in values), what
        left_out = sum(curve["not_finite"] for curve in expected)
        if left_out:
            expect(chart).to_contain_text(f"Not a number, left out: {left_out}.")


def test_a_run_is_found_in_the_list_and_followed_while_it_plays(browser: Browser, stage: Stage) -> None:
    with visit(browser) as visited:
        page = visited.page
        page.goto(stage.url)
        expect(page.locator(".connection")).to_have_text(re.compile("Live"))
        page.get_by_label("Search").fill("nothing")
        expect(page.locator("tbody")).to_contain_text("None that passes the filter.")
        page.get_by_label("Search").fill("TIN")
        page.get_by_role("link", name="tiny").click()
        expect(page.locator("h1")).to_contain_text(SHOWN)
        expect(page.locator("#plot-loss svg.curves")).to_be_visible()
        assert page.locator("main img").count() == 0
        curves = documents(stage)
        assert sum(one["not_finite"] for one in curves["loss"]) > 0
        check_charts(page, curves)

        # What the reader does is not disturbed by updates.
        signer = page.get_by_label("Signer")
        signer.focus()
        page.keyboard.type("abc")
        before = page.evaluate("[scrollY, document.activeElement.outerHTML]")
        step = stage.run.account.step
        expect(page.locator(".states")).to_have_attribute("data-state", "Training")
        stage.run.play_round()
        expect(page.locator("#progress .tile").first).to_contain_text(f"{step + 1}of ")
        expect(page.locator("#plot-loss svg.curves")).to_have_attribute(
            "data-points", str(len(curves["loss"][0]["points"]) + 1)
        )
        assert page.evaluate("[scrollY, document.activeElement.outerHTML]") == before
        expect(signer).to_have_value("abc")

        # A change of the state is announced.
        stage.run.end_epoch()
        expect(page.locator("h1 .chip")).to_have_text("Waiting for members")
        expect(page.locator("#announcer")).to_contain_text("Waiting for members")
        expect(page).to_have_title(re.compile("^Waiting for members · tiny"))
        steps = stage.run.account.step - 1
        expect(page.locator("#plot-loss svg.curves")).to_have_attribute("data-points", str(steps))


def test_charts_are_read_and_zoomed_with_the_keyboard_and_the_pointer(browser: Browser, stage: Stage) -> None:
    with visit(browser) as visited:
        page = open_run(visited, stage)
        cursor, other = page.locator("#plot-loss .cursor"), page.locator("#plot-tokens .cursor")
        show_all = page.locator("#plot-loss .show-all")
        cursor.focus()
        page.keyboard.press("Home")
        expect(cursor).to_have_attribute("aria-valuetext", re.compile(r"^step 1; median \d"))
        expect(other).to_have_attribute("aria-valuetext", re.compile(r"^step 1; median \d"))  # all charts move together
        page.keyboard.press("ArrowRight")
        expect(cursor).to_have_attribute("aria-valuetext", re.compile("^step 2; "))
        expect(show_all).to_be_hidden()
        page.keyboard.press("+")
        expect(show_all).to_be_visible()
        page.keyboard.press("0")
        expect(show_all).to_be_hidden()
        box = cursor.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 100, box["y"] + 50)
        page.mouse.down()
        page.mouse.move(box["x"] + 200, box["y"] + 60)
        expect(page.locator("#plot-loss .selected")).to_be_attached()
        page.mouse.up()
        expect(show_all).to_be_visible()
        show_all.click()
        expect(show_all).to_be_hidden()
        expect(cursor).to_be_focused()


def test_the_page_is_used_with_the_keyboard(browser: Browser, stage: Stage) -> None:
    with visit(browser) as visited:
        page = open_run(visited, stage)
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()
        page.locator(".sections").get_by_role("link", name="Members").press("Enter")
        expect(page.locator("#members-title")).to_be_focused()
        earned = page.locator("#members").get_by_role("button", name="Earned")
        earned.press("Enter")
        expect(page.locator("#members th").filter(has_text="Earned")).to_have_attribute("aria-sort", "ascending")
        expect(earned).to_be_focused()
        failed = page.get_by_label("failed only")
        failed.press("Space")
        rows = page.locator("#transactions tbody tr")
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text("failed to pause the run")
        failed.press("Space")
        page.get_by_label("Kind").select_option("checkpoint")
        expect(rows.first).to_contain_text("checkpoint")


def test_axe_finds_no_serious_fault_and_no_width_scrolls(browser: Browser, stage: Stage) -> None:
    with visit(browser, width=min(WIDTHS)) as visited:
        page = visited.page
        page.goto(stage.url)
        expect(page.get_by_role("link", name="tiny")).to_be_visible()
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            assert visited.accessibility_faults() == []
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert visited.overflow() == 0
        open_run(visited, stage)
        page.emulate_media(color_scheme="light")
        assert visited.accessibility_faults() == []
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            expect(page.locator("#plot-loss svg.curves")).to_be_visible()
            assert visited.overflow() == 0

        # On paper: light, with the titles of the columns, and without what can only be operated.
        page.emulate_media(media="print", color_scheme="dark")
        expect(page.locator("#members thead")).to_contain_text("Wallet")
        expect(page.locator("#members thead th").first).to_be_visible()
        expect(page.get_by_role("button", name="Wallet")).to_be_visible()
        expect(page.locator("#transactions form")).to_be_hidden()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(251, 251, 250)"

        # Nothing moves for a reader who wants that.
        moving = "getComputedStyle(document.querySelector('.state rect')).transitionDuration"
        page.emulate_media(media="screen", reduced_motion="no-preference")
        assert page.evaluate(moving) != "0s"
        page.emulate_media(reduced_motion="reduce")
        assert page.evaluate(moving) == "0s"


def test_a_lost_server_is_shown_and_found_again(browser: Browser, stage: Stage) -> None:
    with visit(browser) as visited:
        visited.expected.append(LOST)
        page = open_run(visited, stage)
        expect(page.locator(".connection")).to_have_text(re.compile("Live"))
        port = stage.port
        stage.end(kill=True)
        expect(page.locator(".connection")).to_have_text(re.compile("Disconnected.*reconnecting"))
        stage.serve(port)
        expect(page.locator(".connection")).to_have_text(re.compile("Live"))
        expect(page.locator("h1")).to_contain_text("tiny")


def test_an_exported_file_is_the_same_page_without_a_network(browser: Browser, stage: Stage, exported: Path) -> None:
    with visit(browser, width=390, theme="dark", offline=True) as visited:
        page = visited.page
        page.goto(exported.as_uri())
        expect(page.locator(".connection")).to_contain_text("Exported")
        expect(page.locator("h1")).to_contain_text(SHOWN)
        assert visited.overflow() == 0
        assert visited.accessibility_faults() == []
        check_charts(page, documents(stage))
        page.get_by_label("failed only").check()
        expect(page.locator("#transactions tbody tr")).to_have_count(1)
