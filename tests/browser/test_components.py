"""The components, as somebody with a mouse and somebody with a keyboard uses them."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Open


def test_a_combo_box_is_searched_and_does_not_take_what_is_disabled(open_page: Open) -> None:
    page = open_page("/design")
    box = page.get_by_role("combobox", name="Version")
    box.fill("5b4a")
    expect(page.locator(".combo-list li")).to_have_count(1)
    box.press("Enter")
    expect(box).to_have_value("20261119093000-main-5b4a3c2d")
    assert page.locator("select#version").input_value() == "20261119093000-main-5b4a3c2d"
    box.click()
    page.locator(".combo-list li", has_text="9f8e7d6c").click(force=True)
    box.press("Escape")
    expect(box).to_have_value("20261119093000-main-5b4a3c2d")


def test_a_question_is_asked_before_a_form_acts(open_page: Open) -> None:
    page = open_page("/design")
    save = page.get_by_role("button", name="Save")
    save.click()
    dialog = page.get_by_role("dialog", name="Really?")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Cancel").click()
    assert page.url.endswith("/design")
    save.click()
    dialog.get_by_role("button", name="Save").click()
    page.wait_for_url("**/design?name=hello*")


def test_rows_are_chosen_in_bulk(open_page: Open) -> None:
    page = open_page("/design")
    rows = page.locator('bulk-select tbody input[type="checkbox"]')
    rows.nth(0).click()
    rows.nth(2).click(modifiers=["Shift"])
    expect(page.locator("[data-chosen]")).to_have_text("3")
    expect(page.get_by_label("All", exact=True)).to_be_checked()
    page.get_by_label("All", exact=True).click()
    expect(page.locator("[data-bulk]")).to_be_hidden()


def test_two_keys_go_to_a_place(open_page: Open) -> None:
    page = open_page("/design")
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.wait_for_url("**/approvals")


def test_the_menu_of_a_small_screen_opens(open_page: Open) -> None:
    page = open_page("/design", width=390)
    expect(page.locator("nav.places")).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(page.locator("nav.places")).to_be_visible()
