"""A seventh host, as somebody adds it who has only a browser; and what one does for oneself there."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from demo.world import World
from tests.browser.conftest import Open

WRONG = """\
stages:
  - rollout:
      name: Greet
      steps:
      - {name: Say, kind: comand, command: hostname}
"""
STAGES = ["resolve", "connect", "host_key", "sign_in", "shell", "root", "disk", "clock"]


def ask_to(page: Page, button: str, word: str = "") -> None:
    """Press a button that asks first, and say yes."""
    page.get_by_role("button", name=button, exact=True).click()
    dialog = page.locator("dialog#ask")
    expect(dialog).to_be_visible()
    if word:
        expect(dialog.locator('[value="yes"]')).to_be_disabled()
        dialog.locator("input").fill(word)
    dialog.locator('[value="yes"]').click()


def test_a_seventh_host_is_added_its_key_accepted_and_all_stages_pass(open_page: Open, world: World) -> None:
    host = world.hosts[0]
    root = host.folder / "srv-seventh"
    page = open_page("/hosts")
    page.get_by_role("link", name="Add a host").click()
    page.get_by_label("Name", exact=True).fill("seventh")
    page.get_by_label("Address").fill(host.address)
    page.get_by_label("Port").fill(str(host.port))
    page.get_by_label("User").fill(host.user)
    page.get_by_label("Root").fill(str(root))
    page.get_by_label("Labels").fill("no equals")
    expect(page.locator(".new-credential")).to_be_hidden()
    page.get_by_label("Credential", exact=False).first.select_option(label="A new one…")
    expect(page.locator(".new-credential")).to_be_visible()
    page.get_by_label("Credential", exact=False).first.select_option(label="demo-key")
    page.get_by_role("button", name="Add the host").click()
    expect(page.locator(".field.wrong .error")).to_contain_text("is not name=value")
    expect(page.get_by_label("Root")).to_have_value(str(root))
    page.get_by_label("Labels").fill("rack=b7")
    page.get_by_role("button", name="Add the host").click()
    try:
        _accept_and_check(page, host.host_key)
    finally:
        page.goto("/hosts?label=rack%3Db7")
        page.get_by_role("link", name="seventh").click()
        ask_to(page, "Delete", "seventh")
        page.wait_for_url(re.compile(r"/hosts$"))
    expect(page.get_by_role("link", name="seventh")).to_have_count(0)
    assert len(list(world.admin.items("/hosts"))) == 6


def _accept_and_check(page: Page, key: str) -> None:
    page.wait_for_url(re.compile(r"/hosts/\d+/keys"))
    page.get_by_role("button", name="Ask the host for its keys").click()
    expect(page.locator("main")).to_contain_text("ssh-keygen -lf")
    offers = page.locator(".key-offer")
    expect(offers).to_have_count(1)
    assert key.split()[0] in (offers.text_content() or "")
    page.get_by_role("button", name="It is the same: accept it").click()
    page.wait_for_url(re.compile(r"/hosts/\d+$"))
    page.get_by_role("button", name="Check the connection").click()
    # The folder above its root is there and writable, and the machine is the one of demo-1 with another root.
    expect(page.locator('[data-stage][data-status="succeeded"]')).to_have_count(len(STAGES), timeout=20_000)
    assert page.locator("[data-stage]").evaluate_all("all => all.map(one => one.dataset.stage)") == STAGES
    expect(page.locator('[data-reach="reached"]')).to_be_visible()
    expect(page.locator("aside")).to_contain_text("rack=b7")


def test_a_changed_key_is_told_with_both_fingerprints_and_asks_for_the_name(
    open_page: Open, world: World
) -> None:
    host_id = world.kept.hosts[world.names[1]]
    (known,) = world.admin.get(f"/hosts/{host_id}")["keys"]
    (other,) = world.admin.get(f"/hosts/{world.kept.hosts[world.names[2]]}")["keys"]
    world.admin.post(f"/hosts/{host_id}/keys", {"line": other["line"]})
    world.admin.client.delete(f"/hosts/{host_id}/keys/{known['fingerprint']}").raise_for_status()
    page = open_page(f"/hosts/{host_id}/keys")
    page.get_by_role("button", name="Ask the host for its keys").click()
    expect(page.get_by_role("alert")).to_contain_text("This is not the key that was accepted.")
    for fingerprint in (known["fingerprint"], other["fingerprint"]):
        expect(page.locator(".key-offer")).to_contain_text(fingerprint)
    accept = page.get_by_role("button", name="It is the same: accept it")
    accept.click()
    expect(page.get_by_role("alert").first).to_contain_text("Type demo-2")
    page.locator('.key-offer [name="confirm"]').fill("demo-2")
    page.get_by_role("button", name="It is the same: accept it").click()
    page.wait_for_url(re.compile(r"/hosts/\d+$"))
    assert [key["fingerprint"] for key in world.admin.get(f"/hosts/{host_id}")["keys"]] == [
        known["fingerprint"]
    ]


def test_a_token_from_the_page_opens_the_api_until_it_is_revoked(open_page: Open, world: World) -> None:
    page = open_page("/me", "ann")
    page.get_by_label("Name", exact=True).fill("from the browser")
    page.get_by_label("look at services, releases, runs and hosts").check()
    page.get_by_role("button", name="Make the token").click()
    token = page.locator("#shown-once").text_content() or ""
    address = f"{world.platform.address}/api/v1"
    bearer = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{address}/me", headers=bearer).json()["username"] == "ann"
    refused = httpx.put(
        f"{address}/projects/{world.kept.project}/roles/1", headers=bearer, json={"roles": []}
    )
    assert refused.status_code == 403
    page.reload()
    expect(page.locator("#shown-once")).to_have_count(0)
    row = page.locator("tr", has_text="from the browser")
    expect(row).to_contain_text(token[:10])
    row.get_by_role("button", name="Revoke").click()
    page.locator('dialog#ask [value="yes"]').click()
    expect(page.locator("tr", has_text="from the browser")).to_have_count(0)
    assert httpx.get(f"{address}/me", headers=bearer).status_code == 401


@pytest.mark.parametrize(("language", "word"), [("en", "registered"), ("zh-hans", "已登记")])
def test_the_journal_is_filtered_as_one_chooses(open_page: Open, language: str, word: str) -> None:
    page = open_page("/journal", language=language)
    page.locator('[name="subject"]').select_option("host")
    page.wait_for_url("**/journal?*subject=host*")
    page.locator('[name="act"]').select_option("host.created")
    page.wait_for_url("**act=host.created*")
    expect(page.locator("[data-act]").first).to_have_text(word)
    acts = page.locator("[data-act]").evaluate_all("all => [...new Set(all.map(one => one.dataset.act))]")
    assert acts == ["host.created"]


def test_hosts_are_found_by_keyboard(open_page: Open) -> None:
    page = open_page("/")
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.wait_for_url("**/hosts")
    page.keyboard.press("/")
    expect(page.locator("[data-search]")).to_be_focused()
    page.keyboard.type("demo-4")
    expect(page.locator("#hosts tr")).to_have_count(1)
    assert "search=demo-4" in page.url


def test_a_template_is_mended_at_its_line_and_its_task_is_looked_at(open_page: Open, world: World) -> None:
    page = open_page("/templates/new", "dee")
    page.get_by_label("Name", exact=True).fill("Greet")
    area = page.get_by_label("Text of the template")
    area.fill(WRONG)
    fault = page.locator("[data-line]")
    expect(fault).to_have_attribute("data-line", "5")
    expect(page.locator(".gutter .bad")).to_have_text("5")
    fault.click()
    expect(area).to_be_focused()
    area.fill((area.input_value()).replace("comand", "command"))
    expect(page.locator("#said")).to_contain_text("No faults.")
    page.get_by_role("button", name="Save the template").click()
    page.wait_for_url(re.compile(r"/templates/\d+$"))
    address = page.url
    page.get_by_role("link", name="Make a task").click()
    page.get_by_label("Name", exact=True).fill("Greet all")
    page.get_by_role("button", name="Save the task").click()
    page.wait_for_url(re.compile(r"/tasks/\d+$"))
    page.get_by_role("link", name="Run", exact=True).click()
    page.get_by_role("button", name="Look at the plan").click()
    expect(page.locator("main")).to_contain_text("On 6 hosts")
    page.get_by_role("button", name="Run this plan").click()
    page.wait_for_url(re.compile(r"/runs/\d+"))
    page.goto("/tasks")
    page.get_by_role("link", name="Greet all").click()
    ask_to(page, "Delete", "Greet all")
    page.wait_for_url(re.compile(r"/tasks$"))
    page.goto(address)
    ask_to(page, "Delete", "Greet")
    page.wait_for_url(re.compile(r"/templates$"))
