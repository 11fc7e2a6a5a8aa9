"""Real Chromium in front of the demo's world: the server as it is started, six hosts, four people.

The world is made once a session: a test leaves it so that the next one, in any order, finds what it needs.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from demo.__main__ import Demo
from demo.platform import PASSWORD
from demo.servers import free_port
from demo.story import showing
from demo.world import World

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
# Tests run as root in containers, where there is no sandbox to be had; nothing is asked of the world outside.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
LANGUAGES = {"en": "en-GB", "zh-hans": "zh-CN"}
Open = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.ssh)
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": FLAGS}


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """hello 1.0 on six hosts, and an upgrade to 1.1 that waits for Bob."""
    demo = Demo(tmp_path_factory.mktemp("world"), free_port(), cluster=False)
    try:
        made = demo.start()
        showing.prepare(made)
        yield made
        made.close()
    finally:
        demo.remove()


@pytest.fixture
def open_page(world: World, browser: Browser) -> Iterator[Open]:
    """``open_page("/runs", "bob", language="zh-hans", theme="dark", width=390)``: signed in, in a browser of
    its own. What a page complains of in its console fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # A refused request is told there, too; whether it was right is the test's to say.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    def opened(
        path: str, who: str = "admin", *, language: str = "en", theme: str = "light", width: int = 1440
    ) -> Page:
        context = browser.new_context(
            base_url=world.platform.address,
            viewport={"width": width, "height": 900},
            locale=LANGUAGES[language],
            reduced_motion="reduce",
        )
        contexts.append(context)
        look = {"django_language": language, "theme": theme}
        context.add_cookies([{"name": n, "value": v, "url": world.platform.address} for n, v in look.items()])
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if who:
            sign_in(page, who)
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not complaints


def sign_in(page: Page, who: str) -> None:
    page.goto("/sign-in")
    page.fill('[name="username"]', who)
    page.fill('[name="password"]', PASSWORD)
    page.press('[name="password"]', "Enter")
    page.wait_for_selector("nav.places", state="attached")


def faults(page: Page) -> list[str]:
    """What axe finds; logs may hold any colours that somebody's program chose."""
    found = Axe().run(page, context={"exclude": [["log-view"]]})
    told = [
        f"{violation['id']}: {node['html'][:200]}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"):
        told.append("the page is wider than the window")
    return told
