"""Runs as people watch and steer them: live without a reload, through a broken line, by mouse and by keys."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Browser, Page, expect

from demo.story.asking import finish
from demo.world import World
from tests.browser.conftest import Open, faults, sign_in

SOON = 30_000  # ms: hosts on a busy machine


def command(name: str, text: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": "command", "params": {"command": text}, **more}


def start(
    world: World, *steps: dict[str, Any], title: str = "Try", hosts: list[str] | None = None, **more: Any
) -> int:
    """A run of one rollout."""
    rollout = {"name": "work", "hosts": {"names": hosts or world.names}, "steps": list(steps), **more}
    stages = [[{"rollout": rollout}]]
    body = {"project_id": world.kept.project, "title": title, "stages": stages}
    made: int = world.ann.post("/runs", body)["id"]
    return made


def start_asking(world: World, *steps: dict[str, Any], title: str) -> int:
    ask = {"name": "ask", "kind": "approval", "params": {"not_requester": True}}
    rollout = {"name": "work", "hosts": {"names": world.names}, "steps": list(steps)}
    stages = [[{"step": ask}], [{"rollout": rollout}]]
    made: int = world.ann.post("/runs", {"project_id": world.kept.project, "title": title, "stages": stages})[
        "id"
    ]
    return made


def status(page: Page, word: str) -> None:
    expect(page.locator("#run-head .status").first).to_have_text(word, timeout=SOON)


def test_bob_approves_in_the_inbox_and_watches_the_run_to_its_end(open_page: Open, world: World) -> None:
    run = start_asking(world, command("greet", "echo hello from the run"), title="Greet everybody")
    watching = open_page(f"/runs/{run}", "cy")
    status(watching, "waiting")
    page = open_page("/approvals", "bob")
    asked = page.locator("article.asked", has_text="Greet everybody")
    asked.get_by_label("Note").fill("looked at it")
    asked.get_by_role("button", name="Approve").click()
    page.wait_for_url("**/approvals")
    done = page.locator("#decided li", has_text="Greet everybody")
    expect(done).to_contain_text("bob")
    expect(done).to_contain_text("looked at it")
    # Nobody has reloaded this one.
    status(watching, "succeeded")
    expect(watching.locator(".cell[data-state=succeeded]")).to_have_count(len(world.names))
    expect(watching.locator(".log-window")).to_contain_text("hello from the run")
    expect(watching).to_have_title(re.compile("^succeeded · Greet everybody"))
    assert not faults(watching)


def test_who_asked_may_not_approve_and_reads_why(open_page: Open, world: World) -> None:
    run = start_asking(world, command("greet", "true"), title="Not by myself")
    page = open_page("/approvals", "ann")
    asked = page.locator("#others article", has_text="Not by myself")
    expect(asked.get_by_role("button", name="Approve")).to_be_disabled()
    world.ann.post(f"/runs/{run}/stop")


def test_a_log_goes_on_after_the_line_was_cut(open_page: Open, world: World) -> None:
    count = 'i=0; while [ $i -lt 120 ]; do i=$((i+1)); echo "number $i"; sleep 0.05; done'
    run = start(world, command("count", count), title="Count", hosts=world.names[:1])
    page = open_page(f"/runs/{run}", "cy")
    lines = page.locator(".log-window")
    expect(lines).to_contain_text("number 5", timeout=SOON)
    page.context.set_offline(True)
    page.wait_for_timeout(1500)
    page.context.set_offline(False)
    status(page, "succeeded")
    expect(page.locator("[data-count]")).to_have_text("120 lines", timeout=SOON)
    said = page.evaluate("document.querySelector('log-view').lines")
    assert said == [f"number {n}" for n in range(1, 121)]
    page.reload()
    expect(page.locator("[data-count]")).to_have_text("120 lines")
    # A log that one follows shows its end.
    expect(lines).to_contain_text("number 120")


def test_failures_are_found_filtered_and_given_up(open_page: Open, world: World) -> None:
    first, second = world.names[:2]
    work = f'echo begun; case "$INTERLOCK_HOST" in {first}|{second}) echo it broke; exit 3;; esac'
    run = start(
        world, command("work", work), title="Break on two", threshold=len(world.names), batches=["3", "100%"]
    )
    page = open_page(f"/runs/{run}", "ann")
    expect(page.locator(".cell[data-state=failed]")).to_have_count(2, timeout=SOON)
    # The log of what failed opens by itself.
    expect(page.locator("#log h2")).to_contain_text(f"{first} · work")
    expect(page.locator(".log-window")).to_contain_text("it broke")
    page.get_by_role("link", name=re.compile("^failed")).click()
    expect(page.locator(".cell")).to_have_count(2)
    page.keyboard.press("f")
    page.keyboard.press("f")
    expect(page.locator("#host h2")).to_have_text(re.compile(f"{first}|{second}"))
    assert "host=" in page.url and "status=failed" in page.url
    page.go_back()
    page.get_by_role("link", name=re.compile("^all")).click()
    expect(page.locator(".cell")).to_have_count(len(world.names))
    page.locator(".cell").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#host h2")).to_have_text(second)
    assert not faults(page)


def test_a_held_run_is_mended_host_by_host(open_page: Open, world: World) -> None:
    work = f'case "$INTERLOCK_HOST" in {world.names[0]}|{world.names[1]}) exit 3;; esac'
    run = start(world, command("work", work), title="Held", hosts=world.names[:3])
    page = open_page(f"/runs/{run}", "ann")
    card = page.locator(".ask-card.bad")
    expect(card).to_contain_text("exit code 3", timeout=SOON)
    card.get_by_role("link", name="Exclude").click()
    row = page.get_by_role("row", name=re.compile(world.names[0]))
    row.get_by_role("checkbox").check()
    page.locator("[data-bulk] input").fill("broken disk")
    page.locator("[data-bulk]").get_by_role("button", name="Exclude").click()
    page.locator("#ask").get_by_role("button", name="Exclude").click()
    expect(
        page.locator("tbody .status", has_text="excluded").or_(page.locator(".cell[data-state=excluded]"))
    ).to_have_count(0 if "status=failed" in page.url else 1, timeout=SOON)
    expect(page.locator("#acts")).to_contain_text("broken disk")
    page.locator(".ask-card.bad summary", has_text="Give up").click()
    page.locator(".ask-card.bad .verb[open]").get_by_label("Reason").fill("enough")
    page.locator(".ask-card.bad .verb[open]").get_by_role("button", name="Give up").click()
    status(page, "failed")
    expect(page.locator("#why")).to_contain_text("Of the hosts")


def test_a_stop_says_what_it_means_and_how_each_host_was_left(open_page: Open, world: World) -> None:
    run = start(world, command("sleep", "echo asleep; sleep 300"), title="Sleep", batches=["2", "100%"])
    page = open_page(f"/runs/{run}", "ann")
    expect(page.locator(".cell[data-state=running]")).to_have_count(2, timeout=SOON)
    stop = page.locator("#verb-stop")
    stop.locator("summary").click()
    expect(stop).to_contain_text("Nothing is undone")
    stop.get_by_label("Reason").fill("wrong day")
    # What is open and typed stays while the page is drawn anew.
    page.evaluate("document.querySelector('live-region').refresh()")
    expect(stop.get_by_label("Reason")).to_have_value("wrong day")
    stop.get_by_role("button", name="Stop the run").click()
    status(page, "canceled")
    expect(page.locator("#why")).to_contain_text("2 were left half done, and 4 are untouched")
    expect(page.locator(".cell[data-state=half_done]")).to_have_count(2)
    expect(page.locator("#acts")).to_contain_text("wrong day")
    # Whoever looks at a page from before reads what has become of it.
    answer = page.evaluate(
        """async (run) => { const form = new FormData();
        form.set('csrfmiddlewaretoken', document.querySelector('meta[name=csrf-token]').content);
        const said = await fetch(`/runs/${run}/stop`, {method: 'POST', body: form});
        return [said.status, await said.text()]; }""",
        run,
    )
    assert answer[0] == 409
    assert 'role="alert"' in answer[1]


def test_a_long_coloured_log_is_read_searched_and_addressed(open_page: Open, world: World) -> None:
    talk = (
        "i=0; while [ $i -lt 5000 ]; do i=$((i+1)); "
        r'printf "\033[3$((i%7+1))mline %d\033[0m of the \033[1mlog\033[0m, words enough to be wrapped where '
        r'it is narrow, and then some more of them, until the end\n" $i; done'
    )
    run = start(world, command("talk", talk), title="Talk", hosts=world.names[:1])
    page = open_page(f"/runs/{run}", "cy")
    expect(page.locator("[data-count]")).to_have_text("5,000 lines", timeout=SOON)
    rows = page.locator(".log-line")
    assert rows.count() < 120
    expect(page.locator(".log-window")).to_contain_text("line 5000")
    expect(page.locator(".log-line .ink-1, .log-line .ink-2").first).to_be_visible()
    page.locator(".log-window").focus()
    page.keyboard.press("Home")
    expect(rows.first).to_contain_text("line 1 of the log")
    expect(page.locator("[data-follow]")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("/")
    page.keyboard.type("line 4321")
    expect(page.locator("[data-hits]")).to_have_text("1/1")
    expect(page.locator(".log-line mark")).to_have_text("line 4321")
    page.locator(".log-line.current .no").click()
    assert page.url.endswith("#L4321")
    page.reload()
    expect(page.locator(".log-line.chosen")).to_contain_text("line 4321")
    page.locator("[data-wrap]").click()
    expect(page.locator(".log-line.chosen").first).to_be_visible()
    with page.expect_download() as taken:
        page.locator("a[data-file]").click()
    assert taken.value.path().read_bytes().count(b"\n") == 5000


def test_without_script_all_is_there(world: World, browser: Browser) -> None:
    run = start(world, command("say", "echo said without script"), title="Plain", hosts=world.names[:1])
    finish(world, {"run_id": run})
    context = browser.new_context(base_url=world.platform.address, java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    sign_in(page, "cy")
    page.goto(f"/runs/{run}")
    expect(page.locator(".log-plain")).to_contain_text("said without script")
    page.locator(".cell").click()
    expect(page.locator("#host h2")).to_have_text(world.names[0])
    context.close()
