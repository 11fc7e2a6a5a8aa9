"""Every page in both languages, light and dark, wide and narrow: axe and the console know of no fault."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open, faults

LOOKS = [("en", "light", 1440), ("zh-hans", "dark", 390)]
PAGES = [
    "/design",
    "/no-such-page",
    "/runs",
    "/runs?q=nothing-like-it",
    "/runs/1",
    "/runs/8",
    "/approvals",
    "/",
    "/?across=group",
    "/services",
    "/services/new",
    "/services/1",
    "/services/1/instances",
    "/services/1/timeline",
    "/services/1/settings",
    "/services/1/release?hosts=1,2",
    "/services/1/release?action=revert",
    "/versions/1",
    "/releases/2",
    "/releases/2/change",
    "/hosts",
    "/hosts?search=nothing-like-it",
    "/hosts/1",
    "/hosts/1/edit",
    "/hosts/1/keys",
    "/hosts/new",
    "/hosts/import",
    "/hosts/environments",
    "/hosts/environments/1",
    "/hosts/groups",
    "/hosts/credentials",
    "/hosts/credentials/1",
    "/people",
    "/people/2",
    "/people/new",
    "/people/projects",
    "/people/projects/1",
    "/people/roles",
    "/me",
    "/secrets",
    "/journal",
    "/journal?actor=nobody-like-it",
    "/templates",
    "/templates/new",
    "/tasks",
    "/tasks/new",
    "/channels",
    "/channels/new",
    "/schedules",
    "/schedules/new",
]


@pytest.mark.parametrize(("language", "theme", "width"), LOOKS)
def test_pages_are_without_faults(open_page: Open, language: str, theme: str, width: int) -> None:
    page = open_page("/design", language=language, theme=theme, width=width)
    told = {}
    for path in PAGES:
        page.goto(path)
        page.wait_for_load_state("networkidle")
        if found := faults(page):
            told[path] = found
    assert not told


@pytest.mark.parametrize(("language", "theme", "width"), LOOKS)
def test_the_sign_in_is_without_faults(open_page: Open, language: str, theme: str, width: int) -> None:
    page = open_page("/sign-in", "", language=language, theme=theme, width=width)
    assert not faults(page)


def test_a_browser_that_speaks_chinese_is_answered_in_chinese(open_page: Open) -> None:
    page = open_page("/sign-in", "", language="zh-hans")
    page.context.clear_cookies()
    page.reload()
    expect(page.locator("h1")).to_have_text("登录")
    page.get_by_label("账号与外观").click()
    page.get_by_role("button", name="English").click()
    expect(page.locator("h1")).to_have_text("Sign in")
