"""The built screen in a real Chromium: map, lists, alerts, orders, a lost link, an empty sky, hostile text.

Software GL draws a few frames a second, so state is asserted, never speed. The page's own `window.__skysentry` gives
the map; whatever else is asserted is what a person would read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from skysentry.events import Action, Affiliation, Health, HealthState, Order, Phase, Severity, TrackStatus
from skysentry.runtime.feed import Feed
from skysentry.web.server import STATIC

Serve = Callable[..., Any]
S = 1_000_000_000
ARGS = (
    "--headless",
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
WITHOUT_WEBGL = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-3d-apis", "--disable-background-networking")
# Drawing in software on a busy machine is slow; a wait that ends early costs nothing.
WAIT_MS = 60_000
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def chromium(need_program: Callable[[str], Path]) -> Path:
    program = need_program("chromium")
    if not (STATIC / "index.html").is_file():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("the screen is not built: make builds it")
    return program


@pytest.fixture(scope="module")
def driver(chromium: Path) -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(driver: Playwright, chromium: Path) -> Iterator[Browser]:
    running = driver.chromium.launch(executable_path=str(chromium), args=list(ARGS))
    yield running
    running.close()


class Screen:
    """A page on the screen, with what it asked for and what it complained of."""

    def __init__(self, browser: Browser) -> None:
        self.page: Page = browser.new_page(viewport={"width": 1000, "height": 640})
        self.page.set_default_timeout(WAIT_MS)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._console)
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _console(self, message: Any) -> None:
        if message.type == "error" and "ERR_CONNECTION_REFUSED" not in message.text:
            self.complaints.append(message.text)

    def open(self, url: str) -> Page:
        self.page.goto(url)
        self.page.wait_for_function("() => window.__skysentry?.picture.link === 'up'")
        return self.page

    def drawn(self, source: str, count: int = 1) -> None:
        """Wait until the map is loaded and has drawn so many features of a source."""
        self.page.wait_for_function(
            """([source, count]) => { const map = window.__skysentry.map;
            return map?.loaded() && map.queryRenderedFeatures().filter(f => f.source === source).length >= count; }""",
            arg=[source, count],
        )


@pytest.fixture
def screen(browser: Browser) -> Iterator[Screen]:
    made = Screen(browser)
    yield made
    made.page.close()


def test_the_map_shows_land_sensors_zones_and_tracks(feed: Feed, sky: Any, serve: Serve, screen: Screen) -> None:
    feed.publish(sky.now_ns, [*sky.scans(found=True), sky.track(), sky.track("b", affiliation=Affiliation.HOSTILE)])
    server = serve(feed)
    page = screen.open(server.url)
    for source, count in (("land", 1), ("rings", 1), ("sensors", 3), ("zones", 1), ("tracks", 2), ("ellipses", 2)):
        screen.drawn(source, count)
    screen.drawn("vectors", 2)
    screen.drawn("fans", 1)
    expect(page.get_by_test_id("mode")).to_have_text("LIVE")
    expect(page.get_by_test_id("track-count")).to_have_text("2")
    expect(page.get_by_test_id("sensors")).to_contain_text("2/3")
    assert screen.complaints == []
    assert all(url.startswith((server.url, "data:", f"blob:{server.url}")) for url in screen.requests)


def test_an_alert_appears_and_is_acknowledged_by_everybody(feed: Feed, sky: Any, serve: Serve, screen: Screen) -> None:
    taken: list[Order] = []

    def submit(order: Order) -> None:
        taken.append(order)
        feed.publish(sky.now_ns, [sky.alert(1, phase=Phase.ACKNOWLEDGED, by=order.by, sound=False)])

    feed.submit = submit
    feed.publish(sky.now_ns, [*sky.scans(), sky.track()])
    page = screen.open(serve(feed).url)
    expect(page.get_by_text("No alerts.")).to_be_visible()
    feed.publish(sky.now_ns, [sky.alert()])
    alert = page.get_by_test_id("alert")
    expect(alert).to_contain_text("URGENT")
    expect(alert).to_contain_text("1 drone heading for Kyiv, first in 41 s")
    expect(alert).to_contain_text("00:")
    expect(page.locator("[aria-live=assertive]")).to_contain_text("Urgent. 1 drone heading for Kyiv")
    page.get_by_role("button", name="ACK", exact=True).click()
    expect(alert).to_have_attribute("data-phase", "acknowledged")
    expect(alert).to_contain_text("acknowledged by operator")
    expect(page.get_by_role("button", name="ACK", exact=True)).to_have_count(0)
    assert [(order.action, order.target) for order in taken] == [(Action.ACKNOWLEDGE, "al-1")]


def test_keys_select_shelve_and_go_back(feed: Feed, sky: Any, serve: Serve, screen: Screen) -> None:
    taken: list[Order] = []
    feed.submit = taken.append
    feed.publish(sky.now_ns, [*sky.scans(), sky.track(), sky.alert()])
    page = screen.open(serve(feed).url)
    expect(page.get_by_test_id("alert")).to_be_visible()
    page.keyboard.press("j")
    expect(page.get_by_test_id("drawer")).to_contain_text("array-1 hears an engine at 52 Hz")
    assert "alert=al-1" in page.url
    page.keyboard.press("s")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_role("button", name="60 min").click()
    page.keyboard.press("v")
    page.wait_for_function("() => location.hash.includes('show=tuvz')")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("drawer")).to_have_count(0)
    page.wait_for_function("() => !location.hash.includes('alert=')")
    assert taken[0].until_ns == sky.now_ns + 3600 * S


def test_a_link_that_breaks_says_so_and_how_much_was_missed(feed: Feed, sky: Any, serve: Serve, screen: Screen) -> None:
    feed.publish(sky.now_ns, [*sky.scans(), sky.track()])
    first = serve(feed)
    page = screen.open(first.url)
    expect(page.get_by_test_id("link")).to_have_text("link")
    first.stop()
    expect(page.get_by_test_id("link-down")).to_contain_text("LINK DOWN since")
    expect(page.get_by_test_id("link")).to_have_text("link down")
    expect(page.get_by_test_id("track-count")).to_have_text("1")
    again = Feed(sky.site, "live", sky.clock)
    again.publish(sky.now_ns, [*sky.scans(), sky.track(), sky.track("new")])
    serve(again, port=first.port)
    expect(page.get_by_test_id("link-down")).to_have_count(0)
    expect(page.get_by_test_id("link-back")).to_contain_text("s missed")
    expect(page.get_by_test_id("track-count")).to_have_text("2")


def test_an_empty_sky_is_a_statement_with_proof(feed: Feed, sky: Any, serve: Serve, screen: Screen) -> None:
    feed.publish(sky.now_ns, sky.scans(found=True))
    page = screen.open(serve(feed).url)
    words = page.get_by_test_id("empty-sky")
    at = time.strftime("%H:%M:%SZ", time.gmtime(sky.now_ns // S))
    expect(words).to_have_text(f"No tracks. 2 sensors listening, last detection {at}.")
    feed.publish(sky.now_ns, [sky.track()])
    expect(words).to_have_count(0)


def test_hostile_text_is_text(feed: Feed, sky: Any, serve: Serve, screen: Screen) -> None:
    bad = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    identity = replace(sky.track().identity, value=bad, callsign=bad, description=bad)
    health = Health(
        id="h", time_ns=sky.now_ns, received_ns=sky.now_ns, source="array-1", state=HealthState.DEGRADED, reason=bad
    )
    feed.publish(sky.now_ns, [*sky.scans(), health, sky.track(identity=identity, why=bad), sky.alert(why=bad)])
    page = screen.open(serve(feed).url + "/#alert=al-1")
    expect(page.get_by_test_id("alert")).to_contain_text(bad)
    expect(page.get_by_test_id("drawer")).to_contain_text(bad)
    page.get_by_test_id("sensor").filter(has_text="array-1").click()
    expect(page.get_by_test_id("drawer")).to_contain_text(bad)
    assert page.locator("img").count() == 0
    assert page.title() == "▲ Test site"
    assert screen.complaints == []


def test_sensors_in_trouble_are_told(feed: Feed, sky: Any, serve: Serve, screen: Screen) -> None:
    lost = Health(
        id="h", time_ns=sky.now_ns, received_ns=sky.now_ns, source="radar-1", state=HealthState.LOST,
        reason="no data for 30 s", mend="check the cable",
    )  # fmt: skip
    feed.publish(sky.now_ns, [*sky.scans(), lost])
    page = screen.open(serve(feed).url)
    row = page.get_by_test_id("sensor").filter(has_text="radar-1")
    expect(row).to_have_attribute("data-state", "lost")
    expect(page.get_by_test_id("sensors")).to_contain_text("1/3▲1")
    row.click()
    expect(page.get_by_test_id("drawer")).to_contain_text("check the cable")
    sky.now_ns += 60 * S  # the array says nothing for a minute
    expect(page.get_by_test_id("sensor").filter(has_text="array-1")).to_have_attribute("data-state", "late")


def test_a_kiosk_shows_and_takes_nothing(feed: Feed, sky: Any, serve: Serve, screen: Screen) -> None:
    feed.publish(sky.now_ns, [*sky.scans(), sky.track(), sky.alert()])
    page = screen.open(serve(feed).url + "/?kiosk#track=mic@1%230")
    expect(page.get_by_test_id("drawer")).to_contain_text("SERIAL1")
    expect(page.get_by_test_id("drawer")).not_to_contain_text("OP-7")
    expect(page.get_by_role("button", name="ACK", exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name="hostile")).to_have_count(0)


def test_a_coasting_track_and_the_end_of_an_alert(feed: Feed, sky: Any, serve: Serve, screen: Screen) -> None:
    seen_ns = sky.now_ns - 14 * S
    feed.publish(sky.now_ns, [*sky.scans(), sky.alert(), sky.track(status=TrackStatus.COASTING, last_seen_ns=seen_ns)])
    page = screen.open(serve(feed).url)
    expect(page.get_by_test_id("track")).to_contain_text("s ago")
    over = sky.alert(1, phase=Phase.ALL_CLEAR, severity=Severity.INFO, why="all clear for Kyiv: 1 flew away")
    feed.publish(sky.now_ns, [over, sky.track(status=TrackStatus.ENDED)])
    expect(page.get_by_test_id("alert")).to_contain_text("ALL CLEAR")
    expect(page.get_by_test_id("alert-count")).to_have_text("0")
    expect(page.locator("[aria-live=assertive]")).to_contain_text("All clear.")
    expect(page.get_by_test_id("empty-sky")).to_be_visible()


def test_a_token_is_asked_for_and_opens(feed: Feed, sky: Any, serve: Serve, browser: Browser) -> None:
    feed.publish(sky.now_ns, [sky.track()])
    page = browser.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(serve(feed, "a long secret").url)
    page.get_by_label("This server asks for its token.").fill("a long secret")
    page.get_by_role("button", name="Enter", exact=True).click()
    expect(page.get_by_test_id("track-count")).to_have_text("1")
    assert "secret" not in page.url
    page.close()


def test_without_webgl_the_lists_go_on(feed: Feed, sky: Any, serve: Serve, driver: Playwright, chromium: Path) -> None:
    feed.publish(sky.now_ns, [*sky.scans(), sky.track(), sky.alert()])
    running = driver.chromium.launch(executable_path=str(chromium), args=list(WITHOUT_WEBGL))
    page = running.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(serve(feed).url)
    expect(page.get_by_text("This browser has no WebGL")).to_be_visible()
    expect(page.get_by_role("img", name="Tracks by distance and bearing")).to_be_visible()
    expect(page.get_by_test_id("alert")).to_contain_text("URGENT")
    running.close()
