"""A release with the mouse and with the keyboard: put together, looked at, approved by somebody else."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from demo.api import until
from demo.story.asking import ENDED, await_run
from demo.world import World
from tests.browser.conftest import Open

HOSTS = ("demo-4", "demo-5", "demo-6")
NOTHING = dict.fromkeys(("start", "stop", "health"), "true")


@dataclass
class Waver:
    """A service of its own, so that hello stays as the others expect it: v1 on three hosts, v2 ready."""

    world: World
    id: int
    versions: dict[str, int]

    def release(self, action: str, version: str | None, **more: Any) -> dict[str, Any]:
        named = {} if version is None else {"version": self.versions[version]}
        made: dict[str, Any] = self.world.ann.post(
            "/releases", {"service": self.id, "action": action, **named, **more}
        )
        await_run(self.world, made["run_id"], "succeeded")
        return made


@pytest.fixture
def waver(world: World) -> Iterator[Waver]:
    count = len(list(world.ann.items("/services")))
    body = {"project_id": world.kept.project, "name": f"waver-{count}", "language": "other"}
    made = world.dee.post("/services", {**body, "build_source": "upload", "settings": NOTHING})
    waver = Waver(world, made["id"], {})
    for name in ("v1", "v2"):
        file = {"file": (f"{name}.tar.gz", package(name))}
        sent = world.ann.client.post(f"/services/{waver.id}/uploads", files=file, data={"name": name})
        assert sent.status_code == 201, sent.text
        waver.versions[name] = sent.json()["id"]
    waver.release("deploy", "v1", hosts={"names": list(HOSTS)})
    yield waver
    for run in list(world.ann.items("/runs")):
        if run["origin"] == "release" and body["name"] in run["title"] and run["status"] not in ENDED:
            world.ann.post(f"/runs/{run['id']}/stop")  # of a test that failed half way
            await_run(world, run["id"], "canceled")
    waver.release("delete", None)


def package(text: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        member = tarfile.TarInfo("words")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text.encode()))
    return made.getvalue()


def run_of(page: Page) -> int:
    """The run that the page of a plan leads to."""
    link = page.locator('main .head a[href^="/runs/"]').first.get_attribute("href")
    assert link is not None
    return int(link.rsplit("/", 1)[1])


def choose(page: Page, word: str) -> None:
    page.locator(".switch span", has_text=word).first.click()


def test_an_upgrade_is_put_together_with_the_mouse_and_approved_by_bob(open_page: Open, waver: Waver) -> None:
    page = open_page(f"/services/{waver.id}", "ann")
    page.locator("main").get_by_role("link", name="Release…").first.click()
    plan = page.locator("#plan-side")
    expect(plan).to_contain_text("1 batch")
    choose(page, "One first, then the rest")
    expect(plan).to_contain_text("Batch 2")
    choose(page, "After the first batch")
    page.get_by_label("Ask for approval before the start").check()
    expect(plan).to_contain_text("1 person, not who asks")
    page.get_by_label("Note").fill("wave twice")
    page.get_by_role("button", name="Ask for approval").click()
    page.wait_for_url("**/releases/*")
    expect(page.locator("main")).to_contain_text("lack the right “approve”")
    expect(page.get_by_role("button", name="Approve")).to_be_disabled()

    bob = open_page(page.url, "bob")
    expect(bob.locator("main")).to_contain_text("“wave twice”")
    # The plan changes under his eyes: what he agrees to is what he had when he came.
    waver.world.ann.patch(f"/releases/{page.url.rsplit('/', 1)[1]}", {"threshold": 1})
    expect(bob.locator("main")).to_contain_text("plan 2", timeout=15_000)
    bob.get_by_role("button", name="Approve").click()
    expect(bob.locator("#refused")).to_contain_text("The plan is another one by now")
    bob.get_by_role("button", name="Approve").click()
    bob.get_by_role("link", name="To the run").wait_for()
    run = run_of(bob)

    page.goto("/")
    cell = page.locator(f"#line-{waver.id} .cell")
    expect(cell).to_contain_text("1/3", timeout=30_000)  # by itself: nobody reloads
    expect(cell).to_contain_text("2/3")
    cell.click()
    drawer = page.locator("#drawer")
    expect(drawer).to_be_visible()
    expect(drawer.get_by_role("link", name="ann").first).to_be_visible()
    page.keyboard.press("Escape")
    step = until("the run asks", partial(_confirming, waver.world, run))
    waver.world.ann.post(f"/runs/{run}/steps/{step}/go-on")
    await_run(waver.world, run, "succeeded")
    expect(cell.locator(".share")).to_have_count(1, timeout=30_000)
    expect(cell).to_contain_text("v2")


def _confirming(world: World, run: int) -> str | None:
    steps = world.ann.get(f"/runs/{run}")["steps"]
    return next((step["key"] for step in steps if step["phase"] == "confirm"), None)


def test_the_version_is_chosen_with_the_keyboard(open_page: Open, waver: Waver) -> None:
    page = open_page(f"/services/{waver.id}/release?action=deploy", "ann")
    plan = page.locator("#plan-side .plan-sum")
    expect(plan).to_contain_text("v2")
    box = page.get_by_role("combobox", name="Version", exact=True)
    box.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(box).to_have_value("v1")
    expect(plan).to_contain_text("v1")
    choose(page, "upgrade")
    # What an upgrade cannot go to is there, with the reason, and is passed over.
    expect(box).to_have_value("v2")
    box.click()
    old = page.locator(".combo-list li", has_text="v1")
    expect(old).to_contain_text("This is the version that is installed.")
    expect(old).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(box).to_have_value("v2")
    # Enter in a field of text sends nothing.
    page.get_by_label("Note").press("Enter")
    assert page.url.endswith("action=deploy")


def test_without_script_the_form_works_in_two_steps(open_page: Open, waver: Waver) -> None:
    page = open_page("/", "ann")
    state = page.context.storage_state()
    browser = page.context.browser
    assert browser is not None
    bare = browser.new_context(
        base_url=waver.world.platform.address, java_script_enabled=False, storage_state=state
    )
    try:
        page = bare.new_page()
        page.goto(f"/services/{waver.id}/release")
        page.select_option("#version", label="v2")
        choose(page, "By place")
        page.get_by_role("button", name="Look again").click()
        expect(page.get_by_role("button", name="Release", exact=True)).to_be_disabled()
        page.select_option("#by-environment", label="staging")
        page.get_by_role("button", name="Look again").click()
        page.get_by_label("Failed hosts allowed").fill("1")
        page.get_by_role("button", name="Release", exact=True).click()
        # Another plan than was looked at: shown first.
        expect(page.locator("#plan-side")).to_contain_text("3 hosts")
        page.get_by_role("button", name="Release", exact=True).click()
        page.wait_for_url("**/releases/*")
        await_run(waver.world, run_of(page), "succeeded")
    finally:
        bare.close()
